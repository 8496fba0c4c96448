import type { Admission, EvictionPolicy } from './eviction-policy.ts';
import { lengthened } from './lengthened.ts';

/** A cache to be imagined: at most so many entries, and so many bytes. */
export interface ShadowCache {
  readonly policy: EvictionPolicy;
  readonly maxSize: number;
  readonly maxBytes: number;
}

/**
 * Up to 31 caches that see the same reads and hold no values, side by side: what would have been a hit under another
 * policy, parameter or size.
 *
 * They share one directory of fingerprints, so that a read costs one look-up for all of them: an entry has the same slot
 * in each, and a bit for each that holds it. It leaves the directory with its last holder, so there are never more of
 * them than the caches hold together.
 */
export class ShadowCaches {
  readonly #caches: readonly ShadowCache[];
  readonly #held: Float64Array;
  readonly #bytes: Float64Array;

  // By 32-bit integers, which V8 keeps in a Map without a heap number each.
  readonly #slots = new Map<number, number>();
  readonly #free: number[] = [];
  #capacity = 0;
  #fingerprints = new Int32Array(1);
  #holders = new Uint32Array(1);
  #weights = new Float64Array(1);

  constructor(caches: readonly ShadowCache[]) {
    this.#caches = caches;
    this.#held = new Float64Array(caches.length);
    this.#bytes = new Float64Array(caches.length);
  }

  /** The keys that any of them holds. */
  get size(): number {
    return this.#slots.size;
  }

  /** A read, and after a miss the insert that follows it. Returns a bit for each cache that held the entry: 1, 2, 4 … */
  read(entry: Admission): number {
    const { fingerprint } = entry;
    const slot = this.#slots.get(fingerprint) ?? this.#take(fingerprint, entry.weight);
    const hits = this.#holders[slot]!;
    for (let index = 0; index < this.#caches.length; index++) {
      if ((hits & (1 << index)) === 0) this.#insert(index, slot, entry);
      else this.#caches[index]!.policy.touch(slot);
    }
    if (this.#holders[slot] === 0) this.#release(slot);
    return hits;
  }

  #insert(index: number, slot: number, entry: Admission): void {
    const { policy, maxSize, maxBytes } = this.#caches[index]!;
    const weight = this.#weights[slot]!;
    if (weight > maxBytes) return;
    while (this.#held[index]! >= maxSize || this.#bytes[index]! + weight > maxBytes) {
      const victim = policy.evict();
      this.#held[index]! -= 1;
      this.#bytes[index]! -= this.#weights[victim]!;
      this.#holders[victim]! &= ~(1 << index);
      if (this.#holders[victim] === 0 && victim !== slot) this.#release(victim);
    }
    policy.insert(slot, entry);
    this.#holders[slot]! |= 1 << index;
    this.#held[index]! += 1;
    this.#bytes[index]! += weight;
  }

  #take(fingerprint: number, weight: number): number {
    const slot = this.#free.pop() ?? this.#slots.size + 1;
    if (slot > this.#capacity) this.#grow();
    // It keeps the weight for as long as any holds it: a value that changed its size is weighed when it comes back.
    this.#weights[slot] = weight;
    this.#slots.set(fingerprint, slot);
    this.#fingerprints[slot] = fingerprint;
    return slot;
  }

  #release(slot: number): void {
    this.#slots.delete(this.#fingerprints[slot]!);
    this.#free.push(slot);
  }

  #grow(): void {
    this.#capacity = Math.max(FIRST_CAPACITY, this.#capacity * 2);
    for (const { policy } of this.#caches) policy.grow(this.#capacity);
    this.#fingerprints = lengthened(this.#fingerprints, this.#capacity + 1);
    this.#holders = lengthened(this.#holders, this.#capacity + 1);
    this.#weights = lengthened(this.#weights, this.#capacity + 1);
  }
}

const FIRST_CAPACITY = 64;
