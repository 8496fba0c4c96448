import { lengthened } from './lengthened.ts';

/**
 * Slots by priority, the lowest at the top: a binary heap that knows where each slot is, so that one in the middle can
 * move or leave. O(log n) each.
 *
 * In typed arrays, as everything that a policy keeps: the usual heap of objects with a comparator allocates for each
 * entry, and cannot remove one without a search.
 */
export class PriorityHeap {
  #size = 0;
  /** Slots in heap order, from place 1. */
  #slots = new Uint32Array(1);
  #places = new Uint32Array(1);
  #priorities = new Float64Array(1);

  /** Slots up to `capacity` may come. */
  grow(capacity: number): void {
    this.#slots = lengthened(this.#slots, capacity + 1);
    this.#places = lengthened(this.#places, capacity + 1);
    this.#priorities = lengthened(this.#priorities, capacity + 1);
  }

  get size(): number {
    return this.#size;
  }

  /** The slot with the lowest priority; only while there is one. */
  get top(): number {
    return this.#slots[1]!;
  }

  priorityOf(slot: number): number {
    return this.#priorities[slot]!;
  }

  insert(slot: number, priority: number): void {
    this.#size += 1;
    this.#priorities[slot] = priority;
    this.#rise(slot, this.#size);
  }

  move(slot: number, priority: number): void {
    const before = this.#priorities[slot]!;
    this.#priorities[slot] = priority;
    if (priority < before) this.#rise(slot, this.#places[slot]!);
    else this.#sink(slot, this.#places[slot]!);
  }

  remove(slot: number): void {
    const place = this.#places[slot]!;
    const last = this.#slots[this.#size]!;
    this.#size -= 1;
    if (last === slot) return;
    if (this.#priorities[last]! < this.#priorities[slot]!) this.#rise(last, place);
    else this.#sink(last, place);
  }

  /** Lowers all priorities by as much, which leaves their order. O(slots that may come). */
  subtract(amount: number): void {
    for (let slot = 1; slot < this.#priorities.length; slot++) this.#priorities[slot]! -= amount;
  }

  /** From the top down, level by level: about from the lowest to the highest. */
  *[Symbol.iterator](): IterableIterator<number> {
    for (let place = 1; place <= this.#size; place++) yield this.#slots[place]!;
  }

  /** Puts the slot at the place or, as far as its priority is lower than theirs, at that of those above. */
  #rise(slot: number, from: number): void {
    const priority = this.#priorities[slot]!;
    let place = from;
    while (place > 1) {
      const above = this.#slots[place >>> 1]!;
      if (this.#priorities[above]! <= priority) break;
      this.#put(above, place);
      place >>>= 1;
    }
    this.#put(slot, place);
  }

  /** Puts the slot at the place or, as far as its priority is higher than theirs, at that of those below. */
  #sink(slot: number, from: number): void {
    const priority = this.#priorities[slot]!;
    let place = from;
    for (;;) {
      let below = place * 2;
      if (below > this.#size) break;
      if (below < this.#size && this.#priorityAt(below + 1) < this.#priorityAt(below)) below += 1;
      if (this.#priorityAt(below) >= priority) break;
      this.#put(this.#slots[below]!, place);
      place = below;
    }
    this.#put(slot, place);
  }

  #priorityAt(place: number): number {
    return this.#priorities[this.#slots[place]!]!;
  }

  #put(slot: number, place: number): void {
    this.#slots[place] = slot;
    this.#places[slot] = place;
  }
}
