import type { Admission, EvictionPolicy } from './eviction-policy.ts';
import { EvictedUses, MOST_USES as MOST_REMEMBERED } from './evicted-uses.ts';
import { lengthened } from './lengthened.ts';
import { PriorityHeap } from './priority-heap.ts';

/**
 * Greedy Dual Size Frequency [1]: keeps what saves the most cost for each byte that it takes.
 *
 * An entry has the priority L + uses × cost / weight, the lowest leaves, and L, the clock, is then set to the priority of
 * what left: so an entry that is not used any more is overtaken, however valuable it was, and the policy needs no other
 * ageing. With equal costs it is the best known for the ratio of objects hit in web caches [2]; with the cost of loading
 * it maximizes the time saved.
 *
 * It departs from that in two points, for keys that come once must not push out those that come again:
 *
 * - What leaves unused moves the clock by a small part of the way. Else the fewer places are left beside a hot set, the
 *   faster strangers who pass through them make it look old. Ten times as many of them as there are entries age by one use.
 * - How often an entry was used is remembered for three times as many evictions as there are entries, and counts when its
 *   key is back, as in the adaptive policy: a key that is wanted again and again gets in though each of its visits was
 *   short, and a new hot set takes the place of an old one sooner. Without a fingerprint nothing is remembered.
 *
 * The queue is a binary heap of slots in typed arrays, which knows the place of each slot, as entries leave from the
 * middle, too. A hit does not move anything in it: it writes down the priority that the entry should have, which can only
 * be higher than the one it is queued by, and the queue finds out when the entry comes to its top. So a hit is O(1), and
 * the reordering for all hits on an entry between two visits to the top is one step of O(log n).
 *
 * The clock only grows, and would in the end swallow what is added to it. Costs and weights are therefore kept within
 * bounds, and once the clock has come to the highest value that one use can have, it is set back to 0 and taken off all
 * priorities: differences remain, and they are all that counts. That is one linear pass, and a rare one, since the clock
 * must climb all the way again. A cost that is no positive number counts as the lowest.
 *
 * 37 bytes for each entry and 13 for the memory of the evicted.
 *
 * 1. L. Cherkasova, Improving WWW proxies performance with Greedy-Dual-Size-Frequency caching policy, HP Labs
 *    HPL-98-69R1, 1998; after P. Cao, S. Irani, Cost-aware WWW proxy caching algorithms, USITS 1997.
 * 2. M. Arlitt et al., Evaluating content management techniques for web proxy caches, ACM PER 27(4), 2000.
 */
export class GdsfPolicy implements EvictionPolicy {
  readonly #heap = new PriorityHeap();
  readonly #fingerprintOf: (slot: number) => number;
  readonly #evicted = new EvictedUses();
  #clock = 0;
  /** The priority that each slot should have; the heap's is lower if the slot was used since. */
  #due = new Float64Array(1);
  /** What one use is worth: cost / weight. */
  #values = new Float64Array(1);
  #uses = new Uint8Array(1);
  #fingerprints = new Int32Array(1);

  /** @param fingerprintOf asked, when it is needed and not before, for a fingerprint of which `insert` was told 0 */
  constructor(fingerprintOf: (slot: number) => number = () => 0) {
    this.#fingerprintOf = fingerprintOf;
  }

  grow(capacity: number): void {
    this.#heap.grow(capacity);
    this.#due = lengthened(this.#due, capacity + 1);
    this.#values = lengthened(this.#values, capacity + 1);
    this.#uses = lengthened(this.#uses, capacity + 1);
    this.#fingerprints = lengthened(this.#fingerprints, capacity + 1);
  }

  insert(slot: number, entry: Admission): void {
    const value = valueOf(entry);
    this.#values[slot] = value;
    this.#fingerprints[slot] = entry.fingerprint;
    const uses = 1 + this.#remembered(slot);
    const due = this.#clock + uses * value;
    this.#uses[slot] = uses;
    this.#due[slot] = due;
    this.#heap.insert(slot, due);
  }

