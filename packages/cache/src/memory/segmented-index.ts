import { Segment, type Keys } from './segment.ts';

/**
 * From key to slot for millions of keys: extendible hashing [1]. A directory leads from the highest bits of a hash to a
 * segment; one that is full splits in two by one bit more, and the directory doubles when a segment needs a bit that it
 * has not. So the table grows without ever being rehashed as a whole: the longest step is to split one segment, two
 * milliseconds, where a `Map` of ten million keys stops for seconds. Nor does it end, as a `Map` does at 2^24.
 *
 * 8 bytes for each cell, of which between three eighths and three quarters are taken. Hashes come from the caller, seeded:
 * the order of keys in the segments cannot be chosen from outside. What a segment has no place for, because somebody
 * made many keys with the same hash, goes to a `Map`, which has a hash of its own; only those who miss while it holds
 * anything look there.
 *
 * 1. R. Fagin, J. Nievergelt, N. Pippenger, H. R. Strong, Extendible hashing, ACM TODS 4(3), 1979.
 */
export class SegmentedIndex {
  readonly #keys: Keys;
  /** By the highest `depth` bits of a hash. */
  #directory: Segment[];
  /** 32 - depth. */
  #shift: number;
  /** Undefined as long as it is empty. */
  #overflow: Map<string, number> | undefined;

  /** @param segmentBits of the cells in a segment */
  constructor(keys: Keys, segmentBits: number) {
    this.#keys = keys;
    this.#directory = Array.from({ length: 2 ** FIRST_DEPTH }, () => new Segment(FIRST_DEPTH, segmentBits));
    this.#shift = 32 - FIRST_DEPTH;
  }

  get(key: string, hash: number): number | undefined {
    const slot = this.#directory[hash >>> this.#shift]!.find(key, hash, this.#keys);
    return slot === 0 ? this.#overflow?.get(key) : slot;
  }

  /** The key must be new. */
  add(key: string, hash: number, slot: number): void {
    let segment = this.#segmentFor(hash);
    while (segment.isFull && segment.depth < LAST_DEPTH) {
      this.#split(hash, segment);
      segment = this.#segmentFor(hash);
    }
    if (!segment.isFull && segment.add(hash, slot)) return;
    this.#overflow ??= new Map();
    this.#overflow.set(key, slot);
  }

  /** Does nothing for a key that is not here. */
  remove(key: string, hash: number, slot: number): void {
    if (this.#segmentFor(hash).remove(hash, slot) || this.#overflow === undefined) return;
    this.#overflow.delete(key);
    if (this.#overflow.size === 0) this.#overflow = undefined;
  }

  #segmentFor(hash: number): Segment {
    return this.#directory[hash >>> this.#shift]!;
  }

  #split(hash: number, segment: Segment): void {
    if (segment.depth === 32 - this.#shift) {
      this.#directory = this.#directory.flatMap((each) => [each, each]);
      this.#shift--;
    }
    const other = segment.split();
    const places = 2 ** (32 - this.#shift - segment.depth);
    // Of the places that the segment had, those with a 1 at the bit that it did not look at are the second half.
    const first = Math.floor((hash >>> this.#shift) / (2 * places)) * 2 * places + places;
    this.#directory.fill(other, first, first + places);
  }
}

/** Four segments: less than one shift by 32 would be none. */
const FIRST_DEPTH = 2;
/** 64 times what 2^26 keys need: hashes that share so many bits would go on sharing them. */
const LAST_DEPTH = 16;
