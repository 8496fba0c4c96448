import type { EvictionPolicy } from '../policies/eviction-policy.ts';
import { evictionPolicy } from '../policies/policy-by-name.ts';
import type { Bytes, Milliseconds } from '../units.ts';
import { KeyIndex } from './key-index.ts';
import { Lifetimes } from './lifetimes.ts';
import {
  NO_TAGS,
  type CacheEntry,
  type EntryTerms,
  type MemorySettings,
  type RemovalReason,
} from './memory-options.ts';
import type { RemovalNotices } from './removal-notices.ts';
import { slotsFor, type Slots } from './slots.ts';
import type { Tally } from './tally.ts';
import { Weights } from './weights.ts';
import { Withdrawals } from './withdrawals.ts';

/** Who is told of what comes and goes. */
export interface EntryListeners<V> {
  readonly tally: Tally;
  readonly notices: RemovalNotices<V>;
  /** The lives of entries are to be looked at by then. */
  readonly wakeAt: (at: Milliseconds) => void;
}

/**
 * Entries in slots: how one comes into a slot, is found there by its key, and leaves it for a reason.
 *
 * Key, value, life, weight and tags of a slot lie in columns. Slot 0 stays empty: it is the joint of the policies' rings. A
 * slot that is free holds nothing, so that nothing that left is kept alive.
 */
export class Entries<V> {
  readonly #settings: MemorySettings<V>;
  readonly #maxSize: number;
  readonly #policy: EvictionPolicy;
  readonly #tally: Tally;
  readonly #notices: RemovalNotices<V>;
  readonly #wakeAt: (at: Milliseconds) => void;
  /** What the policy is told of an entry: one object for all. */
  readonly #admission = { fingerprint: 0, weight: 1, cost: 1 };
  readonly #slots: Slots<V>;
  readonly #index: KeyIndex;
  readonly #free: number[] = [];
  #capacity = 0;
  // Made for the first entry that needs one: until then no operation pays for it.
  #weights: Weights | undefined;
  #lifetimes: Lifetimes | undefined;
  #withdrawals: Withdrawals | undefined;

  constructor(settings: MemorySettings<V>, { tally, notices, wakeAt }: EntryListeners<V>) {
    this.#settings = settings;
    this.#maxSize = settings.maxSize;
    this.#tally = tally;
    this.#notices = notices;
    this.#wakeAt = wakeAt;
    this.#slots = slotsFor(settings.maxSize);
    this.#index = new KeyIndex(this.#slots);
    this.#policy = evictionPolicy(settings.policy, (slot) => this.#index.hashOf(this.#slots.keyOf(slot)!));
  }

  get size(): number {
    return this.#index.size;
  }

  get bytes(): Bytes {
    return this.#weights?.bytes ?? 0;
  }

  /** One more than the last slot that was ever taken. */
  get end(): number {
    return this.#slots.length;
  }

  get lifetimes(): Lifetimes | undefined {
    return this.#lifetimes;
  }

  get withdrawals(): Withdrawals | undefined {
    return this.#withdrawals;
  }

  withdrawing(): Withdrawals {
    this.#withdrawals ??= new Withdrawals(this.#slots, (slot) => this.remove(slot, 'deleted'));
    return this.#withdrawals;
  }

  find(key: string): number | undefined {
    return this.#index.get(key);
  }

  /** The same, for nothing where `find` has just missed the key. */
  findToSet(key: string): number | undefined {
    return this.#index.getToSet(key);
  }

  keyOf(slot: number): string | undefined {
    return this.#slots.keyOf(slot);
  }

  valueOf(slot: number): V {
    return this.#slots.valueOf(slot) as V;
  }

  /** In about the order in which they would leave. O(entries) when all are taken. */
  slotsInOrder(): Iterable<number> {
    return this.#policy.slots();
  }

