import { lengthened } from './lengthened.ts';

/**
 * Slots in an order, doubly linked through two arrays, from the oldest to the newest. Slot 0 is the ring's joint, so that
 * no link is ever missing and no step branches: after it comes the oldest, before it the newest. All is O(1).
 */
export class SlotRing {
  #older = new Uint32Array(1);
  #newer = new Uint32Array(1);

  grow(capacity: number): void {
    this.#older = lengthened(this.#older, capacity + 1);
    this.#newer = lengthened(this.#newer, capacity + 1);
  }

  /** 0 when there is none. */
  get oldest(): number {
    return this.#newer[0]!;
  }

  /** 0 when there is none. */
  get newest(): number {
    return this.#older[0]!;
  }

  /** The slot right after this one; 0 after the newest. */
  after(slot: number): number {
    return this.#newer[slot]!;
  }

  /** Puts the slot right before another one, or makes it the newest of all. */
  insert(slot: number, before: number = 0): void {
    const older = this.#older[before]!;
    this.#older[slot] = older;
    this.#newer[slot] = before;
    this.#newer[older] = slot;
    this.#older[before] = slot;
  }

  remove(slot: number): void {
    const older = this.#older[slot]!;
    const newer = this.#newer[slot]!;
    this.#newer[older] = newer;
    this.#older[newer] = older;
  }

  /** From the oldest to the newest. */
  *[Symbol.iterator](): IterableIterator<number> {
    for (let slot = this.oldest; slot !== 0; slot = this.after(slot)) yield slot;
  }

  clear(): void {
    this.#older = new Uint32Array(1);
    this.#newer = new Uint32Array(1);
  }
}
