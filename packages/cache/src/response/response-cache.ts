import { EventEmitter } from 'node:events';
import {
  after,
  AbortWatch,
  emit,
  functionOption,
  Measures,
  objectOption,
  signalOption,
  stringOption,
  type MeasureListener,
} from '@forge/internal';
import { EntryTable } from '../memory/entry-table.ts';
import { CacheError } from '../errors.ts';
import type { CacheEvents } from '../events.ts';
import { Flight, type Caller } from './flight.ts';
import { globMatcher, looksLikeRegExp } from './glob.ts';
import { METRIC_KINDS, type CacheMetrics, type MetricKinds } from '../metrics.ts';
import { entryTerms, tagsOption, ttlOption, type EntryTerms, type SetOptions } from '../memory/memory-options.ts';
import type { Milliseconds } from '../units.ts';
import {
  cacheSettings,
  lifetimeOf,
  type CacheConfig,
  type CacheSettings,
  type GetOrSetOptions,
  type Loader,
} from './cache-config.ts';

/** What a miss gives, for a stored `undefined` is a value. */
const ABSENT = Symbol('absent');
/** Places of the table that one turn of the event loop sweeps, and the pause before the next turn. */
const SWEEP_SLICE = 10_000;
const SWEEP_PAUSE: Milliseconds = 10;

/**
 * A cache of what loaders produce: one load per key however many ask, and no value that was loaded before an
 * invalidation is ever read after it.
 *
 * Every method does its work before it returns its promise, so an invalidation holds from the call on, awaited or not.
 * A wrong argument throws at once, a call after `close()` rejects with `CACHE_CLOSED`.
 *
 * @example
 * const cache = new ResponseCache<Tool[]>({ maxSize: 10_000, defaultTTL: 300_000 });
 * const tools = await cache.getOrSet(`tools:${server}`, ({ signal }) => listTools(server, { signal }), {
 *   tags: [server],
 * });
 * await cache.invalidateTag(server);
 */
export class ResponseCache<V = unknown> extends EventEmitter<CacheEvents> implements AsyncDisposable {
  readonly metricKinds: MetricKinds<CacheMetrics> = METRIC_KINDS;

  readonly #settings: CacheSettings<V>;
  readonly #memory: EntryTable<V>;
  readonly #measures = new Measures();

  /**
   * The load that a caller of the key joins. To take a load out of here is the write fence: whoever waits for it still
   * gets its value, but only a load that is found here stores one, and a later caller starts anew.
   */
  readonly #flights = new Map<string, Flight<V>>();
  /** Every load that somebody waits for, fenced ones included. */
  readonly #pending = new Set<Flight<V>>();
  readonly #watch = new AbortWatch<Caller<V>>((caller, reason) => caller.flight.leave(caller, reason));

  #stopSweep: () => void = () => {};
  #closing: Promise<void> | undefined;
  #onIdle: () => void = () => {};
  #warned = false;

  #coalesced = 0;
  #loads = 0;
  #loadErrors = 0;
  #storeErrors = 0;
  #invalidations = 0;

