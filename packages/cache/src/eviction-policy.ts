/**
 * Decides which entry leaves when the cache is full.
 *
 * It knows entries by slot, a small integer from 1 that the cache reuses once the slot is removed. Keys and sizes come
 * with `insert` for policies that remember who left or that weigh; whatever a policy keeps it must forget in `remove`.
 */
export interface EvictionPolicy {
  /** Slots up to `capacity` may come; never shrinks, except that `clear` starts over. */
  grow(capacity: number): void;
  insert(slot: number, key: string, size: number): void;
  /** The entry was read, or got a new value of the same size. */
  touch(slot: number): void;
  remove(slot: number): void;
  /** The slot that is to leave next; asked only while one is held, and it may be the newest. */
  victim(): number;
  clear(): void;
}

/**
 * Least recently used: a ring of slots in order of use. Slot 0 is the ring's joint, so that no link is ever missing and
 * no step branches: after it comes the oldest, before it the newest.
 */
export class LruPolicy implements EvictionPolicy {
  #older = new Int32Array(1);
  #newer = new Int32Array(1);

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
