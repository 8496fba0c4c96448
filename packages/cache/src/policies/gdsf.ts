import type { Admission, EvictionPolicy } from './eviction-policy.ts';
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
 * 33 bytes for each entry. Unlike the adaptive policy it remembers nothing of what left.
 *
 * 1. L. Cherkasova, Improving WWW proxies performance with Greedy-Dual-Size-Frequency caching policy, HP Labs
 *    HPL-98-69R1, 1998; after P. Cao, S. Irani, Cost-aware WWW proxy caching algorithms, USITS 1997.
 * 2. M. Arlitt et al., Evaluating content management techniques for web proxy caches, ACM PER 27(4), 2000.
 */
export class GdsfPolicy implements EvictionPolicy {
  readonly #heap = new PriorityHeap();
  #clock = 0;
  /** The priority that each slot should have; the heap's is lower if the slot was used since. */
  #due = new Float64Array(1);
  /** What one use is worth: cost / weight. */
  #values = new Float64Array(1);
  #uses = new Uint8Array(1);

  grow(capacity: number): void {
    this.#heap.grow(capacity);
    this.#due = lengthened(this.#due, capacity + 1);
    this.#values = lengthened(this.#values, capacity + 1);
    this.#uses = lengthened(this.#uses, capacity + 1);
  }

  insert(slot: number, entry: Admission): void {
    const value = valueOf(entry);
    this.#values[slot] = value;
    this.#uses[slot] = 1;
    this.#due[slot] = this.#clock + value;
    this.#heap.insert(slot, this.#clock + value);
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
    this.#heap.remove(slot);
    // Never back, where the lowest was not found.
    this.#clock = Math.max(this.#clock, this.#due[slot]!);
    if (this.#clock >= HIGHEST_VALUE) this.#setBack();
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
/** Moving is O(log n) for each entry used before; all together must not stall the one eviction that comes after them. */
const MOST_MOVED = 512;