  touch(slot: number): void {
    const uses = Math.min(this.#uses[slot]! + 1, MOST_USES);
    this.#uses[slot] = uses;
    this.#due[slot] = this.#clock + uses * this.#values[slot]!;
  }

  update(slot: number, entry: Admission): void {
    this.#values[slot] = valueOf(entry);
    this.touch(slot);
    // A value that is worth less may come before its old place, which no visit to the top would find out.
    this.#heap.move(slot, this.#due[slot]!);
  }

  remove(slot: number): void {
    this.#heap.remove(slot);
  }

  evict(): number {
    const slot = this.#lowest();
    this.#age(slot);
    this.#remember(slot);
    this.#heap.remove(slot);
    return slot;
  }

  slots(): Iterable<number> {
    return this.#heap;
  }

  /** The slot with the lowest priority due; after very many hits at once, the lowest of some hundreds. */
  #lowest(): number {
    let lowest = this.#heap.top;
    for (let moved = 0; moved < MOST_MOVED; moved++) {
      const top = this.#heap.top;
      const due = this.#due[top]!;
      if (due < this.#due[lowest]!) lowest = top;
      if (due === this.#heap.priorityOf(top)) return top;
      this.#heap.move(top, due);
    }
    return lowest;
  }

  /** Moves the clock on, for the slot leaves; never back. */
  #age(slot: number): void {
    const due = this.#due[slot]!;
    // Where the lowest was not found, how far to go is not known.
    if (due <= this.#clock || due !== this.#heap.priorityOf(this.#heap.top)) return;
    const share = this.#uses[slot]! > 1 ? 1 : 1 / (STRANGERS * this.#heap.size);
    this.#clock += (due - this.#clock) * share;
    if (this.#clock >= HIGHEST_VALUE) this.#setBack();
  }

  #remember(slot: number): void {
    const fingerprint = this.#fingerprint(slot);
    if (fingerprint === 0) return;
    this.#evicted.fit(REMEMBERED * this.#heap.size);
    this.#evicted.put(fingerprint, Math.min(this.#uses[slot]!, MOST_REMEMBERED), 0);
  }

  #remembered(slot: number): number {
    return this.#evicted.isEmpty ? 0 : this.#evicted.take(this.#fingerprint(slot), 0);
  }

  #fingerprint(slot: number): number {
    let fingerprint = this.#fingerprints[slot]!;
    if (fingerprint === 0) {
      fingerprint = this.#fingerprintOf(slot);
      this.#fingerprints[slot] = fingerprint;
    }
    return fingerprint;
  }

  #setBack(): void {
    const clock = this.#clock;
    this.#clock = 0;
    for (let slot = 1; slot < this.#due.length; slot++) this.#due[slot]! -= clock;
    this.#heap.subtract(clock);
  }
}

function valueOf({ cost, weight }: Admission): number {
  // NaN fails the comparison, too.
  const bounded = cost > LOWEST_COST ? Math.min(cost, HIGHEST_COST) : LOWEST_COST;
  return bounded / Math.min(Math.max(weight, 1), HIGHEST_WEIGHT);
}

// In milliseconds, a microsecond and a quarter of an hour; in bytes 1 and 4 GB. A use is then worth 2^-42 … 2^20, and a
// double at 2^20 still tells 2^-32 apart.
const LOWEST_COST = 2 ** -10;
const HIGHEST_COST = 2 ** 20;
const HIGHEST_WEIGHT = 2 ** 32;
const HIGHEST_VALUE = HIGHEST_COST;
/** So that what was used a million times is not there for ever. */
const MOST_USES = 255;
/** Evictions remembered, in entries that the cache holds. */
const REMEMBERED = 3;
/** Entries that leave unused and together age the others by one use, in entries that the cache holds. */
const STRANGERS = 10;
/** Moving is O(log n) for each entry used before; all together must not stall the one eviction that comes after them. */
const MOST_MOVED = 512;