  /** Whether the entry is there to read; if it is, that is a use of it. */
  use(slot: number): boolean {
    if (
      (this.#lifetimes !== undefined && !this.#lifetimes.use(slot)) ||
      (this.#withdrawals !== undefined && this.#withdrawals.covers(slot))
    ) {
      return false;
    }
    this.#policy.touch(slot);
    return true;
  }

  isOver(slot: number): boolean {
    return this.#lifetimes?.isOver(slot) === true || this.#withdrawals?.covers(slot) === true;
  }

  /** Undefined for a slot without one that is there to read. */
  entryAt(slot: number): CacheEntry<V> | undefined {
    const key = this.#slots.keyOf(slot);
    if (key === undefined || this.isOver(slot)) return undefined;
    const size = this.#weights?.sizeOf(slot) ?? 0;
    const idleTTL = this.#lifetimes?.idleTTL(slot) ?? Infinity;
    return {
      key,
      value: this.valueOf(slot),
      ttl: this.#lifetimes?.timeLeft(slot) ?? Infinity,
      idleTTL: idleTTL === Infinity ? undefined : idleTTL,
      size: size === 0 ? undefined : size,
      cost: this.#weights?.costOf(slot) ?? 1,
      tags: this.#withdrawals?.tagsOf(slot) ?? NO_TAGS,
    };
  }

  /** Into the slot that the key has, or a new one, which may be that of an entry that is evicted for it. */
  put(held: number | undefined, key: string, value: V, { ttl, idleTTL, size, cost, tags }: EntryTerms): number {
    this.#admission.weight = size === 0 ? 1 : size;
    this.#admission.cost = cost;
    const slot = held === undefined ? this.#insert(key, value) : this.#replace(held, value);
    if (size !== 0 || cost !== 1 || this.#weights !== undefined)
      (this.#weights ??= new Weights()).put(slot, size, cost);
    if (tags.length > 0 || this.#withdrawals !== undefined) this.withdrawing().begin(slot, tags);
    if (ttl !== Infinity || idleTTL !== Infinity || this.#lifetimes !== undefined) this.#begin(slot, ttl, idleTTL);
    return slot;
  }

  /** Frees the slot of the policy's choice and returns it. */
  evict(): number {
    const slot = this.#policy.evict();
    this.#empty(slot, 'evicted');
    this.#release(slot);
    return slot;
  }

  /** Frees the slot. */
  remove(slot: number, why: RemovalReason): void {
    this.#policy.remove(slot);
    this.#empty(slot, why);
    this.#release(slot);
  }

  #insert(key: string, value: V): number {
    const slot = this.#index.size < this.#maxSize ? (this.#free.pop() ?? this.#slots.length) : this.#takeOver();
    if (slot > this.#capacity) {
      this.#capacity = Math.min(nextCapacity(this.#capacity), this.#maxSize);
      this.#policy.grow(this.#capacity);
    }
    this.#index.add(key, slot);
    this.#slots.put(slot, key, value);
    this.#policy.insert(slot, this.#admission);
    return slot;
  }

  #replace(slot: number, value: V): number {
    this.#depart(slot, 'replaced');
    this.#slots.replace(slot, value);
    this.#policy.update(slot, this.#admission);
    return slot;
  }

  #begin(slot: number, ttl: Milliseconds, idleTTL: Milliseconds): void {
    if (this.#lifetimes === undefined) {
      this.#lifetimes = new Lifetimes(this.#settings.clock, this.#settings.cleanupInterval);
      this.#lifetimes.look();
    }
    const turnAt = this.#lifetimes.begin(slot, ttl, idleTTL);
    if (turnAt !== Infinity) this.#wakeAt(turnAt);
  }

  /** The slot of an entry that is evicted, empty but for its key and value, for the next one that comes. */
  #takeOver(): number {
    const slot = this.#policy.evict();
    this.#empty(slot, 'evicted');
    return slot;
  }

  #release(slot: number): void {
    this.#slots.put(slot, undefined, undefined);
    this.#free.push(slot);
  }

  #empty(slot: number, why: RemovalReason): void {
    this.#depart(slot, why);
    this.#index.remove(this.#slots.keyOf(slot)!, slot);
    this.#withdrawals?.end(slot);
    this.#lifetimes?.end(slot);
    this.#weights?.end(slot);
  }

  /** Tells that the slot's present value goes, before it has gone. */
  #depart(slot: number, why: RemovalReason): void {
    const reason = this.#reasonFor(slot, why);
    this.#tally.departure(reason);
    if (this.#notices.wants(reason)) this.#notices.note(this.#slots.keyOf(slot)!, this.valueOf(slot), reason);
  }

  /** The reason that holds: what was over did not leave for any other. */
  #reasonFor(slot: number, why: RemovalReason): RemovalReason {
    if (this.#lifetimes?.wasOver(slot) === true) return 'expired';
    return this.#withdrawals?.take(slot) === true ? 'deleted' : why;
  }
}

const FIRST_CAPACITY = 256;
const MANY = 2 ** 16;

/** Fourfold, for each time costs some allocations; twofold where it costs copies. */
function nextCapacity(capacity: number): number {
  if (capacity === 0) return FIRST_CAPACITY;
  return capacity * (capacity < MANY ? 4 : 2);
}
