import { callQuietly } from '@forge/internal';
import { MEMORY_METRIC_KINDS, type MemoryCacheMetrics, type MetricKinds } from '../metrics.ts';
import type { EvictionPolicy } from '../policies/eviction-policy.ts';
import { keyHash, randomSeed } from '../policies/key-hash.ts';
import { evictionPolicy } from '../policies/policy-by-name.ts';
import type { Bytes, Milliseconds } from '../units.ts';
import { Ban } from './ban.ts';
import { Column } from './column.ts';
import { KeyIndex } from './key-index.ts';
import { Lifetimes } from './lifetimes.ts';
import {
  NO_TAGS,
  type CacheEntry,
  type EntryTerms,
  type MemorySettings,
  type RemovalReason,
} from './memory-options.ts';
import { slotArray, type SlotArray } from './slot-array.ts';
import { TagIndex, type TagVersion } from './tag-index.ts';
import { Upkeep } from './upkeep.ts';

/** Slots that the first entries are given; the policy's room then doubles as the table fills. */
const FIRST_CAPACITY = 256;
/** Entries that one operation or one turn of the event loop removes: about two milliseconds. */
const SLICE = 4096;
/** Between two such turns, so that others get theirs. */
const PAUSE: Milliseconds = 1;

/** What is left to do of a ban. */
export interface BanWalk {
  /** Removes what is withdrawn among the next `limit` places of the table; returns whether that was the end of it. */
  advance(limit: number): boolean;
  /** How many entries it withdrew that have left, expired ones not counted. */
  readonly deleted: number;
}

/**
 * What both caches stand on: the entries, their order, life, bytes and tags. Settings and terms come to it checked.
 *
 * A table of slots, in columns, that an index from key to slot points into. A hit is one lookup and one note to the policy,
 * without allocation, and reads the clock only if the entry expires at all. `get`, `set` and `delete` are O(1), but for the
 * entries that a `set` evicts.
 *
 * An entry may be over before it leaves: expired, or withdrawn by a tag or a ban whose entries are removed in slices. No
 * read finds it from then on, and whatever touches it next removes it for that reason; `size` and `bytes` count it until
 * then.
 */
export class EntryTable<V> {
  readonly metricKinds: MetricKinds<MemoryCacheMetrics> = MEMORY_METRIC_KINDS;

  readonly #settings: MemorySettings<V>;
  readonly #maxSize: number;
  readonly #maxBytes: Bytes;
  readonly #hears: (reason: RemovalReason) => boolean;
  readonly #counting: boolean;
  readonly #policy: EvictionPolicy;
  /** Undefined where the policy looks at no fingerprints, which are then not made. */
  readonly #seed: number | undefined;
  readonly #upkeep: Upkeep;
  /** What the policy is told of an entry: one object for all. */
  readonly #admission = { fingerprint: 0, weight: 1, cost: 1 };

  // The table. Slot 0 stays empty: it is the joint of the policies' rings. A free slot holds undefined, so that nothing that
  // left is kept alive.
  #index = new KeyIndex();
  #capacity = 0;
  #keys: SlotArray<string>;
  #values: SlotArray<V>;
  // Made for the first entry that needs one: until then no operation pays for it.
  #sizes: Column | undefined;
  #costs: Column | undefined;
  #tags: TagIndex | undefined;
  #lifetimes: Lifetimes | undefined;
  #free: number[] = [];
  #bytes: Bytes = 0;
  #cursor = 1;

  #bans: Ban[] = [];
  /** Whether a tag or a ban has withdrawn entries that are still here. */
  #withdrawing = false;

  /** What to tell of the operation that runs; told when it is done, so that no callback sees it half-way. */
  #untold: (() => void)[] = [];

  #hits = 0;
  #misses = 0;
  #evictions = 0;
  #expirations = 0;

