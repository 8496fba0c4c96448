/** What a policy is told of an entry besides its slot. */
export interface Admission {
  /**
   * A seeded hash of the key, 32 bits, signed: what a policy remembers of an entry that left. 0 where it is not made yet,
   * for it costs as much as a lookup: a policy that needs it asks.
   */
  readonly fingerprint: number;
  /** Bytes; 1 where bytes are not counted. */
  readonly weight: number;
  /** What it takes to have the value again, in any unit that all entries share: milliseconds of loading. 1 where unknown. */
  readonly cost: number;
}

/**
 * Decides which entry leaves when the cache is full. It knows entries by slot, a small integer from 1 that the cache uses
 * again once the entry has left. What it keeps of each slot lives in typed arrays of its own.
 */
export interface EvictionPolicy {
  /** Slots up to `capacity` may come; never shrinks. */
  grow(capacity: number): void;
  /** A new entry has taken the slot. */
  insert(slot: number, entry: Admission): void;
  /** The entry was read. On the path of every hit: no allocation, and as few memory accesses as can be. */
  touch(slot: number): void;
  /** The entry has a new value; counts as a use, too. */
  update(slot: number, entry: Admission): void;
  /** The entry left for another reason than this policy's choice. */
  remove(slot: number): void;
  /**
   * Chooses the entry that leaves and forgets its slot; asked only while it holds one. Where entries are counted, it is
   * asked before the newcomer is inserted for whom there is to be room; where bytes are, after.
   */
  evict(): number;
  /** All slots, in about the order in which they would leave, were nothing used meanwhile. O(entries), for a dump. */
  slots(): Iterable<number>;
}
