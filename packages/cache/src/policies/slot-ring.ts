import { lengthened } from './lengthened.ts';

/**
 * Slots in an order, doubly linked, from the oldest to the newest. Slot 0 is the ring's joint, so that no link is ever
 * missing and no step branches: after it comes the oldest, before it the newest. All is O(1).
 */
export class SlotRing {
  /** By turns, for each slot, the next older and the next newer one. */
  #links = new Uint32Array(2);

  grow(capacity: number): void {
    this.#links = lengthened(this.#links, 2 * (capacity + 1));
  }

  /** 0 when there is none. */
  get oldest(): number {
    return this.#links[1]!;
  }

  /** 0 when there is none. */
  get newest(): number {
    return this.#links[0]!;
  }

  /** The slot right after this one; 0 after the newest. */
  after(slot: number): number {
    return this.#links[2 * slot + 1]!;
  }

  /** Puts the slot right before another one, or makes it the newest of all. */
  insert(slot: number, before: number = 0): void {
    const links = this.#links;
    const older = links[2 * before]!;
    links[2 * slot] = older;
    links[2 * slot + 1] = before;
    links[2 * older + 1] = slot;
    links[2 * before] = slot;
  }

  remove(slot: number): void {
    const links = this.#links;
    const older = links[2 * slot]!;
    const newer = links[2 * slot + 1]!;
    links[2 * newer] = older;
    links[2 * older + 1] = newer;
  }

  /** From the oldest to the newest. */
  *[Symbol.iterator](): IterableIterator<number> {
    for (let slot = this.oldest; slot !== 0; slot = this.after(slot)) yield slot;
  }
}