  /** @throws TypeError or RangeError when an option has the wrong type or is out of range */
  constructor(config: CacheConfig<V> = {}) {
    super();
    this.#settings = cacheSettings('create a ResponseCache', config);
    this.#memory = new EntryTable<V>(
      {
        ...this.#settings,
        onRemoval: (key, _value, reason) => emit(this, 'cacheEviction', () => ({ key, reason })),
      },
      (reason) => (reason === 'evicted' || reason === 'expired') && this.listenerCount('cacheEviction') > 0,
    );
    this.#sweepIn(this.#settings.cleanupInterval);
  }

  /** The value; undefined on a miss. A load that runs for the key is not waited for. */
  get(key: string): Promise<V | undefined> {
    stringOption('get an entry', 'the key', key);
    if (this.#closing !== undefined) return refused('get an entry');
    const value = this.#memory.get(key, ABSENT);
    emit(this, value === ABSENT ? 'cacheMiss' : 'cacheHit', () => ({ key }));
    return Promise.resolve(value === ABSENT ? undefined : value);
  }

  /**
   * Stores the value, and fences a load of the key that runs: it will not overwrite this.
   *
   * Returns whether it was stored: not when it is larger than `maxBytes` or its ttl is 0 or less. An older value of the
   * key is gone in any case. Throws at once what `MemoryCache.set` throws.
   */
  set(key: string, value: V, options: Milliseconds | SetOptions = {}): Promise<boolean> {
    const given = typeof options === 'number' ? { ttl: options } : options;
    const terms = entryTerms(this.#settings, key, value, given);
    if (this.#closing !== undefined) return refused('set an entry');
    this.#flights.delete(key);
    return Promise.resolve(this.#store(key, value, terms));
  }

  /**
   * The value, from the cache or else from the loader.
   *
   * Concurrent callers of a key share one load, with the first caller's loader, ttl and async context and the tags of
   * all. They should name the same tags: once any tag has been invalidated, a caller that brings another one starts a
   * load of its own, and fences the first. A caller whose signal aborts is rejected with the signal's reason, alone; when
   * the last has gone the loader's signal aborts and what it still returns is dropped. A rejection goes to every caller
   * and is never stored. A value that could be loaded but not stored, because `ttl` or `sizeOf` threw, is given all the
   * same and told of by `cacheError`.
   *
   * A loader must not ask for its own key: it would wait for itself.
   */
  getOrSet(key: string, loader: Loader<V>, options: GetOrSetOptions<V> = {}): Promise<V> {
    const intent = 'load an entry';
    stringOption(intent, 'the key', key);
    functionOption(intent, 'loader', loader);
    objectOption(intent, 'the options', options);
    const { ttl, signal } = options;
    if (typeof ttl !== 'function') ttlOption(intent, ttl);
    const tags = tagsOption(intent, options.tags);
    signalOption(intent, signal);
    if (this.#closing !== undefined) return refused(intent);
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);

    const running = this.#joinable(key, tags);
    if (running !== undefined) {
      if (this.#settings.metricsEnabled) this.#coalesced++;
      return running.join(signal, tags);
    }
    const value = this.#memory.get(key, ABSENT);
    if (value !== ABSENT) {
      emit(this, 'cacheHit', () => ({ key }));
      return Promise.resolve(value);
    }
    const result = this.#miss(key, loader, { ttl, tags, signal });
    // Last, so that whatever a listener does, it does to a load that runs.
    emit(this, 'cacheMiss', () => ({ key }));
    return result;
  }

  /** Removes the entry, fences a load of the key that runs, and returns whether there was an entry to read. */
  invalidate(key: string): Promise<boolean> {
    stringOption('invalidate an entry', 'the key', key);
    if (this.#closing !== undefined) return refused('invalidate an entry');
    this.#flights.delete(key);
    const removed = this.#memory.delete(key);
    if (removed) this.#invalidated([key]);
    return Promise.resolve(removed);
  }

  /**
   * Removes the entries that carry the tag, fences the loads that run for it, and returns how many entries there were to
   * read. O(entries with the tag + running loads).
   */
  invalidateTag(tag: string): Promise<number> {
    stringOption('invalidate a tag', 'the tag', tag);
    if (this.#closing !== undefined) return refused('invalidate a tag');
    for (const [key, flight] of this.#flights) {
      if (flight.tags.has(tag)) this.#flights.delete(key);
      else flight.seal();
    }
    return Promise.resolve(this.#invalidated(this.#memory.deleteTag(tag)));
  }

  /**
   * Removes the entries whose whole key matches the glob (`*` any run, `?` any one character), or in which the RegExp
   * finds a match, fences the loads of such keys, and returns how many entries there were to read. O(entries), in one go.
   */
  invalidatePattern(pattern: string | RegExp): Promise<number> {
    const matches = this.#matcher(pattern);
    if (this.#closing !== undefined) return refused('invalidate a pattern');
    for (const key of this.#flights.keys()) if (matches(key)) this.#flights.delete(key);
    return Promise.resolve(this.#invalidated(this.#memory.deleteMatching(matches)));
  }

  /** Removes every entry and fences every load; of the events it emits `cacheCleared` alone. O(running loads). */
  clear(): Promise<void> {
    if (this.#closing !== undefined) return refused('clear the cache');
    const { size } = this.#memory;
    this.#flights.clear();
    this.#memory.clear();
    emit(this, 'cacheCleared', () => ({ size }));
    return Promise.resolve();
  }

  /** A frozen snapshot: counters since the start, and what is held now. */
  getMetrics(): CacheMetrics {
    return Object.freeze({
      ...this.#memory.getMetrics(),
      coalesced: this.#coalesced,
      loads: this.#loads,
      loadErrors: this.#loadErrors,
      storeErrors: this.#storeErrors,
      invalidations: this.#invalidations,
      pending: this.#pending.size,
    });
  }

  /**
   * Hears each measured value until the returned function is called: `load`, the ms that a load took, failed or not,
   * unless its callers had left. Silent when `metricsEnabled` is off.
   */
  onMeasure(listener: MeasureListener): () => void {
    return this.#measures.add(listener);
  }

  /**
   * Drops every entry and refuses further calls; resolves when the loads that somebody waits for have settled, and their
   * callers before it. A load that never ends holds it up until its callers abort. Emits nothing.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#shut());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shut(): Promise<void> {
    this.#stopSweep();
    this.#flights.clear();
    this.#memory.clear();
    if (this.#pending.size > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }

  /** The load that a caller with these tags shares. */
  #joinable(key: string, tags: readonly string[]): Flight<V> | undefined {
    const flight = this.#flights.get(key);
    if (flight === undefined || flight.admits(tags)) return flight;
    this.#flights.delete(key);
    return undefined;
  }

  /** All is asked once more: who heard that the entry expired may have closed the cache, aborted or begun the load. */
  #miss(key: string, loader: Loader<V>, options: GetOrSetOptions<V> & { tags: readonly string[] }): Promise<V> {
    const { ttl, tags, signal } = options;
    if (this.#closing !== undefined) return refused('load an entry');
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    const begun = this.#joinable(key, tags);
    if (begun !== undefined) return begun.join(signal, tags);
    const flight = new Flight<V>(this.#watch, () => this.#land(key, flight));
    this.#flights.set(key, flight);
    this.#pending.add(flight);
    const result = flight.join(signal, tags);
    void this.#load(key, flight, loader, ttl);
    return result;
  }

  async #load(key: string, flight: Flight<V>, loader: Loader<V>, ttl: GetOrSetOptions<V>['ttl']): Promise<void> {
    const { metricsEnabled, clock } = this.#settings;
    const measuring = metricsEnabled && this.#measures.active;
    const startedAt = measuring ? clock.now() : 0;
    if (metricsEnabled) this.#loads++;
    try {
      const value = await loader({ signal: flight.signal });
      this.#keep(key, flight, value, ttl);
      flight.resolve(value);
    } catch (error) {
      if (metricsEnabled && !flight.signal.aborted) this.#loadErrors++;
      flight.reject(error);
    }
    this.#land(key, flight);
    if (measuring && !flight.signal.aborted) this.#measures.record('load', clock.now() - startedAt);
  }

  /** Stores what a load returned, unless the load is fenced. Never throws: its callers get the value in any case. */
  #keep(key: string, flight: Flight<V>, value: V, ttl: GetOrSetOptions<V>['ttl']): void {
    if (this.#flights.get(key) !== flight) return;
    try {
      const terms = entryTerms(this.#settings, key, value, { ttl: lifetimeOf(value, ttl) });
      // Asked again, and for the tags only now: the functions ttl and sizeOf may have called the cache.
      if (this.#flights.get(key) !== flight) return;
      this.#flights.delete(key);
      this.#store(key, value, { ...terms, tags: Object.freeze([...flight.tags]) });
    } catch (error) {
      if (this.#settings.metricsEnabled) this.#storeErrors++;
      emit(this, 'cacheError', () => ({ key, error }));
    }
  }

  /** Nobody waits for the load any more, or it has settled. */
  #land(key: string, flight: Flight<V>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
    this.#pending.delete(flight);
    if (this.#pending.size === 0) this.#onIdle();
  }

  #store(key: string, value: V, terms: EntryTerms): boolean {
    const stored = this.#memory.set(key, value, terms);
    if (stored) emit(this, 'cacheSet', () => ({ key, ttl: terms.ttl, tags: terms.tags }));
    return stored;
  }

  #invalidated(keys: readonly string[]): number {
    if (this.#settings.metricsEnabled) this.#invalidations += keys.length;
    for (const key of keys) emit(this, 'cacheInvalidated', () => ({ key }));
    return keys.length;
  }

  #matcher(pattern: string | RegExp): (key: string) => boolean {
    if (isRegExp(pattern)) return regExpMatcher(pattern);
    stringOption('invalidate a pattern', 'the pattern, when it is no RegExp,', pattern);
    if (!this.#warned && looksLikeRegExp(pattern)) {
      this.#warned = true;
      process.emitWarning(
        `invalidatePattern takes a string as a glob, in which only * and ? are special; to use ${JSON.stringify(pattern)} as a regular expression, pass a RegExp`,
        { code: 'FORGE_CACHE_GLOB' },
      );
    }
    return globMatcher(pattern);
  }

  #sweepIn(delay: Milliseconds): void {
    const sweep = (): void => {
      const done = this.#memory.sweep(SWEEP_SLICE);
      const { cleanupInterval } = this.#settings;
      if (this.#closing === undefined) this.#sweepIn(done ? cleanupInterval : Math.min(SWEEP_PAUSE, cleanupInterval));
    };
    this.#stopSweep = after(delay, sweep, { unref: true });
  }
}

function refused(intent: string): Promise<never> {
  return Promise.reject(new CacheError('CACHE_CLOSED', `Cannot ${intent}: the cache is closed`));
}

/** Another realm's too, which is no instance of this realm's class. */
function isRegExp(value: unknown): value is RegExp {
  return Object.prototype.toString.call(value) === '[object RegExp]';
}

/** On a copy: `test` with the flag g or y starts at `lastIndex` and moves it, so it must be reset, and on no one else's. */
function regExpMatcher(pattern: RegExp): (key: string) => boolean {
  const own = new RegExp(pattern.source, pattern.flags);
  return (key) => {
    own.lastIndex = 0;
    return own.test(key);
  };
}
