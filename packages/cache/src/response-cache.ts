import { EventEmitter } from 'node:events';
import { types } from 'node:util';
import { emit, functionOption, Measures, monotonic, type Clock, type MeasureListener } from '@forge/internal';
import { CacheError } from './errors.ts';
import type { CacheEvents } from './events.ts';
import { Flight } from './flight.ts';
import { globMatcher, looksLikeRegExp } from './glob.ts';
import { MemoryCache } from './memory-cache.ts';
import { METRIC_KINDS, type CacheMetrics, type MetricKinds } from './metrics.ts';
import {
  cleanupIntervalOption,
  lifetimeOf,
  signalOption,
  stringOption,
  tagsOption,
  ttlOption,
  type CacheConfig,
  type GetOrSetOptions,
  type Loader,
  type Milliseconds,
  type SetOptions,
} from './options.ts';

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

  readonly #memory: MemoryCache<V>;
  readonly #defaultTTL: Milliseconds;
  readonly #cleanupInterval: Milliseconds;
  readonly #counting: boolean;
  readonly #clock: Clock;
  readonly #measures = new Measures();

  /**
   * The load that a caller of the key joins. To take a load out of here is the write fence: whoever waits for it still
   * gets its value, but only a load that is found here stores one, and a later caller starts anew.
   */
  readonly #flights = new Map<string, Flight<V>>();
  /** Every load that somebody waits for, fenced ones included. */
  readonly #pending = new Set<Flight<V>>();

  #sweepTimer: NodeJS.Timeout | undefined;
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
    this.#cleanupInterval = cleanupIntervalOption(config.cleanupInterval);
    this.#memory = new MemoryCache<V>({
      ...config,
      onRemoval: (key, _value, reason) => {
        if (reason === 'evicted' || reason === 'expired') emit(this, 'cacheEviction', () => ({ key, reason }));
      },
    });
    this.#defaultTTL = config.defaultTTL ?? Infinity;
    this.#counting = config.metricsEnabled ?? true;
    this.#clock = config.clock ?? monotonic;
    this.#sweepIn(this.#cleanupInterval);
  }

  /** The value; undefined on a miss. A load that runs for the key is not waited for. */
  get(key: string): Promise<V | undefined> {
    stringOption('get an entry', 'the key', key);
    if (this.#closing !== undefined) return refused('get an entry');
    const value = this.#memory.get(key);
    const hit = value !== undefined || this.#memory.has(key);
    emit(this, hit ? 'cacheHit' : 'cacheMiss', () => ({ key }));
    return Promise.resolve(value);
  }

  /**
   * Stores the value, and fences a load of the key that runs: it will not overwrite this.
   *
   * Returns whether it was stored: not when it is larger than `maxBytes` or its ttl is 0 or less. An older value of the
   * key is gone in any case. Throws at once what `MemoryCache.set` throws.
   */
  set(key: string, value: V, options: Milliseconds | SetOptions = {}): Promise<boolean> {
    if (this.#closing !== undefined) return refused('set an entry');
    this.#flights.delete(key);
    return Promise.resolve(this.#store(key, value, typeof options === 'number' ? { ttl: options } : options));
  }

  /**
   * The value, from the cache or else from the loader.
   *
   * Concurrent callers of a key share one load, with the first caller's loader and ttl and the tags of all; they should
   * name the same tags, for an invalidation concerns the load only if somebody had named the tag by then. A caller whose
   * signal aborts is rejected with the signal's reason, alone; when the last has gone the loader's signal aborts and what
   * it still returns is dropped. A rejection goes to every caller and is never stored. A value that could be loaded but
   * not stored, because `ttl` or `sizeOf` threw, is given all the same and told of by `cacheError`.
   *
   * A loader must not ask for its own key: it would wait for itself.
   */
  getOrSet(key: string, loader: Loader<V>, options: GetOrSetOptions<V> = {}): Promise<V> {
    stringOption('load an entry', 'the key', key);
    functionOption('load an entry', 'loader', loader);
    const { ttl, signal } = options;
    if (typeof ttl !== 'function') ttlOption('load an entry', ttl, this.#defaultTTL);
    const tags = tagsOption('load an entry', options.tags);
    signalOption('load an entry', signal);
    if (this.#closing !== undefined) return refused('load an entry');
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);

    const current = this.#flights.get(key);
    if (current !== undefined) {
      if (this.#counting) this.#coalesced++;
      return current.join(signal, tags);
    }
    const value = this.#memory.get(key);
    if (value !== undefined || this.#memory.has(key)) {
      emit(this, 'cacheHit', () => ({ key }));
      return Promise.resolve(value as V);
    }
    emit(this, 'cacheMiss', () => ({ key }));
    // Looked up once more: a listener that heard of the miss, or of the expiry behind it, may have begun the load.
    const begun = this.#flights.get(key);
    if (begun !== undefined) return begun.join(signal, tags);
    const flight = new Flight<V>(() => this.#land(key, flight));
    this.#flights.set(key, flight);
    this.#pending.add(flight);
    const result = flight.join(signal, tags);
    void this.#load(key, flight, loader, ttl);
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
    for (const [key, flight] of this.#flights) if (flight.tags.has(tag)) this.#flights.delete(key);
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

  /** Removes every entry and fences every load. */
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
    functionOption('listen to measures', 'listener', listener);
    return this.#measures.add(listener);
  }

  /**
   * Drops every entry and refuses further calls; resolves when the loads that somebody waits for have settled, and their
   * callers before it. A load that never ends holds it up until its callers abort.
   */
  close(): Promise<void> {
    this.#closing ??= this.#shut();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shut(): Promise<void> {
    clearTimeout(this.#sweepTimer);
    this.#flights.clear();
    this.#memory.clear();
    if (this.#pending.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  async #load(key: string, flight: Flight<V>, loader: Loader<V>, ttl: GetOrSetOptions<V>['ttl']): Promise<void> {
    const measuring = this.#counting && this.#measures.active;
    const startedAt = measuring ? this.#clock.now() : 0;
    if (this.#counting) this.#loads++;
    try {
      const value = await loader({ signal: flight.signal });
      this.#keep(key, flight, value, ttl);
      flight.resolve(value);
    } catch (error) {
      if (this.#counting && !flight.signal.aborted) this.#loadErrors++;
      flight.reject(error);
    }
    this.#land(key, flight);
    if (measuring && !flight.signal.aborted) this.#measures.record('load', this.#clock.now() - startedAt);
  }

  /** Stores what a load returned, unless the load is fenced. Never throws: its callers get the value in any case. */
  #keep(key: string, flight: Flight<V>, value: V, ttl: GetOrSetOptions<V>['ttl']): void {
    if (this.#flights.get(key) !== flight) return;
    try {
      const lifetime = lifetimeOf(value, ttl);
      // Asked again, for the ttl function may itself invalidate.
      if (this.#flights.get(key) === flight) this.#store(key, value, { ttl: lifetime, tags: [...flight.tags] });
    } catch (error) {
      if (this.#counting) this.#storeErrors++;
      emit(this, 'cacheError', () => ({ key, error }));
    }
  }

  /** Nobody waits for the load any more, or it has settled. */
  #land(key: string, flight: Flight<V>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
    this.#pending.delete(flight);
    if (this.#pending.size === 0) this.#onIdle();
  }

  #store(key: string, value: V, options: SetOptions): boolean {
    const stored = this.#memory.set(key, value, options);
    if (stored) {
      emit(this, 'cacheSet', () => ({ key, ttl: options.ttl ?? this.#defaultTTL, tags: [...(options.tags ?? [])] }));
    }
    return stored;
  }

  #invalidated(keys: readonly string[]): number {
    if (this.#counting) this.#invalidations += keys.length;
    if (this.listenerCount('cacheInvalidated') > 0) {
      for (const key of keys) emit(this, 'cacheInvalidated', () => ({ key }));
    }
    return keys.length;
  }

  #matcher(pattern: string | RegExp): (key: string) => boolean {
    if (types.isRegExp(pattern)) return regExpMatcher(pattern);
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
    if (this.#cleanupInterval === 0 || this.#closing !== undefined) return;
    this.#sweepTimer = setTimeout(() => {
      const done = this.#memory.sweep(SWEEP_SLICE);
      this.#sweepIn(done ? this.#cleanupInterval : Math.min(SWEEP_PAUSE, this.#cleanupInterval));
    }, delay);
    this.#sweepTimer.unref();
  }
}

function refused(intent: string): Promise<never> {
  return Promise.reject(new CacheError('CACHE_CLOSED', `Cannot ${intent}: the cache is closed`));
}

/** On a copy: `test` with the flag g or y starts at `lastIndex` and moves it, so it must be reset, and on no one else's. */
function regExpMatcher(pattern: RegExp): (key: string) => boolean {
  const own = new RegExp(pattern.source, pattern.flags);
  return (key) => {
    own.lastIndex = 0;
    return own.test(key);
  };
}
