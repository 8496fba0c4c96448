import { callQuietly, type Clock } from '@forge/internal';
import { LruPolicy } from '../policies/lru.ts';
import { MEMORY_METRIC_KINDS, type MemoryCacheMetrics, type MetricKinds } from '../metrics.ts';
import type { Bytes } from '../units.ts';
import type { CacheEntry, EntryTerms, MemorySettings, RemovalReason } from './memory-options.ts';
import { TagIndex } from './tag-index.ts';

/** Slots that the first entries are given; the table then doubles as it fills. */
const FIRST_CAPACITY = 64;
const NEVER = Infinity;

/**
 * What both caches stand on: the entries, their order, life, bytes and tags. Settings and terms come to it checked.
 *
 * A table of slots, as parallel arrays, that a `Map` from key to slot points into. A hit is one lookup, one relink and
 * no allocation, and reads the clock only if the entry expires at all. `get`, `set` and `delete` are O(1), but for the
 * entries that a `set` evicts.
 */
export class EntryTable<V> {
  readonly metricKinds: MetricKinds<MemoryCacheMetrics> = MEMORY_METRIC_KINDS;

  readonly #maxSize: number;
  readonly #maxBytes: Bytes;
  readonly #onRemoval: MemorySettings<V>['onRemoval'];
  readonly #hears: (reason: RemovalReason) => boolean;
  readonly #clock: Clock;
  readonly #counting: boolean;

  readonly #slots = new Map<string, number>();
  readonly #policy = new LruPolicy();
  readonly #tags = new TagIndex();

  // The table. Slot 0 stays empty: it is the joint of the policy's ring. A free slot holds undefined, NEVER and 0, so that nothing
  // that left is kept alive and a sweep passes over it.
  #capacity = 0;
  #keys: (string | undefined)[] = [undefined];
  #values: (V | undefined)[] = [undefined];
  #expiresAt = new Float64Array(1).fill(NEVER);
  #sizes = new Float64Array(1);
  #free: number[] = [];
  #bytes: Bytes = 0;
  #cursor = 1;

  /** What to tell of the operation that runs; told when it is done, so that no callback sees it half-way. */
  #untold: (() => void)[] = [];

  #hits = 0;
  #misses = 0;
  #evictions = 0;
  #expirations = 0;

  /** @param hears whether `onRemoval` is to be told of such removals: what it is not told of costs nothing */
  constructor(settings: MemorySettings<V>, hears: (reason: RemovalReason) => boolean = () => true) {
    this.#maxSize = settings.maxSize;
    this.#maxBytes = settings.maxBytes;
    this.#onRemoval = settings.onRemoval;
    this.#hears = hears;
    this.#clock = settings.clock;
    this.#counting = settings.metricsEnabled;
  }

  /** Entries in the table, expired ones that nobody has noticed yet included. */
  get size(): number {
    return this.#slots.size;
  }

  /** The sum of the sizes of these entries; 0 when bytes are not counted. */
  get bytes(): Bytes {
    return this.#bytes;
  }

  /** The value, which thereby becomes the most recently used; `absent` on a miss. */
  get<Absent = undefined>(key: string, absent?: Absent): V | Absent {
    const slot = this.#slots.get(key);
    if (slot === undefined || this.#isExpired(slot)) {
      if (this.#counting) this.#misses++;
      if (slot !== undefined) {
        this.#remove(slot, 'expired');
        this.#notify();
      }
      return absent as Absent;
    }
    if (this.#counting) this.#hits++;
    this.#policy.touch(slot);
    return this.#values[slot] as V;
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

  /** Stores the value as the most recently used, evicts what no longer fits, and returns whether it was stored. */
  set(key: string, value: V, { ttl, size, tags }: EntryTerms): boolean {
    const held = this.#slots.get(key);
    const stored = ttl > 0 && size <= this.#maxBytes;
    if (stored) {
      const slot = held ?? this.#take(key);
      if (held !== undefined) this.#depart(held, key, 'replaced');
      this.#policy.touch(slot);
      this.#values[slot] = value;
      this.#expiresAt[slot] = ttl === Infinity ? NEVER : this.#clock.now() + ttl;
      this.#bytes += size - this.#sizes[slot]!;
      this.#sizes[slot] = size;
      if (tags.length > 0 || held !== undefined) this.#tags.assign(slot, tags);
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
    return this.#deleteAll([key]).length > 0;
  }

  /** Removes the entries that carry the tag and returns their keys. O(entries with the tag). */
  deleteTag(tag: string): string[] {
    return this.#deleteAll(Array.from(this.#tags.slotsOf(tag) ?? [], (slot) => this.#keys[slot]!));
  }

  /** Removes the entries whose key passes the test, which may call the cache, and returns their keys. O(entries). */
  deleteMatching(test: (key: string) => boolean): string[] {
    const keys: string[] = [];
    // By slot, which costs a fraction of iterating over the Map.
    for (let slot = 1, end = this.#keys.length; slot < end; slot++) {
      const key = this.#keys[slot];
      if (key !== undefined && test(key)) keys.push(key);
    }
    return this.#deleteAll(keys);
  }

  /** Removes everything. O(1), unless `onRemoval` is told of each entry. */
  clear(): void {
    if (this.#onRemoval !== undefined && this.#hears('deleted')) {
      for (const [key, slot] of this.#slots) this.#note(key, this.#values[slot]!, 'deleted');
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
      const size = this.#sizes[slot]!;
      const tags = this.#tags.tagsOf(slot);
      yield { key, value: this.#values[slot]!, ttl, size: size === 0 ? undefined : size, tags };
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
      hitRate: this.#hits === 0 ? 0 : (100 * this.#hits) / (this.#hits + this.#misses),
      totalSize: this.#bytes,
      averageSize: size === 0 ? 0 : this.#bytes / size,
    });
  }

  #isExpired(slot: number): boolean {
    const expiresAt = this.#expiresAt[slot]!;
    return expiresAt !== NEVER && expiresAt <= this.#clock.now();
  }

  /** A slot for a new key. */
  #take(key: string): number {
    const slot = this.#free.pop() ?? this.#keys.length;
    if (slot > this.#capacity) this.#grow();
    this.#slots.set(key, slot);
    this.#keys[slot] = key;
    this.#policy.insert(slot);
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
    if (this.#onRemoval !== undefined && this.#hears(reason)) this.#note(key, this.#values[slot]!, reason);
    return reason;
  }

  #note(key: string, value: V, reason: RemovalReason): void {
    this.#untold.push(() => this.#onRemoval?.(key, value, reason));
  }

  /** Takes keys, not slots: who chose them may have changed the table since. */
  #deleteAll(keys: readonly string[]): string[] {
    const deleted = keys.filter((key) => {
      const slot = this.#slots.get(key);
      return slot !== undefined && this.#remove(slot, 'deleted') === 'deleted';
    });
    this.#notify();
    return deleted;
  }

  #notify(): void {
    if (this.#untold.length === 0) return;
    const untold = this.#untold;
    this.#untold = [];
    for (const tell of untold) callQuietly(tell);
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
