import type { Clock } from '@forge/internal';
import { LruPolicy, type EvictionPolicy } from './eviction-policy.ts';
import { hitRate, MEMORY_METRIC_KINDS, type MemoryCacheMetrics, type MetricKinds } from './metrics.ts';
import {
  resolveMemoryOptions,
  stringOption,
  tagsOption,
  ttlOption,
  type Bytes,
  type CacheEntry,
  type MemoryCacheOptions,
  type Milliseconds,
  type RemovalReason,
  type SetOptions,
} from './options.ts';
import { TagIndex } from './tag-index.ts';

interface Departure<V> {
  readonly key: string;
  readonly value: V;
  readonly reason: RemovalReason;
}

/** Slots that the first entries are given; the table then doubles as it fills. */
const FIRST_CAPACITY = 64;
const NEVER = Infinity;

/**
 * A bounded synchronous cache: least recently used entries leave first.
 *
 * A table of slots, as parallel arrays, that a `Map` from key to slot points into. A hit is one lookup, one relink and
 * no allocation, and reads the clock only if the entry expires at all. `get`, `set` and `delete` are O(1), but for the
 * entries that a `set` evicts.
 *
 * An expired entry is never served; it keeps its place in `size` and `bytes` until it is read with `get`, evicted or
 * swept. A stored `undefined` is a value: `has` tells it from a miss.
 *
 * @example
 * const cache = new MemoryCache<Buffer>({ maxBytes: 64 * 2 ** 20, defaultTTL: 60_000 });
 * cache.set('/logo.png', bytes, { tags: ['assets'] });
 * cache.get('/logo.png');
 */
export class MemoryCache<V = unknown> {
  readonly metricKinds: MetricKinds<MemoryCacheMetrics> = MEMORY_METRIC_KINDS;

  readonly #maxSize: number;
  readonly #maxBytes: Bytes;
  readonly #defaultTTL: Milliseconds;
  readonly #sizeOf: ((value: V, key: string) => Bytes) | undefined;
  readonly #onRemoval: ((key: string, value: V, reason: RemovalReason) => void) | undefined;
  readonly #clock: Clock;
  readonly #counting: boolean;

  readonly #slots = new Map<string, number>();
  readonly #policy: EvictionPolicy = new LruPolicy();
  readonly #tags = new TagIndex();

  // The table. Slot 0 stays empty: policies use it as "none". A free slot holds undefined, NEVER and 0, so that nothing
  // that left is kept alive and a sweep passes over it.
  #capacity = 0;
  #keys: (string | undefined)[] = [undefined];
  #values: (V | undefined)[] = [undefined];
  #expiresAt = new Float64Array(1).fill(NEVER);
  #sizes = new Float64Array(1);
  #free: number[] = [];
  #bytes: Bytes = 0;
  #cursor = 1;

  /** What has left during the operation that runs; told when it is done, so that no callback sees it half-way. */
  #left: Departure<V>[] = [];

  #hits = 0;
  #misses = 0;
  #evictions = 0;
  #expirations = 0;

  /** @throws TypeError or RangeError when an option has the wrong type or is out of range */
  constructor(options: MemoryCacheOptions<V> = {}) {
    const resolved = resolveMemoryOptions(options);
    this.#maxSize = resolved.maxSize;
    this.#maxBytes = resolved.maxBytes;
    this.#defaultTTL = resolved.defaultTTL;
    this.#sizeOf = resolved.sizeOf;
    this.#onRemoval = resolved.onRemoval;
    this.#clock = resolved.clock;
    this.#counting = resolved.metricsEnabled;
  }

  /** Entries in the table, expired ones that nobody has noticed yet included. */
  get size(): number {
    return this.#slots.size;
  }

  /** The sum of the sizes of these entries; 0 when bytes are not counted. */
  get bytes(): Bytes {
    return this.#bytes;
  }

  /** The value, which thereby becomes the most recently used; undefined on a miss. */
  get(key: string): V | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined || this.#isExpired(slot)) {
      if (this.#counting) this.#misses++;
      if (slot !== undefined) {
        this.#remove(slot, 'expired');
        this.#notify();
      }
      return undefined;
    }
    if (this.#counting) this.#hits++;
    this.#policy.touch(slot);
    return this.#values[slot];
  }

  /** The value, with no effect on order, metrics or table. */
  peek(key: string): V | undefined {
    const slot = this.#slots.get(key);
    return slot === undefined || this.#isExpired(slot) ? undefined : this.#values[slot];
  }

