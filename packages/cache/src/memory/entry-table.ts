import { MEMORY_METRIC_KINDS, type MemoryCacheMetrics, type MetricKinds } from '../metrics.ts';
import type { Bytes, Milliseconds } from '../units.ts';
import type { Ban } from './ban.ts';
import { Entries } from './entries.ts';
import type { CacheEntry, EntryTerms, MemorySettings, RemovalReason } from './memory-options.ts';
import { RemovalNotices } from './removal-notices.ts';
import type { TagVersion } from './tag-index.ts';
import { Tally } from './tally.ts';
import { Upkeep } from './upkeep.ts';

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

// What a `ResponseCache` does to its tables besides. Functions, and no methods, for those are a `MemoryCache`'s too.

/** How many entries carry the tag, expired ones that nobody has noticed yet included. */
export let countTag: <V>(table: EntryTable<V>, tag: string) => number;

/**
 * Withdraws the entries whose key passes the test, as of now: from here on no read finds one. They leave as `advance`
 * walks the table, in slices that the caller chooses; until it has come to the end, each read of a key that was not
 * looked at yet costs a test. The test must not throw, nor change the cache.
 */
export let ban: <V>(table: EntryTable<V>, test: (key: string) => boolean) => BanWalk;

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
  static {
    countTag = (table, tag) => table.#entries.withdrawals?.countTag(tag) ?? 0;
    ban = (table, test) => table.#ban(test);
  }

  readonly metricKinds: MetricKinds<MemoryCacheMetrics> = MEMORY_METRIC_KINDS;

  readonly #settings: MemorySettings<V>;
  readonly #tally: Tally;
  readonly #notices: RemovalNotices<V>;
  readonly #upkeep: Upkeep;
  #entries: Entries<V>;
  /** Where the next sweep begins. */
  #cursor = 1;

  /** @param hears whether `onRemoval` is to be told of such removals: what it is not told of costs nothing */
  constructor(settings: MemorySettings<V>, hears: (reason: RemovalReason) => boolean = () => true) {
    this.#settings = settings;
    this.#tally = new Tally(settings.metricsEnabled);
    this.#notices = new RemovalNotices(settings.onRemoval, hears);
    this.#upkeep = new Upkeep(settings.clock, () => this.#tend());
    this.#entries = this.#newEntries();
  }

  /** Entries in the table, those included that are over and have not left yet. */
  get size(): number {
    return this.#entries.size;
  }

  /** The sum of the sizes of these entries; 0 when bytes are not counted. */
  get bytes(): Bytes {
    return this.#entries.bytes;
  }

  /** The value, and thereby a use of the entry; `absent` on a miss. */
  get<Absent = undefined>(key: string, absent?: Absent): V | Absent {
    const slot = this.#entries.find(key);
    if (slot === undefined || !this.#entries.use(slot)) return this.#miss(slot, absent);
    this.#tally.hit();
    return this.#entries.valueOf(slot);
  }

  /** The value, with no effect on order, metrics or table. */
  peek(key: string): V | undefined {
    const slot = this.#entries.find(key);
    return slot === undefined || this.#entries.isOver(slot) ? undefined : this.#entries.valueOf(slot);
  }

  /** Whether `get` would find the entry, with no effect on order, metrics or table. */
  has(key: string): boolean {
    const slot = this.#entries.find(key);
    return slot !== undefined && !this.#entries.isOver(slot);
  }

  /**
   * Stores the value, evicts what no longer fits, and returns whether it is held: not where it was refused, nor where the
   * policy evicted it rather than another.
   */
  set(key: string, value: V, terms: EntryTerms): boolean {
    const held = this.#entries.findToSet(key);
    this.#entries.lifetimes?.look();
    const { maxEntrySize, maxBytes } = this.#settings;
    let holds = terms.ttl > 0 && terms.idleTTL > 0 && terms.size <= maxEntrySize;
    if (holds) {
      const slot = this.#entries.put(held, key, value, terms);
      while (this.#entries.bytes > maxBytes) {
        if (this.#entries.evict() === slot) holds = false;
      }
    } else if (held !== undefined) {
      this.#entries.remove(held, 'replaced');
    }
    this.#notices.tell();
    return holds;
  }

  /** Removes the entry and returns whether there was one to read. */
  delete(key: string): boolean {
    const slot = this.#entries.find(key);
    if (slot === undefined) return false;
    const wasOver = this.#entries.isOver(slot);
    this.#entries.remove(slot, 'deleted');
    this.#notices.tell();
    return !wasOver;
  }

  /**
   * Withdraws the entries that carry the tag and returns how many there were to read. All are gone at once to whoever
   * reads; up to 4096 leave before it returns, which is what it costs, and the others in slices in the background. Of
   * those, ones that were over unnoticed count as well.
   */
  deleteTag(tag: string): number {
    const version = this.#entries.withdrawals?.endTag(tag);
    if (version === undefined) return 0;
    this.#entries.lifetimes?.look();
    const deleted = this.#removeTagged(SLICE, version) + version.size;
    if (version.size > 0) this.#upkeep.wakeAt(this.#settings.clock.now() + PAUSE);
    this.#notices.tell();
    return deleted;
  }

  /**
   * Removes the entries whose key passes the test, which may call the cache, and returns how many there were to read.
   * O(entries), in one go.
   */
  deleteMatching(test: (key: string) => boolean): number {
    const withdrawal = this.#entries.withdrawing().ban(test);
    try {
      this.#advance(withdrawal, Infinity);
    } finally {
      // The test may have thrown.
      withdrawal.lift();
    }
    return withdrawal.deleted;
  }

  /** Removes everything. O(1), unless `onRemoval` is told of each entry. */
  clear(): void {
    if (this.#notices.wants('deleted')) {
      for (let slot = 1; slot < this.#entries.end; slot++) {
        const key = this.#entries.keyOf(slot);
        if (key !== undefined) this.#notices.note(key, this.#entries.valueOf(slot), 'deleted');
      }
    }
    this.#entries.withdrawals?.liftBans();
    this.#upkeep.stop();
    this.#entries = this.#newEntries();
    this.#cursor = 1;
    this.#notices.tell();
  }

  /**
   * Removes what is over among the next `limit` places of the table, from where the last call ended, and returns whether
   * it came to the end; the next call then starts over. O(limit).
   */
  sweep(limit: number = Infinity): boolean {
    const end = this.#entries.end;
    const stop = Math.min(this.#cursor + limit, end);
    this.#entries.lifetimes?.look();
    for (let slot = this.#cursor; slot < stop; slot++) {
      if (this.#entries.keyOf(slot) !== undefined && this.#entries.isOver(slot)) this.#entries.remove(slot, 'expired');
    }
    this.#cursor = stop < end ? stop : 1;
    this.#notices.tell();
    return stop === end;
  }

  /** The entries to read, in no promised order. The cache may change meanwhile; what comes then may be missing. */
  *entries(): IterableIterator<CacheEntry<V>> {
    for (let slot = 1; slot < this.#entries.end; slot++) {
      const entry = this.#entries.entryAt(slot);
      if (entry !== undefined) yield entry;
    }
  }

  /**
   * The entries to read, in about the order in which they would leave: a `load` of them restores it. What comes while it
   * is read may be missing. The first step is O(entries).
   */
  *dump(): IterableIterator<CacheEntry<V>> {
    const entries = this.#entries;
    // Taken at once, for an order cannot be followed while it changes.
    const slots = Int32Array.from(entries.slotsInOrder());
    for (const slot of slots) {
      // After a clear the slots are other entries'.
      if (entries !== this.#entries) return;
      const entry = this.#entries.entryAt(slot);
      if (entry !== undefined) yield entry;
    }
  }

  /** A frozen snapshot: counters since the start, and what is held now. */
  getMetrics(): MemoryCacheMetrics {
    return this.#tally.metrics(this.size, this.#settings.maxSize, this.bytes);
  }

  #miss<Absent>(slot: number | undefined, absent: Absent | undefined): Absent {
    this.#tally.miss();
    if (slot !== undefined) {
      this.#entries.remove(slot, 'expired');
      this.#notices.tell();
    }
    return absent as Absent;
  }

  #ban(test: (key: string) => boolean): BanWalk {
    const withdrawal = this.#entries.withdrawing().ban(test);
    return {
      get deleted() {
        return withdrawal.deleted;
      },
      advance: (limit) => this.#advance(withdrawal, limit),
    };
  }

  #advance(withdrawal: Ban, limit: number): boolean {
    this.#entries.lifetimes?.look();
    try {
      return withdrawal.advance(limit);
    } finally {
      this.#notices.tell();
    }
  }

  /** Removes up to so many entries that tags withdrew, one version's or all; returns how many were there to read until then. */
  #removeTagged(limit: number, version?: TagVersion): number {
    let deleted = 0;
    for (let left = limit; left > 0; left--) {
      const slot = this.#entries.withdrawals?.nextTagged(version);
      if (slot === undefined) break;
      if (this.#entries.lifetimes?.wasOver(slot) !== true && this.#entries.withdrawals?.banOf(slot) === undefined)
        deleted++;
      this.#entries.remove(slot, 'deleted');
    }
    return deleted;
  }

  /** The work of the background timer: a slice of each kind. */
  #tend(): Milliseconds {
    this.#entries.lifetimes?.look();
    this.#removeTagged(SLICE);
    const done = this.#entries.lifetimes?.turn(SLICE, (slot) => this.#entries.remove(slot, 'expired')) ?? true;
    this.#notices.tell();
    // Asked last, for a callback may have changed it.
    return done && this.#entries.withdrawals?.tagPending !== true
      ? (this.#entries.lifetimes?.nextAt() ?? Infinity)
      : this.#settings.clock.now() + PAUSE;
  }

  #newEntries(): Entries<V> {
    return new Entries<V>(this.#settings, {
      tally: this.#tally,
      notices: this.#notices,
      wakeAt: (at) => this.#upkeep.wakeAt(at),
    });
  }
}
