/**
 * Decides which entry leaves when the cache is full: the least recently used.
 *
 * It knows entries by slot, a small integer from 1 that the cache reuses once the slot is removed, and keeps them in a
 * ring in order of use. Slot 0 is the ring's joint, so that no link is ever missing and no step branches: after it comes
 * the oldest, before it the newest.
 */
export class LruPolicy {
  #older = new Int32Array(1);
  #newer = new Int32Array(1);

  /** Slots up to `capacity` may come; never shrinks, except that `clear` starts over. */
  grow(capacity: number): void {
    this.#older = extended(this.#older, capacity + 1);
    this.#newer = extended(this.#newer, capacity + 1);
  }

  insert(slot: number): void {
    const newest = this.#older[0]!;
    this.#older[slot] = newest;
    this.#newer[slot] = 0;
    this.#newer[newest] = slot;
    this.#older[0] = slot;
  }

  /** The entry was read, or got a new value. */
  touch(slot: number): void {
    if (this.#older[0] === slot) return;
    this.remove(slot);
    this.insert(slot);
  }

  remove(slot: number): void {
    const older = this.#older[slot]!;
    const newer = this.#newer[slot]!;
    this.#newer[older] = newer;
    this.#older[newer] = older;
  }

  /** The slot that is to leave next; asked only while one is held. */
  victim(): number {
    return this.#newer[0]!;
  }

  clear(): void {
    this.#older = new Int32Array(1);
    this.#newer = new Int32Array(1);
  }
}

function extended(links: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(length);
  longer.set(links);
  return longer;
}
