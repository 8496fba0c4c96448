import { EventEmitter } from 'node:events';
import {
  choiceOption,
  emit,
  functionOption,
  Measures,
  objectOption,
  stringOption,
  type MeasureListener,
} from '@forge/internal';
import { CacheError } from '../errors.ts';
import type { CacheEvents } from '../events.ts';
import { iterableOption, readEntry } from '../memory/load-entries.ts';
import { METRIC_KINDS, type CacheMetrics, type MetricKinds } from '../metrics.ts';
import type { Invalidation } from '../tiers/store.ts';
import type { Milliseconds } from '../units.ts';
import {
  cacheSettings,
  checkEntryOptions,
  checkLoadOptions,
  keysOption,
  type CacheConfig,
  type CacheSettings,
  type EntryOptions,
  type GetOrSetOptions,
} from './cache-config.ts';
import { Audits } from './invalidating/audits.ts';
import { BulkLoad, type BulkLoader } from './loading/bulk.ts';
import { cacheMetrics, Counters } from './counters.ts';
import { Departures } from './entries/departures.ts';
import { dumped, readDumped, type DumpedEntry } from './entries/dump.ts';
import type { Entry } from './entries/entry.ts';
import { explanation, type CacheExplanation } from './entries/explain.ts';
import { FirstTier, type Draft, type Provenance } from './entries/first-tier.ts';
import { Flights } from './loading/flights.ts';
import { dependents, heirs, Invalidations } from './invalidating/invalidations.ts';
import { LoadStarter } from './loading/load-starter.ts';
import type { Loader } from './loading/loader.ts';
import { Loads } from './loading/loads.ts';
import type { KeyedCache } from './keyed-cache.ts';
import { CacheNamespace } from './namespace.ts';
import type { Packed } from './values/packed.ts';
import { isRegExp, PatternReader } from './invalidating/pattern-reader.ts';
import { nextTurn } from './next-turn.ts';
import { SharedTier } from './sharing/shared-tier.ts';
import { valuesFor, type Values } from './values/values.ts';

/** Entries that are dumped or loaded in one turn of the event loop. */
const SLICE = 1024;
const NO_OPTIONS: Readonly<Record<string, never>> = Object.freeze({});

/**
 * A cache of what loaders produce: one load per key however many ask, and no value that was loaded before an
 * invalidation is ever read after it.
 *
 * What its methods promise is said at {@link KeyedCache}, for a namespace has them too.
 *
 * @example
 * const cache = new ResponseCache<Tool[]>({ maxSize: 10_000, defaultTTL: 300_000 });
 * const tools = await cache.getOrSet(`tools:${server}`, ({ signal }) => listTools(server, { signal }), {
 *   tags: [server],
 * });
 * await cache.invalidateTag(server);
 */
export class ResponseCache<V = unknown> extends EventEmitter<CacheEvents> implements KeyedCache<V>, AsyncDisposable {
  readonly metricKinds: MetricKinds<CacheMetrics> = METRIC_KINDS;

  readonly #settings: CacheSettings<V>;
  readonly #values: Values<V>;
  readonly #first: FirstTier<V>;
  readonly #shared: SharedTier<V> | undefined;
  readonly #flights = new Flights<V>();
  readonly #loads: Loads<V>;
  readonly #starter: LoadStarter<V>;
  readonly #invalidations: Invalidations<V>;
  readonly #audits: Audits<V> | undefined;
  readonly #departures = new Departures();
  readonly #measures = new Measures();
  readonly #counters = new Counters();
  readonly #patterns = new PatternReader();
  #closing: Promise<void> | undefined;

