import { keyHash, randomSeed } from '../policies/key-hash.ts';

/**
 * Keys from which on the one Map is split. Up to here a Map rehashes within some 40 ms; with shards from 2^18 on that
 * was a third, but each operation cost half as much again.
 */
const SPLIT_AT = 2 ** 20;
const SHARD_BITS = 8;
/** Keys that each insertion moves while a split goes on. */
const MOVES = 2;

/**
 * From key to slot: one `Map`, and from 2^20 keys on 256 of them.
 *
 * V8's `Map` rehashes as a whole when it is full, for over two seconds at ten million keys, and ends at 2^24 cells, half
 * of which must be free or deleted for it to rehash in place while keys come and go. Spread over shards by a hash of the
 * key, each rehash is short, they come at different times, and the end is 256 times as far. The split itself is spread as
 * well: each insertion moves two keys over, and until all have moved a key that its shard lacks is looked for in the old
 * Map.
 *
 * The hash costs about as much as the lookup in a small Map, so small indexes do without. Whoever managed to send all keys
 * into one shard would bring back the stall of a plain Map, and nothing worse.
 */
export class KeyIndex {
  readonly #splitAt: number;
  #seed = 0;
  /** All keys, or those that a split has not moved yet. */
  #whole = new Map<string, number>();
  #shards: Map<string, number>[] | undefined;
  #unmoved: IterableIterator<[string, number]> | undefined;
  #size = 0;
  /** A key that is not here, the last that was missed, and the Map that it would be in. */
  #absent: string | undefined;
  #home = this.#whole;

  /** @param splitAt fewer for a test */
  constructor(splitAt: number = SPLIT_AT) {
    this.#splitAt = splitAt;
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): number | undefined {
    const home = this.#homeOf(key);
    return home.get(key) ?? this.#miss(key, home);
  }

  /** The same, for nothing where `get` has just missed the key, as it has before most sets of a new one. */
  getToSet(key: string): number | undefined {
    return key === this.#absent ? undefined : this.get(key);
  }

  /** The key must be new. */
  add(key: string, slot: number): void {
    const home = key === this.#absent ? this.#home : this.#homeOf(key);
    home.set(key, slot);
    this.#absent = undefined;
    this.#size++;
    if (this.#unmoved !== undefined) this.#move(this.#unmoved);
    else if (this.#shards === undefined && this.#size >= this.#splitAt) this.#split();
  }

  /** The key must be there. */
  remove(key: string): void {
    this.#size--;
    if (!this.#homeOf(key).delete(key)) this.#whole.delete(key);
  }

  #homeOf(key: string): Map<string, number> {
    return this.#shards === undefined ? this.#whole : this.#shards[keyHash(key, this.#seed) >>> (32 - SHARD_BITS)]!;
  }

  #miss(key: string, home: Map<string, number>): number | undefined {
    const slot = this.#unmoved === undefined ? undefined : this.#whole.get(key);
    if (slot === undefined) {
      this.#absent = key;
      this.#home = home;
    }
    return slot;
  }

  #split(): void {
    this.#seed = randomSeed();
    this.#shards = Array.from({ length: 2 ** SHARD_BITS }, () => new Map<string, number>());
    this.#unmoved = this.#whole.entries();
  }

  #move(unmoved: IterableIterator<[string, number]>): void {
    for (let moved = 0; moved < MOVES; moved++) {
      const next = unmoved.next();
      if (next.done === true) {
        this.#whole = new Map();
        this.#unmoved = undefined;
        return;
      }
      const [key, slot] = next.value;
      this.#whole.delete(key);
      this.#homeOf(key).set(key, slot);
    }
  }
}