  /** Whether `get` would find the entry, with no effect on order, metrics or table. */
  has(key: string): boolean {
    const slot = this.#slots.get(key);
    return slot !== undefined && !this.#isExpired(slot);
  }

  /**
   * Stores the value as the most recently used and evicts what no longer fits.
   *
   * Returns whether it was stored. A value larger than `maxBytes`, or with a ttl of 0 or less, is not, and nothing is
   * evicted for it; an older value of the key leaves all the same, since it is no longer the current one.
   *
   * @throws TypeError or RangeError on a wrong key, ttl, tags or size, and what `sizeOf` throws; nothing has changed then
   */
  set(key: string, value: V, options?: SetOptions): boolean {
    stringOption('set an entry', 'the key', key);
    const ttl = ttlOption('set an entry', options?.ttl, this.#defaultTTL);
    const tags = tagsOption('set an entry', options?.tags);
    const size = this.#measure(value, key, options?.size);
    const held = this.#slots.get(key);
    const stored = ttl > 0 && size <= this.#maxBytes;
    if (stored) {
      const slot = held === undefined ? this.#take(key, size) : this.#renew(held, key, size);
      this.#values[slot] = value;
      this.#expiresAt[slot] = ttl === Infinity ? NEVER : this.#clock.now() + ttl;
      if (tags !== undefined || held !== undefined) this.#tags.assign(slot, tags);
      // After the insertion, so that a policy may decide against the newcomer.
      while (this.#slots.size > this.#maxSize || this.#bytes > this.#maxBytes) {
        this.#remove(this.#policy.victim(), 'evicted');
      }
    } else if (held !== undefined) {
      this.#remove(held, 'replaced');
    }
    this.#notify();
    return stored;
  }

  /** Removes the entry and returns whether there was one to read. */
  delete(key: string): boolean {
    const slot = this.#slots.get(key);
    if (slot === undefined) return false;
    const reason = this.#remove(slot, 'deleted');
    this.#notify();
    return reason === 'deleted';
  }

  /** Removes the entries that carry the tag and returns their keys. O(entries with the tag). */
  deleteTag(tag: string): string[] {
    return this.#deleteSlots(this.#tags.slotsOf(tag));
  }

  /** Removes the entries whose key passes the test and returns their keys. O(entries). */
  deleteMatching(test: (key: string) => boolean): string[] {
    const slots: number[] = [];
    // By slot, which costs a fraction of iterating over the Map.
    for (let slot = 1; slot < this.#keys.length; slot++) {
      const key = this.#keys[slot];
      if (key !== undefined && test(key)) slots.push(slot);
    }
    return this.#deleteSlots(slots);
  }

  /** Removes everything. */
  clear(): void {
    if (this.#onRemoval !== undefined) {
      for (const [key, slot] of this.#slots) this.#left.push({ key, value: this.#values[slot]!, reason: 'deleted' });
    }
    this.#slots.clear();
    this.#policy.clear();
    this.#tags.clear();
    this.#capacity = 0;
    this.#keys = [undefined];
    this.#values = [undefined];
    this.#expiresAt = new Float64Array(1).fill(NEVER);
    this.#sizes = new Float64Array(1);
    this.#free = [];
    this.#bytes = 0;
    this.#cursor = 1;
    this.#notify();
  }

  /**
   * Removes expired entries among the next `limit` places of the table, from where the last call ended, and returns
   * whether it came to the end; the next call then starts over. O(limit).
   */
  sweep(limit: number = Infinity): boolean {
    const now = this.#clock.now();
    const end = this.#keys.length;
    const stop = Math.min(this.#cursor + limit, end);
    for (let slot = this.#cursor; slot < stop; slot++) {
      if (this.#expiresAt[slot]! <= now) this.#remove(slot, 'expired');
    }
    this.#cursor = stop < end ? stop : 1;
    this.#notify();
    return stop === end;
  }

  /** The entries that have not expired, in no promised order. The cache may change while they are read. */
  *entries(): IterableIterator<CacheEntry<V>> {
    for (const [key, slot] of this.#slots) {
      const expiresAt = this.#expiresAt[slot]!;
      const ttl = expiresAt === NEVER ? Infinity : expiresAt - this.#clock.now();
      if (ttl <= 0) continue;
      yield { key, value: this.#values[slot]!, ttl, size: this.#sizes[slot]!, tags: this.#tags.tagsOf(slot) };
    }
  }

  /** A frozen snapshot: counters since the start, and what is held now. */
  getMetrics(): MemoryCacheMetrics {
    const size = this.#slots.size;
    return Object.freeze({
      size,
      maxSize: this.#maxSize,
      hits: this.#hits,
      misses: this.#misses,
      evictions: this.#evictions,
      expirations: this.#expirations,
      hitRate: hitRate(this.#hits, this.#misses),
      totalSize: this.#bytes,
      averageSize: size === 0 ? 0 : this.#bytes / size,
    });
  }

  #isExpired(slot: number): boolean {
    const expiresAt = this.#expiresAt[slot]!;
    return expiresAt !== NEVER && expiresAt <= this.#clock.now();
  }

  #measure(value: V, key: string, given: Bytes | undefined): Bytes {
    if (given === undefined && this.#sizeOf === undefined) return 0;
    const size = given ?? this.#sizeOf!(value, key);
    if (Number.isSafeInteger(size) && size >= 0) return Math.max(1, size);
    const ErrorClass = typeof size === 'number' ? RangeError : TypeError;
    throw new ErrorClass(`Cannot set an entry: its size must be a whole number of bytes, got ${String(size)}`);
  }

  /** A slot for a new key. */
  #take(key: string, size: Bytes): number {
    const slot = this.#free.pop() ?? this.#keys.length;
    if (slot > this.#capacity) this.#grow();
    this.#slots.set(key, slot);
    this.#keys[slot] = key;
    this.#sizes[slot] = size;
    this.#bytes += size;
    this.#policy.insert(slot, key, size);
    return slot;
  }

  /** The slot of a key whose value is about to be replaced. */
  #renew(slot: number, key: string, size: Bytes): number {
    this.#depart(slot, key, 'replaced');
    const before = this.#sizes[slot]!;
    if (size === before) {
      this.#policy.touch(slot);
      return slot;
    }
    this.#sizes[slot] = size;
    this.#bytes += size - before;
    this.#policy.remove(slot);
    this.#policy.insert(slot, key, size);
    return slot;
  }

  /** Frees the slot. Returns the reason that holds: what had expired did not leave for any other. */
  #remove(slot: number, why: RemovalReason): RemovalReason {
    const key = this.#keys[slot]!;
    const reason = this.#depart(slot, key, why);
    this.#slots.delete(key);
    this.#policy.remove(slot);
    this.#tags.release(slot);
    this.#bytes -= this.#sizes[slot]!;
    this.#keys[slot] = undefined;
    this.#values[slot] = undefined;
    this.#expiresAt[slot] = NEVER;
    this.#sizes[slot] = 0;
    this.#free.push(slot);
    return reason;
  }

  /** Counts and notes that the slot's present value goes. */
  #depart(slot: number, key: string, why: RemovalReason): RemovalReason {
    const reason = this.#isExpired(slot) ? 'expired' : why;
    if (this.#counting) {
      if (reason === 'evicted') this.#evictions++;
      else if (reason === 'expired') this.#expirations++;
    }
    if (this.#onRemoval !== undefined) this.#left.push({ key, value: this.#values[slot]!, reason });
    return reason;
  }

  #deleteSlots(slots: readonly number[]): string[] {
    const keys: string[] = [];
    for (const slot of slots) {
      const key = this.#keys[slot]!;
      if (this.#remove(slot, 'deleted') === 'deleted') keys.push(key);
    }
    this.#notify();
    return keys;
  }

  #notify(): void {
    if (this.#left.length === 0) return;
    const left = this.#left;
    this.#left = [];
    for (const { key, value, reason } of left) {
      try {
        this.#onRemoval?.(key, value, reason);
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : new Error(`onRemoval threw ${String(error)}`));
      }
    }
  }

  #grow(): void {
    // One more than the bound, for a newcomer is inserted before the victim leaves.
    this.#capacity = Math.min(Math.max(this.#capacity * 2, FIRST_CAPACITY), this.#maxSize + 1);
    this.#policy.grow(this.#capacity);
    const expiresAt = new Float64Array(this.#capacity + 1).fill(NEVER);
    expiresAt.set(this.#expiresAt);
    this.#expiresAt = expiresAt;
    const sizes = new Float64Array(this.#capacity + 1);
    sizes.set(this.#sizes);
    this.#sizes = sizes;
  }
}
