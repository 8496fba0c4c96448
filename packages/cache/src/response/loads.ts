import type { EventEmitter } from 'node:events';
import { Deadlines, emit, type Measures } from '@forge/internal';
import { CacheError } from '../errors.ts';
import type { Milliseconds } from '../units.ts';
import { lifetimeOf, type CacheSettings, type EntryOptions, type GetOrSetOptions } from './cache-config.ts';
import { Claims } from './claims.ts';
import { encoded, type Encoded } from './content.ts';
import type { Counters } from './counters.ts';
import type { Departures } from './departures.ts';
import { dependenciesOf, dependencyTag, ownTags } from './dependents.ts';
import type { Entry, Origin } from './entry.ts';
import type { Draft, FirstTier, Placed } from './first-tier.ts';
import type { Caller, Flight } from './flight.ts';
import type { Flights } from './flights.ts';
import { LoadContext, NOT_MODIFIED, type Loader, type Previous } from './loader.ts';
import type { Packed } from './packed.ts';
import type { Grant, SharedTier } from './shared-tier.ts';
import { Shrinking } from './shrinking.ts';
import type { Values } from './values.ts';

/** What a load works with; all of it belongs to the cache. */
export interface LoadParts<V> {
  readonly settings: CacheSettings<V>;
  readonly values: Values<V>;
  readonly first: FirstTier<V>;
  readonly flights: Flights<V>;
  readonly shared: SharedTier<V> | undefined;
  readonly departures: Departures;
  readonly counters: Counters;
  readonly measures: Measures;
  readonly events: EventEmitter;
  /** An entry was placed; `changed` undefined: nothing was there to compare it with. */
  readonly onPlaced: (key: string, entry: Entry, changed: boolean | undefined, origin: Origin) => void;
}

/** What was loaded. */
interface Loaded<V> {
  readonly value: V;
  readonly options: EntryOptions;
  readonly loadTime: Milliseconds;
  /** Kept on, for the loader said that it has not changed. */
  readonly kept: Entry | undefined;
}

/**
 * Runs loads: asks the second tier, calls the loader, keeps what may be kept, answers those who wait.
 *
 * Where there is no second tier a loader is called in the very turn in which it is asked for. Whoever waits is answered
 * when the value is in the first tier; writing it to the second goes on behind.
 */
export class Loads<V> {
  readonly #parts: LoadParts<V>;
  readonly #deadlines: Deadlines<() => void>;
  readonly #shrinking: Shrinking<V>;
  readonly #claims: Claims<V> | undefined;

  constructor(parts: LoadParts<V>) {
    this.#parts = parts;
    this.#shrinking = new Shrinking(parts.first, parts.values, (key, error) => this.#tell(key, error));
    this.#deadlines = new Deadlines(parts.settings.clock, (run) => run());
    const { shared } = parts;
    if (shared?.hasStore === true) this.#claims = new Claims({ ...parts, shared });
  }

