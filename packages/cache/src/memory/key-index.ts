import { keyHash, randomSeed } from '../policies/key-hash.ts';
import { LONGEST_HASHED, LongKeys } from './key-map.ts';
import { LONGEST_FLAT } from './slots.ts';
import { SegmentedIndex } from './segmented-index.ts';
import type { Keys } from './segment.ts';

/**
 * From key to slot: a `Map` as long as there are few keys, a {@link SegmentedIndex} for many.
 *
 * V8 keeps the hash of a string with it and shows it to its own `Map` alone. To compute another takes as long as a lookup
 * among few keys and a fraction of one among many, where memory is what counts, and a `Map` stands still whenever it
 * outgrows its room. So at 2^19 keys new ones go to the other index, each takes some of the `Map` along, and then there is no `Map`
 * any more. Until then a key may be in either or in both. Keys that V8 does not hash are apart, in {@link LongKeys}.
 */
export class KeyIndex {
  readonly #keys: Keys;
  readonly #mostInMap: number;
  readonly #segmentBits: number;
  /** Undefined when all has moved. */
  #map: Map<string, number> | undefined = new Map();
  /** Undefined until the first moves. */
  #segments: SegmentedIndex | undefined;
  #long: LongKeys<number> | undefined;
  #toMove: MapIterator<[string, number]> | undefined;
  #size = 0;
  #seed: number | undefined;
  /** The last key that was missed, and its hash if there are segments. */
  #absent: string | undefined;
  #absentHash = 0;

  /** @param limits fewer for a test */
  constructor(keys: Keys, { mostInMap = LONGEST_FLAT, segmentBits = 18 }: KeyIndexLimits = {}) {
    this.#keys = keys;
    this.#mostInMap = mostInMap;
    this.#segmentBits = segmentBits;
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): number | undefined {
    const slot = this.#map?.get(key);
    return slot === undefined ? this.#miss(key) : slot;
  }

  /** The same, for nothing where `get` has just missed the key, as it has before most sets of a new one. */
  getToSet(key: string): number | undefined {
    return key === this.#absent ? undefined : this.get(key);
  }

  /** The key must be new. */
  add(key: string, slot: number): void {
    this.#size++;
    if (key.length > LONGEST_HASHED) (this.#long ??= new LongKeys()).set(key, slot);
    else if (this.#segments === undefined && this.#map!.size < this.#mostInMap) this.#map!.set(key, slot);
    else this.#addToSegments(key, slot);
    this.#absent = undefined;
  }

  /** The key must be there, at this slot. */
  remove(key: string, slot: number): void {
    this.#size--;
    if (this.#long !== undefined && key.length > LONGEST_HASHED) return this.#long.delete(key);
    this.#map?.delete(key);
    this.#segments?.remove(key, this.#hash(key), slot);
  }

  /** A hash under a seed of this index's own: what policies know a key by. */
  hashOf(key: string): number {
    return key === this.#absent && this.#segments !== undefined ? this.#absentHash : this.#hash(key);
  }

  #hash(key: string): number {
    this.#seed ??= randomSeed();
    return keyHash(key, this.#seed);
  }

  #miss(key: string): number | undefined {
    // Here, so that no hit pays for it.
    if (key.length > LONGEST_HASHED) return this.#long?.get(key);
    if (this.#segments !== undefined) {
      const hash = this.#hash(key);
      const slot = this.#segments.get(key, hash);
      if (slot !== undefined) return slot;
      this.#absentHash = hash;
    }
    this.#absent = key;
    return undefined;
  }

  #addToSegments(key: string, slot: number): void {
    const hash = this.hashOf(key);
    this.#segments ??= new SegmentedIndex(this.#keys, this.#segmentBits);
    this.#segments.add(key, hash, slot);
    if (this.#map !== undefined) this.#move(this.#map, this.#segments);
  }

  #move(map: Map<string, number>, segments: SegmentedIndex): void {
    this.#toMove ??= map.entries();
    for (let moved = 0; moved < MOVED_AT_ONCE; moved++) {
      const next = this.#toMove.next();
      if (next.done === true) {
        this.#map = undefined;
        this.#toMove = undefined;
        return;
      }
      const [key, slot] = next.value;
      segments.add(key, this.#hash(key), slot);
    }
  }
}

export interface KeyIndexLimits {
  /** Keys at which the first moves. */
  readonly mostInMap?: number;
  readonly segmentBits?: number;
}

/** Keys that move with each that comes: all have moved once there are a sixteenth more. */
const MOVED_AT_ONCE = 16;
