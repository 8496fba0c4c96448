import type { EventEmitter } from 'node:events';
import { Deadlines, emit, type Measures } from '@forge/internal';
import { CacheError } from '../../errors.ts';
import { NO_TAGS } from '../../memory/memory-options.ts';
import type { Milliseconds } from '../../units.ts';
import { lifetimeOf, type CacheSettings, type EntryOptions, type GetOrSetOptions } from '../cache-config.ts';
import { Claims } from './claims.ts';
import { encoded, type Encoded } from '../entries/content.ts';
import type { Counters } from '../counters.ts';
import type { Departures } from '../entries/departures.ts';
import { dependenciesOf, dependencyTag, ownTags } from '../entries/dependents.ts';
import type { Entry, Origin } from '../entries/entry.ts';
import type { Draft, FirstTier, Placed } from '../entries/first-tier.ts';
import type { Caller, Flight } from './flight.ts';
import type { Flights } from './flights.ts';
import { LoadContext, NOT_MODIFIED, type Loader, type NotModified, type Previous } from './loader.ts';
import type { Packed } from '../values/packed.ts';
import type { Grant, SharedTier } from '../sharing/shared-tier.ts';
import { Shrinking } from '../entries/shrinking.ts';
import type { Values } from '../values/values.ts';

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
  readonly flight: Flight<V>;
  readonly value: V;
  /** What its loader said of it. */
  readonly options: EntryOptions;
  readonly bornAt: Milliseconds;
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

  /** The flight has begun and has its callers. */
  run(flight: Flight<V>, loader: Loader<V>, options: GetOrSetOptions<V>): void {
    const { hardTimeout = this.#parts.settings.hardTimeout } = options;
    if (hardTimeout !== Infinity) this.#limit(flight, hardTimeout);
    if (this.#claims === undefined) this.#ask(flight, loader, options);
    else void this.#claim(this.#claims, flight, () => this.#ask(flight, loader, options));
  }

  /** Gives the caller what there is, should the load take longer; at once what serves while it is loaded anew. */
  serveStaleAfter(delay: Milliseconds, caller: Caller<V>): void {
    const { settings, first } = this.#parts;
    const { flight } = caller;
    const { fallback: stale } = flight;
    // Only the second tier's, on which others wait already; the first tier's own would have begun no load to wait for.
    if (stale !== undefined && settings.clock.now() < first.freshUntil(stale) + stale.staleWhileRevalidate) {
      return flight.settle(caller, stale.held, (held) => this.#giveStale(held));
    }
    if (delay === Infinity) return;
    const due = this.#deadlines.add(() => {
      const { fallback } = flight;
      if (fallback === undefined || !this.#mayServe(fallback)) return;
      flight.settle(caller, fallback.held, (held) => this.#giveStale(held));
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

  /** Gets the value from the second tier, or the right to load it. */
  async #claim(claims: Claims<V>, flight: Flight<V>, load: () => void): Promise<void> {
    const { shared, flights } = this.#parts;
    try {
      const claim = await claims.claim(flight);
      if (claim === 'served') return flights.end(flight);
      flight.grant = claim;
      const release = (): void => shared!.release(flight.key, flight.grant);
      // It may have been given up meanwhile.
      if (!flights.isRunning(flight)) return release();
      flight.onEnd(release);
      load();
    } catch (error) {
      this.#fail(flight, error);
    }
  }

  /** Calls the loader, once it is known what there was before. */
  #ask(flight: Flight<V>, loader: Loader<V>, options: GetOrSetOptions<V>): void {
    const previous = this.#previous(flight);
    if (!(previous instanceof Promise)) return this.#call(new LoadContext(flight, previous), flight, loader, options);
    void previous.then((unpacked) => this.#call(new LoadContext(flight, unpacked), flight, loader, options));
  }

  #call(context: LoadContext<V>, flight: Flight<V>, loader: Loader<V>, options: GetOrSetOptions<V>): void {
    const { settings, flights, counters } = this.#parts;
    // All may have left meanwhile.
    if (!flights.isRunning(flight)) return;
    counters.loads += 1;
    flight.startedAt = settings.clock.now();
    outcomeOf(loader, context).then(
      (result) => this.#land(context, flight, result, options),
      (error: unknown) => this.#fail(flight, error),
    );
  }

  #land(context: LoadContext<V>, flight: Flight<V>, result: V | NotModified, options: GetOrSetOptions<V>): void {
    if (!this.#parts.flights.isRunning(flight)) return;
    try {
      const loaded = this.#loaded(context, flight, result);
      this.#keep(loaded, options);
      this.#end(flight, loaded.loadTime);
    } catch (error) {
      this.#fail(flight, error);
    }
  }

  #loaded({ previous, options }: LoadContext<V>, flight: Flight<V>, result: V | NotModified): Loaded<V> {
    const { settings, counters } = this.#parts;
    const bornAt = settings.clock.now();
    const loadTime = bornAt - flight.startedAt!;
    if (result !== NOT_MODIFIED) return { flight, value: result as V, options, bornAt, loadTime, kept: undefined };
    if (previous === undefined) {
      throw new TypeError(`Cannot keep the previous value of ${JSON.stringify(flight.key)}: there is none`);
    }
    counters.notModified += 1;
    return { flight, value: previous.value, options, bornAt, loadTime, kept: flight.fallback };
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

  /** A load that takes longer goes on, but nobody waits for it any more. */
  #limit(flight: Flight<V>, timeout: Milliseconds): void {
    const { settings, counters } = this.#parts;
    const due = this.#deadlines.add(() => {
      counters.loadTimeouts += 1;
      const error = new CacheError('CACHE_LOAD_TIMEOUT', `Cannot load an entry: it took longer than ${timeout} ms`);
      this.#fail(flight, error);
      flight.abort(error);
    }, settings.clock.now() + timeout);
    flight.onEnd(() => this.#deadlines.remove(due));
  }

  #end(flight: Flight<V>, took: Milliseconds | undefined): void {
    const { flights, settings, measures } = this.#parts;
    flights.end(flight);
    // Last, for who hears of it may load the key again.
    if (took !== undefined && settings.metricsEnabled) measures.record('load', took);
  }

  /** Those who wait get the value in any case. */
  #keep(loaded: Loaded<V>, options: GetOrSetOptions<V>): void {
    const { values, flights, first, shared } = this.#parts;
    const { flight } = loaded;
    const { key } = flight;
    let prepared: Prepared | undefined;
    try {
      if (flights.mayStore(flight, flight.tags)) prepared = this.#prepare(loaded, options);
    } catch (error) {
      this.#tell(key, error);
      return this.#turnDown(flight, loaded.value);
    }
    if (prepared === undefined || !flights.mayStore(flight, prepared.draft.entry.tags)) {
      this.#noteFence(flight);
      return this.#turnDown(flight, loaded.value);
    }
    const { draft, bytes } = prepared;
    flights.conclude(flight);
    const placed = first.place(key, draft);
    const { entry, outcome, changed } = placed;
    this.settled(key, draft, placed, 'load');
    flight.resolve(entry.held, values.give);
    const isChange = changed === true;
    const { grant } = flight;
    if (bytes === undefined || grant === undefined || outcome === 'refused') {
      if (isChange) shared?.announce(key);
      return;
    }
    // It is used up, and not given back.
    flight.grant = undefined;
    void this.#write(key, entry, bytes, { grant, isChange });
  }

  /** The entry has been placed, or refused. */
  settled(key: string, { terms }: Draft, { entry, outcome, changed }: Placed, origin: Origin): void {
    const { departures, settings, events, onPlaced } = this.#parts;
    if (outcome !== 'held') departures.add(key, outcome, settings.clock.now());
    else if (changed !== false) emit(events, 'cacheSet', () => ({ key, ttl: terms.ttl, tags: ownTags(terms.tags) }));
    onPlaced(key, entry, changed, origin);
    if (outcome === 'held') this.#shrinking.add(key);
  }

  /** @throws what the user's functions throw, and for a value that cannot be kept in the way of this cache */
  #prepare(loaded: Loaded<V>, caller: GetOrSetOptions<V>): Prepared {
    const { first, values, settings } = this.#parts;
    const { flight, value, options, bornAt, loadTime, kept } = loaded;
    const { key, begun: checkedAt } = flight;
    const ttl = options.ttl ?? this.#lifetimeOf(value, caller.ttl);
    const known = this.encode(key, value);
    const held = kept?.held ?? (settings.values === 'bytes' ? known!.bytes : values.hold(value));
    const provenance = { held, contentId: known?.contentId, bornAt, checkedAt, loadTime };
    const tagged = flight.tags.size;
    let draft = first.draft(key, value, entryOptions(loaded, caller, ttl), provenance);
    // `sizeOf` may have called the cache: the tags of a caller that has joined since belong to the entry too.
    if (flight.tags.size > tagged) {
      draft = first.draft(key, value, { ...entryOptions(loaded, caller, ttl), size: draft.terms.size }, provenance);
    }
    return { draft, bytes: known?.bytes };
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
    let held: unknown;
    try {
      held = values.hold(value);
    } catch {
      // It cannot be kept in the way of this cache.
      return flight.resolve(value, () => value);
    }
    flight.resolve(held, values.give);
  }

  /** Who joined it until now, for nothing was known against it, must not store what is made from it either. */
  #noteFence({ key, isFenced }: Flight<V>): void {
    const { counters, departures, flights, settings } = this.#parts;
    counters.fenced += 1;
    departures.add(key, 'fenced', settings.clock.now());
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

  /** Does nothing for a load that has been given up. */
  #fail(flight: Flight<V>, error: unknown): void {
    const { counters, first, flights, events, settings } = this.#parts;
    if (!flights.isRunning(flight)) return;
    const { key, fallback, isAwaited, startedAt } = flight;
    const took = startedAt === undefined ? undefined : settings.clock.now() - startedAt;
    counters.loadErrors += 1;
    if (flights.mayStore(flight, flight.tags)) first.fail(key, error, [...flight.tags], flight.begun);
    if (fallback !== undefined && this.#mayServe(fallback))
      flight.resolve(fallback.held, (held) => this.#giveStale(held));
    else flight.reject(error);
    if (!isAwaited) emit(events, 'cacheError', () => ({ key, error }));
    this.#end(flight, took);
  }

  /** To one who has counted as a miss, or as coalesced. */
  #giveStale(held: unknown): V | Promise<V> {
    const { counters, values } = this.#parts;
    counters.fallbacks += 1;
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
    counters.storeErrors += 1;
    emit(events, 'cacheError', () => ({ key, error }));
  }
}

interface Prepared {
  readonly draft: Draft;
  readonly bytes: Packed | undefined;
}

function outcomeOf<V>(loader: Loader<V>, context: LoadContext<V>): Promise<V | NotModified> {
  try {
    return Promise.resolve(loader(context));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** What the loader said wins over what the first caller asked for; the tags are those of all. */
function entryOptions<V>(
  { flight: { tags }, options, kept }: Loaded<V>,
  caller: GetOrSetOptions<V>,
  ttl: Milliseconds | undefined,
): EntryOptions {
  const isBare = tags.size === 0 && kept === undefined;
  return {
    ttl,
    size: options.size ?? caller.size,
    tags: isBare ? options.tags : [...tags, ...(options.tags ?? NO_TAGS), ...(kept?.tags ?? NO_TAGS)],
    dependsOn: isBare ? options.dependsOn : [...dependenciesOf(tags), ...(options.dependsOn ?? NO_TAGS)],
    etag: options.etag ?? kept?.etag,
    staleWhileRevalidate: options.staleWhileRevalidate ?? caller.staleWhileRevalidate,
    staleIfError: options.staleIfError ?? caller.staleIfError,
  };
}