  /** The flight has begun and has its callers. Never rejects. */
  async run(flight: Flight<V>, loader: Loader<V>, options: GetOrSetOptions<V>): Promise<void> {
    const { settings, shared, flights, measures } = this.#parts;
    const stop = this.#limit(flight, options.hardTimeout ?? settings.hardTimeout);
    let grant: Grant | undefined;
    let startedAt: Milliseconds | undefined;
    let took: Milliseconds | undefined;
    try {
      if (this.#claims !== undefined) {
        const claim = await this.#claim(this.#claims, flight);
        if (claim === 'served') return;
        grant = claim;
        // All may have left meanwhile.
        if (!flights.isRunning(flight)) return;
      }
      startedAt = settings.clock.now();
      const loaded = await this.#call(flight, loader);
      took = loaded.loadTime;
      if (flights.isRunning(flight) && this.#keep(flight, loaded, options, grant)) grant = undefined;
    } catch (error) {
      if (startedAt !== undefined) took = settings.clock.now() - startedAt;
      if (flights.isRunning(flight)) this.#fail(flight, error);
    } finally {
      stop();
      shared?.release(flight.key, grant);
      const isGivenUp = !flights.isRunning(flight);
      flights.end(flight);
      // Last, for who hears of it may load the key again.
      if (took !== undefined && settings.metricsEnabled && !isGivenUp) measures.record('load', took);
    }
  }

  /** Gives the caller what there is, should the load take longer; at once what serves while it is loaded anew. */
  serveStaleAfter(delay: Milliseconds, caller: Caller<V>): void {
    const { settings, first } = this.#parts;
    const { flight } = caller;
    const { fallback: stale } = flight;
    // Only the second tier's, on which others wait already; the first tier's own would have begun no load to wait for.
    if (stale !== undefined && settings.clock.now() < first.freshUntil(stale) + stale.staleWhileRevalidate) {
      return flight.settle(caller, () => this.#giveStale(stale));
    }
    if (delay === Infinity) return;
    const due = this.#deadlines.add(() => {
      const { fallback } = flight;
      if (fallback !== undefined && this.#mayServe(fallback)) flight.settle(caller, () => this.#giveStale(fallback));
    }, settings.clock.now() + delay);
    const cancel = (): void => this.#deadlines.remove(due);
    caller.promise.then(cancel, cancel);
  }

  /** What the second tier holds of the key, kept here too, unless it is stale. */
  fetch(key: string): Promise<Entry | undefined> {
    return this.#claims?.fetch(key) ?? Promise.resolve(undefined);
  }

  /**
   * Sends an entry that was set to the second tier, and tells the other processes if its content has changed. An
   * invalidation or a `set` that comes before its bytes are packed wins.
   */
  async share(key: string, entry: Entry, bytes: Packed | undefined, changed: boolean): Promise<void> {
    const { shared } = this.#parts;
    if (bytes === undefined || shared?.hasStore !== true) {
      // What cannot be encoded cannot be shared; that it is no longer what it was, can.
      return changed ? shared?.invalidate([{ kind: 'key', key }]) : undefined;
    }
    await this.#write(key, entry, bytes, { grant: undefined, isChange: changed });
  }

  /** A value's bytes and the name of its content, where they are needed; undefined when there is no way to encode it. */
  encode(key: string, value: V): Encoded | undefined {
    const { settings, shared } = this.#parts;
    if (settings.values === 'bytes') return encoded(settings, value);
    if (shared?.hasStore !== true) return undefined;
    try {
      return encoded(settings, value);
    } catch (error) {
      this.#tell(key, error);
      return undefined;
    }
  }

  /** A right that comes when the flight has been given up is given back. */
  async #claim(claims: Claims<V>, flight: Flight<V>): Promise<'served' | Grant | undefined> {
    const claiming = claims.claim(flight);
    try {
      return await unlessAborted(flight, () => claiming);
    } catch (error) {
      const release = (claim: 'served' | Grant | undefined): void => {
        if (claim !== 'served') this.#parts.shared?.release(flight.key, claim);
      };
      void claiming.then(release, () => {});
      throw error;
    }
  }