  /** @throws TypeError or RangeError when an option has the wrong type or is out of range */
  constructor(config: CacheConfig<V> = {}) {
    super();
    const settings = cacheSettings(config);
    this.#settings = settings;
    this.#values = valuesFor(settings.values, settings.codec, settings.compressionEnabled);
    this.#first = new FirstTier(settings, this.#values, (key, entry, reason) =>
      this.#invalidations.onLeft(key, entry, reason),
    );
    if (settings.store !== undefined || settings.bus !== undefined) {
      this.#shared = new SharedTier(settings, {
        onInvalidation: (invalidation) => this.#invalidations.hear(invalidation),
        onSuspect: () => this.#first.doubts.suspect({ sequence: this.#flights.suspect(), at: settings.clock.now() }),
      });
    }
    const parts = {
      settings,
      values: this.#values,
      first: this.#first,
      flights: this.#flights,
      departures: this.#departures,
      counters: this.#counters,
      measures: this.#measures,
      events: this,
    };
    this.#invalidations = new Invalidations<V>({ ...parts, shared: () => this.#shared });
    this.#loads = new Loads<V>({
      ...parts,
      shared: this.#shared,
      onPlaced: (key, entry, changed, origin) => this.#invalidations.onPlaced(key, entry, changed, origin),
    });
    const refusal = (): CacheError | undefined => (this.#closing === undefined ? undefined : closed('load an entry'));
    this.#starter = new LoadStarter<V>({ ...parts, loads: this.#loads, refusal });
    if (this.#shared?.hasStore !== true) return;
    const onOutdated = (key: string): void => void this.#invalidations.removeKey(key);
    this.#audits = new Audits<V>({ ...parts, shared: this.#shared, onOutdated });
  }

  get(key: string): Promise<V | undefined> {
    const intent = 'get an entry';
    stringOption(intent, 'the key', key);
    if (this.#closing !== undefined) return refused(intent);
    const entry = this.#first.get(key);
    if (entry !== undefined && !entry.failed && this.#first.isFresh(entry)) return this.#hit(key, entry, false);
    this.#counters.misses += 1;
    emit(this, 'cacheMiss', () => ({ key }));
    return this.#shared?.hasStore === true ? this.#fetch(key) : Promise.resolve(undefined);
  }

  set(key: string, value: V, options: Milliseconds | EntryOptions = {}): Promise<boolean> {
    const intent = 'set an entry';
    stringOption(intent, 'the key', key);
    const given = typeof options === 'number' ? { ttl: options } : options;
    checkEntryOptions(intent, given);
    const { bytes, draft } = this.#prepare(key, value, given, { checkedAt: this.#flights.sequence + 1 });
    if (this.#closing !== undefined) return refused(intent);
    this.#flights.fenceKey(key);
    const placed = this.#first.place(key, draft);
    this.#loads.settled(key, draft, placed, 'set');
    const { entry, outcome, changed } = placed;
    const isHeld = outcome === 'held';
    if (this.#shared === undefined) return Promise.resolve(isHeld);
    // What was refused has taken the older value with it, and that must not be read elsewhere either.
    if (outcome === 'refused') return this.#invalidations.told([{ kind: 'key', key }], false);
    return this.#loads.share(key, entry, bytes, changed !== false).then(() => isHeld);
  }

  getOrSet(key: string, loader: Loader<V>, options: GetOrSetOptions<V> = NO_OPTIONS): Promise<V> {
    const intent = 'load an entry';
    stringOption(intent, 'the key', key);
    functionOption(intent, 'loader', loader);
    if (options !== NO_OPTIONS) checkLoadOptions(intent, options);
    const { signal } = options;
    if (this.#closing !== undefined) return refused(intent);
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);

    const entry = this.#first.get(key);
    if (entry === undefined) return this.#starter.load(key, undefined, loader, options);
    if (this.#first.isFresh(entry)) {
      this.#starter.renewEarly(key, entry, loader, options);
      return this.#hit(key, entry, false);
    }
    const found = this.#first.look(key);
    if (found?.standing === 'fresh') return this.#hit(key, found.entry, false);
    if (found?.standing === 'stale') {
      this.#starter.renew(key, found.entry, loader, options);
      return this.#hit(key, found.entry, true);
    }
    return this.#starter.load(key, found?.entry, loader, options);
  }

  getMany(keys: readonly string[]): Promise<(V | undefined)[]>;
  getMany(keys: readonly string[], loadMissing: BulkLoader<V>, options?: GetOrSetOptions<V>): Promise<V[]>;
  getMany(
    keys: readonly string[],
    loadMissing?: BulkLoader<V>,
    options: GetOrSetOptions<V> = {},
  ): Promise<(V | undefined)[]> {
    const intent = 'get entries';
    keysOption(intent, 'keys', keys);
    functionOption(intent, 'loadMissing', loadMissing, true);
    if (loadMissing === undefined) return Promise.all(keys.map((key) => this.get(key)));
    const { loader } = new BulkLoad(loadMissing);
    return Promise.all(keys.map((key) => this.getOrSet(key, loader, options)));
  }

  invalidate(key: string): Promise<boolean> {
    const intent = 'invalidate an entry';
    stringOption(intent, 'the key', key);
    if (this.#closing !== undefined) return refused(intent);
    const removed = this.#invalidations.removeKey(key);
    return this.#invalidations.told([{ kind: 'key', key }, dependents(key)], removed);
  }

  invalidateTag(tag: string, options: { readonly soft?: boolean } = {}): Promise<number> {
    const intent = 'invalidate a tag';
    stringOption(intent, 'the tag', tag);
    objectOption(intent, 'the options', options);
    if (this.#closing !== undefined) return refused(intent);
    const soft = choiceOption(intent, 'soft', options.soft, [false, true]);
    const told: readonly Invalidation[] = [{ kind: 'tag', tag, soft }];
    const removed = this.#invalidations.removeTag(tag, soft);
    return this.#invalidations.told(soft ? told : [...told, heirs(tag)], removed);
  }

  invalidatePattern(pattern: string | RegExp, options: { readonly prefix?: string } = {}): Promise<number> {
    const intent = 'invalidate a pattern';
    objectOption(intent, 'the options', options);
    const { prefix = '' } = options;
    stringOption(intent, 'the prefix', prefix);
    const matchesRest = this.#patterns.read(pattern);
    if (this.#shared !== undefined && isRegExp(pattern)) {
      throw new TypeError(`Cannot ${intent}: a RegExp is not sent to other processes (use a glob, a prefix or a tag)`);
    }
    if (this.#closing !== undefined) return refused(intent);
    const matches = (key: string): boolean => key.startsWith(prefix) && matchesRest(key.slice(prefix.length));
    const removed = this.#invalidations.removeMatching(matches);
    if (this.#shared === undefined || isRegExp(pattern)) return removed;
    return this.#shared.invalidate([{ kind: 'pattern', prefix, glob: pattern }]).then(() => removed);
  }

  invalidatePrefix(prefix: string): Promise<number> {
    return this.invalidatePattern('*', { prefix });
  }

  /** Removes every entry and fences every load; of the events it emits `cacheCleared` alone. O(running loads). */
  clear(): Promise<void> {
    if (this.#closing !== undefined) return refused('clear the cache');
    this.#invalidations.removeAll();
    return this.#invalidations.told([{ kind: 'all' }], undefined);
  }

  /** A part of this cache with keys and tags of its own. */
  namespace(name: string): CacheNamespace<V> {
    return new CacheNamespace(this, name);
  }

  explain(key: string): CacheExplanation {
    stringOption('explain an entry', 'the key', key);
    this.#first.settle(key);
    const found = this.#first.look(key);
    return explanation({
      found,
      freshUntil: found === undefined ? 0 : this.#first.freshUntil(found.entry),
      suspect: found !== undefined && this.#first.doubts.isSuspect(found.entry),
      loading: this.#flights.isLoading(key),
      departure: this.#departures.of(key),
      now: this.#settings.clock.now(),
    });
  }

  /**
   * What is held, in no promised order, for `load` after a restart. Values are those that readers get; kept failures, and
   * kept absences with a ttl of their own, are left out. The cache may change while it is read.
   */
  async *dump(): AsyncIterableIterator<DumpedEntry<V>> {
    let position = 0;
    for (const [key, entry, size] of this.#first.entries()) {
      // Whoever reads it waits for nothing but promises, and would hold up all others.
      if (++position % SLICE === 0) await nextTurn();
      const value = await this.#values.give(entry.held);
      yield dumped(key, value, entry, { ttl: this.#first.freshUntil(entry) - this.#settings.clock.now(), size });
    }
  }

  /**
   * Stores what `dump` gave, in this process alone, and returns how many are fresh and fit; a key that has an entry keeps
   * it. Where there is a bus, what is loaded is checked with the second tier when it is first read.
   *
   * @throws CacheError `CACHE_ENTRY_INVALID` at the first entry that `set` would not take, named by its position from 0;
   * those before it are stored
   */
  load(entries: Iterable<DumpedEntry<V>> | AsyncIterable<DumpedEntry<V>>): Promise<number> {
    iterableOption(entries, [Symbol.iterator, Symbol.asyncIterator]);
    return this.#load(entries);
  }

  /** A frozen snapshot: counters since the start, and what is held now. */
  getMetrics(): CacheMetrics {
    const first = this.#first;
    const tiers = this.#shared?.getMetrics();
    const counters = this.#settings.metricsEnabled ? this.#counters : new Counters();
    return cacheMetrics(counters, first.getMetrics(), this.#flights.pending, tiers, first.estimate());
  }

  /**
   * Hears each measured value until the returned function is called: `load`, the ms that a load took, failed or not,
   * unless its callers had left. Silent when `metricsEnabled` is off.
   */
  onMeasure(listener: MeasureListener): () => void {
    return this.#measures.add(listener);
  }

  /**
   * Drops every entry of this process and refuses further calls; resolves when the loads that somebody waits for have
   * settled, and their callers before it. A load that never ends holds it up until its callers abort. Emits nothing.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#shut());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #load(entries: Iterable<DumpedEntry<V>> | AsyncIterable<DumpedEntry<V>>): Promise<number> {
    let position = 0;
    let stored = 0;
    for await (const entry of entries) {
      if (this.#closing !== undefined) return refused('load entries');
      const draft = readEntry(entry, position++, (dump) => this.#restored(dump));
      if (draft !== undefined && this.#first.place(entry.key, draft).outcome === 'held') stored++;
      if (position % SLICE === 0) await nextTurn();
    }
    return stored;
  }

  async #shut(): Promise<void> {
    this.#flights.fenceAll();
    this.#flights.abandonUnawaited(closed('load an entry'));
    this.#first.clear();
    await this.#flights.idle();
    await this.#shared?.close();
  }

  #hit(key: string, entry: Entry, isStale: boolean): Promise<V> {
    const counters = this.#counters;
    if (isStale) counters.stale += 1;
    else counters.hits += 1;
    counters.timeSaved += entry.loadTime;
    if (this.listenerCount('cacheHit') > 0) this.#tellHit(key, isStale);
    if (!isStale) this.#audits?.note(key, entry);
    if (entry.failed) return Promise.reject(entry.held);
    try {
      return Promise.resolve(this.#values.give(entry.held));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Apart from `#hit`, which would allocate for what the event's builder closes over though nobody listens. */
  #tellHit(key: string, stale: boolean): void {
    emit(this, 'cacheHit', () => ({ key, stale }));
  }

  async #fetch(key: string): Promise<V | undefined> {
    const entry = await this.#loads.fetch(key);
    if (entry === undefined) return undefined;
    this.#counters.storeHits += 1;
    return this.#values.give(entry.held);
  }

  /** Undefined for what is over, and for a key that this cache knows better. */
  #restored(dump: DumpedEntry<V>): Draft | undefined {
    const { key, value, ...options } = readDumped(dump);
    const isKnown = this.#first.peek(key) !== undefined || this.#flights.concerns(key);
    if (isKnown || !((options.ttl ?? Infinity) > 0)) return undefined;
    // Older than any doubt: what happened since it was dumped is not known. What is left of a ttl has had its jitter.
    return this.#prepare(key, value, options, { checkedAt: 0, hasJitter: options.ttl !== undefined }).draft;
  }

  #prepare(key: string, value: V, options: EntryOptions, known: Pick<Provenance, 'checkedAt' | 'hasJitter'>): Prepared {
    const encoded = this.#loads.encode(key, value);
    const held = this.#settings.values === 'bytes' ? encoded!.bytes : this.#values.hold(value);
    const bornAt = this.#settings.clock.now();
    const provenance = { held, contentId: encoded?.contentId, bornAt, loadTime: 0, ...known };
    return { draft: this.#first.draft(key, value, options, provenance), bytes: encoded?.bytes };
  }
}

interface Prepared {
  readonly draft: Draft;
  readonly bytes: Packed | undefined;
}

function closed(intent: string): CacheError {
  return new CacheError('CACHE_CLOSED', `Cannot ${intent}: the cache is closed`);
}

function refused(intent: string): Promise<never> {
  return Promise.reject(closed(intent));
}