  /** @param hears whether `onRemoval` is to be told of such removals: what it is not told of costs nothing */
  constructor(settings: MemorySettings<V>, hears: (reason: RemovalReason) => boolean = () => true) {
    this.#settings = settings;
    this.#maxSize = settings.maxSize;
    this.#maxBytes = settings.maxBytes;
    this.#keys = slotArray(settings.maxSize);
    this.#values = slotArray(settings.maxSize);
    this.#hears = hears;
    this.#counting = settings.metricsEnabled;
    this.#policy = evictionPolicy(settings.policy);
    this.#seed = settings.policy === 'adaptive' ? randomSeed() : undefined;
    this.#upkeep = new Upkeep(settings.clock, () => this.#tend());
  }

  /** Entries in the table, those included that are over and have not left yet. */
  get size(): number {
    return this.#index.size;
  }

  /** The sum of the sizes of these entries; 0 when bytes are not counted. */
  get bytes(): Bytes {
    return this.#bytes;
  }

  /** The value, and thereby a use of the entry; `absent` on a miss. */
  get<Absent = undefined>(key: string, absent?: Absent): V | Absent {
    const slot = this.#index.get(key);
    if (
      slot === undefined ||
      (this.#lifetimes !== undefined && !this.#lifetimes.use(slot)) ||
      (this.#withdrawing && this.#isWithdrawn(slot))
    ) {
      return this.#miss(slot, absent);
    }
    if (this.#counting) this.#hits++;
    this.#policy.touch(slot);
    return this.#values.at(slot) as V;
  }

  /** The value, with no effect on order, metrics or table. */
  peek(key: string): V | undefined {
    const slot = this.#index.get(key);
    return slot === undefined || this.#isOver(slot) ? undefined : this.#values.at(slot);
  }

  /** Whether `get` would find the entry, with no effect on order, metrics or table. */
  has(key: string): boolean {
    const slot = this.#index.get(key);
    return slot !== undefined && !this.#isOver(slot);
  }

  /**
   * Stores the value, evicts what no longer fits, and returns whether it is held: not where it was refused, nor where the
   * policy evicted it rather than another.
   */
  set(key: string, value: V, terms: EntryTerms): boolean {
    const held = this.#index.getToSet(key);
    this.#lifetimes?.look();
    let holds = terms.ttl > 0 && terms.idleTTL > 0 && terms.size <= this.#settings.maxEntrySize;
    if (holds) {
      const slot = this.#put(held, key, terms);
      this.#values.set(slot, value);
      while (this.#bytes > this.#maxBytes) {
        const victim = this.#policy.evict();
        this.#vacate(victim, 'evicted');
        if (victim === slot) holds = false;
      }
    } else if (held !== undefined) {
      this.#remove(held, 'replaced');
    }
    this.#notify();
    return holds;
  }

  /** Removes the entry and returns whether there was one to read. */
  delete(key: string): boolean {
    const slot = this.#index.get(key);
    if (slot === undefined) return false;
    const wasOver = this.#isOver(slot);
    this.#remove(slot, 'deleted');
    this.#notify();
    return !wasOver;
  }

  /** How many entries carry the tag, expired ones that nobody has noticed yet included. */
  countTag(tag: string): number {
    return this.#tags?.countOf(tag) ?? 0;
  }

  /**
   * Withdraws the entries that carry the tag and returns how many there were to read. All are gone at once to whoever
   * reads; up to 4096 leave before it returns, which is what it costs, and the others in slices in the background. Of
   * those, ones that were over unnoticed count as well.
   */
  deleteTag(tag: string): number {
    const version = this.#tags?.end(tag);
    if (version === undefined) return 0;
    this.#lifetimes?.look();
    const deleted = this.#removeWithdrawn(SLICE, version) + version.size;
    if (version.size > 0) this.#upkeep.wakeAt(this.#settings.clock.now() + PAUSE);
    this.#noteWithdrawing();
    this.#notify();
    return deleted;
  }

  /**
   * Removes the entries whose key passes the test, which may call the cache, and returns how many there were to read.
   * O(entries), in one go.
   */
  deleteMatching(test: (key: string) => boolean): number {
    const ban = this.#ban(test);
    try {
      this.#advance(ban, Infinity);
    } finally {
      // The test may have thrown.
      ban.lift();
    }
    return ban.deleted;
  }

  /**
   * Withdraws the entries whose key passes the test, as of now: from here on no read finds one. They leave as `advance`
   * walks the table, in slices that the caller chooses; until it has come to the end, each read of a key that was not
   * looked at yet costs a test. The test must not throw, nor change the cache.
   */
  ban(test: (key: string) => boolean): BanWalk {
    const ban = this.#ban(test);
    return {
      get deleted() {
        return ban.deleted;
      },
      advance: (limit) => this.#advance(ban, limit),
    };
  }

  /** Removes everything. O(1), unless `onRemoval` is told of each entry. */
  clear(): void {
    if (this.#settings.onRemoval !== undefined && this.#hears('deleted')) {
      for (let slot = 1; slot < this.#keys.length; slot++) {
        const key = this.#keys.at(slot);
        if (key !== undefined) this.#note(key, this.#values.at(slot)!, 'deleted');
      }
    }
    for (const ban of this.#bans) ban.lift();
    this.#upkeep.stop();
    this.#policy.clear();
    this.#index = new KeyIndex();
    this.#capacity = 0;
    this.#keys = slotArray(this.#maxSize);
    this.#values = slotArray(this.#maxSize);
    this.#sizes = undefined;
    this.#costs = undefined;
    this.#tags = undefined;
    this.#lifetimes = undefined;
    this.#free = [];
    this.#bytes = 0;
    this.#cursor = 1;
    this.#withdrawing = false;
    this.#notify();
  }

  /**
   * Removes what is over among the next `limit` places of the table, from where the last call ended, and returns whether
   * it came to the end; the next call then starts over. O(limit).
   */
  sweep(limit: number = Infinity): boolean {
    const end = this.#keys.length;
    const stop = Math.min(this.#cursor + limit, end);
    this.#lifetimes?.look();
    for (let slot = this.#cursor; slot < stop; slot++) {
      if (this.#keys.at(slot) !== undefined && this.#isOver(slot)) this.#remove(slot, 'expired');
    }
    this.#cursor = stop < end ? stop : 1;
    this.#notify();
    return stop === end;
  }

  /** The entries to read, in no promised order. The cache may change meanwhile; what comes then may be missing. */
  *entries(): IterableIterator<CacheEntry<V>> {
    for (let slot = 1; slot < this.#keys.length; slot++) {
      const entry = this.#entryAt(slot);
      if (entry !== undefined) yield entry;
    }
  }

  /**
   * The entries to read, in about the order in which they would leave: a `load` of them restores it. What comes while it
   * is read may be missing. The first step is O(entries).
   */
  *dump(): IterableIterator<CacheEntry<V>> {
    const keys = this.#keys;
    // Taken at once, for an order cannot be followed while it changes.
    const slots = Int32Array.from(this.#policy.slots());
    for (const slot of slots) {
      // After a clear the slots are other entries'.
      if (keys !== this.#keys) return;
      const entry = this.#entryAt(slot);
      if (entry !== undefined) yield entry;
    }
  }

  /** A frozen snapshot: counters since the start, and what is held now. */
  getMetrics(): MemoryCacheMetrics {
    const { size } = this.#index;
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

  #miss<Absent>(slot: number | undefined, absent: Absent | undefined): Absent {
    if (this.#counting) this.#misses++;
    if (slot !== undefined) {
      this.#remove(slot, 'expired');
      this.#notify();
    }
    return absent as Absent;
  }

  #isOver(slot: number): boolean {
    return this.#lifetimes?.isOver(slot) === true || (this.#withdrawing && this.#isWithdrawn(slot));
  }

  #isWithdrawn(slot: number): boolean {
    return this.#tags?.isWithdrawn(slot) === true || this.#banOf(slot) !== undefined;
  }

  #banOf(slot: number): Ban | undefined {
    const key = this.#keys.at(slot);
    return key === undefined ? undefined : this.#bans.find((ban) => ban.covers(slot, key));
  }

  #ban(test: (key: string) => boolean): Ban {
    const ban = new Ban(test, {
      end: this.#keys.length,
      keyOf: (slot) => this.#keys.at(slot),
      remove: (slot) => this.#remove(slot, 'deleted'),
      lift: (lifted) => {
        this.#bans = this.#bans.filter((other) => other !== lifted);
        this.#noteWithdrawing();
      },
    });
    this.#bans.push(ban);
    this.#noteWithdrawing();
    return ban;
  }

  #advance(ban: Ban, limit: number): boolean {
    this.#lifetimes?.look();
    try {
      return ban.advance(limit);
    } finally {
      this.#notify();
    }
  }

  #noteWithdrawing(): void {
    this.#withdrawing = this.#bans.length > 0 || this.#tags?.withdrawing === true;
  }

  #entryAt(slot: number): CacheEntry<V> | undefined {
    const key = this.#keys.at(slot);
    if (key === undefined || this.#isOver(slot)) return undefined;
    const size = this.#sizes?.at(slot) ?? 0;
    const idleTTL = this.#lifetimes?.idleTTL(slot) ?? Infinity;
    return {
      key,
      value: this.#values.at(slot)!,
      ttl: this.#lifetimes?.timeLeft(slot) ?? Infinity,
      idleTTL: idleTTL === Infinity ? undefined : idleTTL,
      size: size === 0 ? undefined : size,
      cost: this.#costs?.at(slot) ?? 1,
      tags: this.#tags?.tagsOf(slot) ?? NO_TAGS,
    };
  }

  /** All of an entry but its value: in the slot that the key has, or in a new one. */
  #put(held: number | undefined, key: string, { ttl, idleTTL, size, cost, tags }: EntryTerms): number {
    if (held !== undefined) this.#depart(held, 'replaced');
    const slot = held ?? this.#take(key);
    this.#admission.weight = size === 0 ? 1 : size;
    this.#admission.cost = cost;
    if (held === undefined) this.#policy.insert(slot, this.#admission);
    else this.#policy.update(slot, this.#admission);
    if (size !== 0 || this.#sizes !== undefined) this.#measure(slot, size);
    if (cost !== 1 || this.#costs !== undefined) (this.#costs ??= new Column(1)).put(slot, cost);
    if (tags.length > 0 || this.#tags !== undefined) (this.#tags ??= new TagIndex()).assign(slot, tags);
    if (this.#withdrawing) for (const ban of this.#bans) ban.spare(slot);
    this.#begin(slot, ttl, idleTTL);
    return slot;
  }

  #measure(slot: number, size: Bytes): void {
    this.#sizes ??= new Column(0);
    this.#bytes += size - this.#sizes.at(slot);
    this.#sizes.put(slot, size);
  }

  #begin(slot: number, ttl: Milliseconds, idleTTL: Milliseconds): void {
    if (this.#lifetimes === undefined) {
      if (ttl === Infinity && idleTTL === Infinity) return;
      this.#lifetimes = new Lifetimes(this.#settings.clock, this.#settings.cleanupInterval);
      this.#lifetimes.look();
    }
    const turnAt = this.#lifetimes.begin(slot, ttl, idleTTL);
    if (turnAt !== Infinity) this.#upkeep.wakeAt(turnAt);
  }

  /** A slot for a new key, which the policy is yet to be told of. Where all are taken, one that is evicted for it. */
  #take(key: string): number {
    const slot = this.#index.size < this.#maxSize ? (this.#free.pop() ?? this.#keys.length) : this.#evict();
    this.#index.add(key, slot);
    if (slot > this.#capacity) {
      this.#capacity = Math.min(Math.max(this.#capacity * 2, FIRST_CAPACITY), this.#maxSize);
      this.#policy.grow(this.#capacity);
    }
    this.#keys.set(slot, key);
    if (this.#seed !== undefined) this.#admission.fingerprint = keyHash(key, this.#seed);
    return slot;
  }

  #remove(slot: number, why: RemovalReason): void {
    this.#policy.remove(slot);
    this.#vacate(slot, why);
  }

  /** The slot of the entry that leaves, empty but for its key and value, for the next one that comes. */
  #evict(): number {
    const slot = this.#policy.evict();
    this.#empty(slot, 'evicted');
    return slot;
  }

  /** Frees a slot that the policy has forgotten. */
  #vacate(slot: number, why: RemovalReason): void {
    this.#empty(slot, why);
    this.#keys.set(slot, undefined);
    this.#values.set(slot, undefined);
    this.#free.push(slot);
  }

  #empty(slot: number, why: RemovalReason): void {
    this.#depart(slot, why);
    this.#index.remove(this.#keys.at(slot)!);
    this.#tags?.release(slot);
    this.#lifetimes?.end(slot);
    if (this.#withdrawing) for (const ban of this.#bans) ban.spare(slot);
    if (this.#sizes !== undefined) this.#measure(slot, 0);
    this.#costs?.put(slot, 1);
  }

  /** Counts and notes that the slot's present value goes. */
  #depart(slot: number, why: RemovalReason): void {
    const reason = this.#reasonFor(slot, why);
    if (this.#counting) {
      if (reason === 'evicted') this.#evictions++;
      else if (reason === 'expired') this.#expirations++;
    }
    if (this.#settings.onRemoval !== undefined && this.#hears(reason)) {
      this.#note(this.#keys.at(slot)!, this.#values.at(slot)!, reason);
    }
  }

  /** The reason that holds: what was over did not leave for any other. */
  #reasonFor(slot: number, why: RemovalReason): RemovalReason {
    if (this.#lifetimes?.wasOver(slot) === true) return 'expired';
    if (!this.#withdrawing) return why;
    const ban = this.#banOf(slot);
    ban?.count();
    return ban !== undefined || this.#tags?.isWithdrawn(slot) === true ? 'deleted' : why;
  }

  /** Removes up to so many withdrawn entries, of one version or of all; returns how many were there to read until then. */
  #removeWithdrawn(limit: number, version?: TagVersion): number {
    let deleted = 0;
    for (let left = limit; left > 0; left--) {
      const slot = this.#tags?.withdrawnSlot(version);
      if (slot === undefined) break;
      if (this.#lifetimes?.wasOver(slot) !== true && this.#banOf(slot) === undefined) deleted++;
      this.#remove(slot, 'deleted');
    }
    return deleted;
  }

  /** The work of the background timer: a slice of each kind. */
  #tend(): Milliseconds {
    this.#lifetimes?.look();
    this.#removeWithdrawn(SLICE);
    const done = this.#lifetimes?.turn(SLICE, (slot) => this.#remove(slot, 'expired')) ?? true;
    this.#noteWithdrawing();
    this.#notify();
    // Asked last, for a callback may have changed it.
    return done && this.#tags?.withdrawing !== true
      ? (this.#lifetimes?.nextAt() ?? Infinity)
      : this.#settings.clock.now() + PAUSE;
  }

  #note(key: string, value: V, reason: RemovalReason): void {
    this.#untold.push(() => this.#settings.onRemoval?.(key, value, reason));
  }

  #notify(): void {
    if (this.#untold.length === 0) return;
    const untold = this.#untold;
    this.#untold = [];
    for (const tell of untold) callQuietly(tell);
  }
}