  async #call(flight: Flight<V>, loader: Loader<V>): Promise<Loaded<V>> {
    const { settings, counters } = this.#parts;
    const { key } = flight;
    const given = this.#previous(flight);
    const previous = given instanceof Promise ? await given : given;
    const startedAt = settings.clock.now();
    const context = new LoadContext<V>(key, flight, previous);
    counters.add('loads');
    const result = await unlessAborted(flight, () => loader(context));
    const loadTime = settings.clock.now() - startedAt;
    if (result !== NOT_MODIFIED) return { value: result as V, options: context.options, loadTime, kept: undefined };
    if (previous === undefined) {
      throw new TypeError(`Cannot keep the previous value of ${JSON.stringify(key)}: there is none`);
    }
    counters.add('notModified');
    return { value: previous.value, options: context.options, loadTime, kept: flight.fallback };
  }

  /** Undefined also when it cannot be read any more. */
  #previous(flight: Flight<V>): Previous<V> | undefined | Promise<Previous<V> | undefined> {
    const { settings, values } = this.#parts;
    const { fallback } = flight;
    if (fallback === undefined) return undefined;
    const { etag, bornAt } = fallback;
    const previous = (value: V): Previous<V> => ({ value, etag, age: settings.clock.now() - bornAt });
    const forget = (): undefined => (flight.fallback = undefined);
    try {
      const given = values.give(fallback.held);
      return given instanceof Promise ? given.then(previous, forget) : previous(given);
    } catch {
      return forget();
    }
  }

  /** The load has so long; returns what takes the limit back. */
  #limit(flight: Flight<V>, timeout: Milliseconds): () => void {
    if (timeout === Infinity) return () => {};
    const { settings, counters } = this.#parts;
    const due = this.#deadlines.add(() => {
      counters.add('loadTimeouts');
      const message = `Cannot load an entry: it took longer than ${timeout} ms`;
      flight.abort(new CacheError('CACHE_LOAD_TIMEOUT', message));
    }, settings.clock.now() + timeout);
    return () => this.#deadlines.remove(due);
  }

  /** Those who wait get the value in any case. Returns whether the right is used up. */
  #keep(flight: Flight<V>, loaded: Loaded<V>, options: GetOrSetOptions<V>, grant: Grant | undefined): boolean {
    const { values, flights, first, shared } = this.#parts;
    const { key } = flight;
    let prepared: Prepared | undefined;
    try {
      if (flights.mayStore(flight, flight.tags)) prepared = this.#prepare(flight, loaded, options);
    } catch (error) {
      this.#tell(key, error);
      this.#turnDown(flight, loaded.value);
      return false;
    }
    if (prepared === undefined || !flights.mayStore(flight, prepared.draft.entry.tags)) {
      this.#noteFence(flight);
      this.#turnDown(flight, loaded.value);
      return false;
    }
    const { draft, bytes } = prepared;
    flights.conclude(flight);
    const placed = first.place(key, draft);
    const { entry, outcome, changed } = placed;
    this.settled(key, draft, placed, 'load');
    flight.resolve(() => values.give(entry.held));
    const isChange = changed === true;
    if (bytes === undefined || grant === undefined || outcome === 'refused') {
      if (isChange) shared?.announce(key);
      return false;
    }
    void this.#write(key, entry, bytes, { grant, isChange });
    return true;
  }

  /** The entry has been placed, or refused. */
  settled(key: string, { terms }: Draft, { entry, outcome, changed }: Placed, origin: Origin): void {
    const { departures, settings, events, onPlaced } = this.#parts;
    if (outcome !== 'held') departures.add(key, { reason: outcome, at: settings.clock.now() });
    else if (changed !== false) emit(events, 'cacheSet', () => ({ key, ttl: terms.ttl, tags: ownTags(terms.tags) }));
    onPlaced(key, entry, changed, origin);
    if (outcome === 'held') this.#shrinking.add(key);
  }

  /** @throws what the user's functions throw, and for a value that cannot be kept in the way of this cache */
  #prepare(flight: Flight<V>, loaded: Loaded<V>, caller: GetOrSetOptions<V>): Prepared {
    const { first, values, settings } = this.#parts;
    const { value, options, loadTime, kept } = loaded;
    const { key, begun: checkedAt } = flight;
    const ttl = options.ttl ?? this.#lifetimeOf(value, caller.ttl);
    const known = this.encode(key, value);
    const held = kept?.held ?? (settings.values === 'bytes' ? known!.bytes : values.hold(value));
    const provenance = { held, contentId: known?.contentId, bornAt: settings.clock.now(), checkedAt, loadTime };
    const draft = (size: number | undefined): Draft => {
      const tags = [...flight.tags, ...(options.tags ?? []), ...(kept?.tags ?? [])];
      const dependsOn = [...dependenciesOf([...flight.tags]), ...(options.dependsOn ?? [])];
      const etag = options.etag ?? kept?.etag;
      const staleWhileRevalidate = options.staleWhileRevalidate ?? caller.staleWhileRevalidate;
      const staleIfError = options.staleIfError ?? caller.staleIfError;
      const said = { ttl, tags, dependsOn, etag, staleWhileRevalidate, staleIfError, size };
      return first.draft(key, value, said, provenance);
    };
    const drafted = draft(options.size ?? caller.size);
    // `sizeOf` may have called the cache: the tags of a caller that has joined since belong to the entry too.
    return { draft: settings.sizeOf === undefined ? drafted : draft(drafted.terms.size), bytes: known?.bytes };
  }

  /** A number was given before it was known that there is no value. */
  #lifetimeOf(value: V, ttl: GetOrSetOptions<V>['ttl']): Milliseconds | undefined {
    const isAbsence = value === undefined || value === null;
    const { negativeTTL } = this.#parts.settings;
    return isAbsence && negativeTTL !== undefined && typeof ttl !== 'function' ? negativeTTL : lifetimeOf(value, ttl);
  }

  /** The value goes to those who wait, to each as if it had been kept, and no further. */
  #turnDown(flight: Flight<V>, value: V): void {
    const { values } = this.#parts;
    let give = (): V | Promise<V> => value;
    try {
      const held = values.hold(value);
      give = () => values.give(held);
    } catch {
      // It cannot be kept in the way of this cache.
    }
    flight.resolve(give);
  }

  /** Who joined it until now, for nothing was known against it, must not store what is made from it either. */
  #noteFence({ key, isFenced }: Flight<V>): void {
    const { counters, departures, flights, settings } = this.#parts;
    counters.add('fenced');
    departures.add(key, { reason: 'fenced', at: settings.clock.now() });
    if (!isFenced) flights.fenceTag(dependencyTag(key));
  }

  /** Nobody joins it, but an invalidation that comes before the bytes are packed fences it. */
  async #write(
    key: string,
    entry: Entry,
    bytes: Packed,
    { grant, isChange }: { readonly grant: Grant | undefined; readonly isChange: boolean },
  ): Promise<void> {
    const { shared, first, flights } = this.#parts;
    const flight = flights.watch(key);
    const isCurrent = (): boolean => flights.mayStore(flight, entry.tags);
    const outcome = await shared!.write(key, entry, bytes, { grant, isCurrent });
    // An invalidation that this process has not heard of yet came before the value.
    if (outcome === 'refused') first.drop(key, entry);
    else if (isChange && outcome !== 'fenced') shared!.announce(key);
    flights.end(flight);
  }

  #fail(flight: Flight<V>, error: unknown): void {
    const { counters, first, flights, events } = this.#parts;
    const { key, fallback, isAwaited } = flight;
    counters.add('loadErrors');
    if (flights.mayStore(flight, flight.tags)) first.fail(key, error, [...flight.tags], flight.begun);
    if (fallback !== undefined && this.#mayServe(fallback)) flight.resolve(() => this.#giveStale(fallback));
    else flight.reject(error);
    if (!isAwaited) emit(events, 'cacheError', () => ({ key, error }));
  }

  /** To one who has counted as a miss, or as coalesced. */
  #giveStale({ held }: Entry): V | Promise<V> {
    const { counters, values } = this.#parts;
    counters.add('fallbacks');
    return values.give(held);
  }

  /** Whether a stale entry still serves where nothing better can be had. */
  #mayServe(entry: Entry): boolean {
    const { first, settings } = this.#parts;
    const window = Math.max(entry.staleIfError, entry.staleWhileRevalidate);
    return settings.clock.now() < first.freshUntil(entry) + window;
  }

  #tell(key: string, error: unknown): void {
    const { counters, events } = this.#parts;
    counters.add('storeErrors');
    emit(events, 'cacheError', () => ({ key, error }));
  }
}

interface Prepared {
  readonly draft: Draft;
  readonly bytes: Packed | undefined;
}

/** What comes of it, unless the flight is given up or out of time before. */
function unlessAborted<T, V>(flight: Flight<V>, run: () => T | PromiseLike<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    if (flight.isGivenUp) return reject(flight.signal.reason as Error);
    flight.onGivenUp(reject);
    const given = run();
    if (isPromiseLike(given)) given.then(resolve, reject);
    else resolve(given);
  });
}

function isPromiseLike<T>(given: T | PromiseLike<T>): given is PromiseLike<T> {
  return given instanceof Promise || typeof (given as PromiseLike<T> | undefined | null)?.then === 'function';
}
