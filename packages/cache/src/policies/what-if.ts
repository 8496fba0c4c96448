import type { Admission } from './eviction-policy.ts';
import { keyHash, mix, randomSeed } from './key-hash.ts';
import { evictionPolicy, type PolicyName } from './policy-by-name.ts';
import { isSampled } from './sampling.ts';
import { ShadowCaches } from './shadow-caches.ts';

export interface WhatIfOptions {
  readonly policy: PolicyName;
  readonly maxSize: number;
  readonly maxBytes: number;
  /** Of the fingerprints. @default from the system's secure source */
  readonly seed?: number;
}

/** Hit ratios, 0 … 1, that the same reads would have at these sizes of the cache. */
export interface SizeEstimate {
  readonly half: number;
  readonly actual: number;
  readonly double: number;
  readonly quadruple: number;
}

/**
 * What the hit ratio would be if the cache were of another size, so that more memory can be bought, or given back, by
 * evidence.
 *
 * Four shadow caches of the same policy, at half, once, twice and four times the size, replay the reads of a sample of
 * the keys; both the sample and the shadows are one part of 2^k of the whole [1]. It begins with all keys and halves the sample
 * whenever more than 512 keys are held, so that its memory is bounded, whether entries or bytes bound the cache, and a
 * large cache pays for few of its reads [2]. Each halving starts the evidence over. The counts fade by half every 2,048
 * reads of the sample.
 *
 * It speaks of room alone: entries that expire or are invalidated stay in the shadows, so that a cache which loses many of
 * its entries that way has fewer hits at every size. An entry that is larger than a shadow is a miss there: with few
 * large entries among very many small ones the estimate is low.
 *
 * 1. C. A. Waldspurger et al., Cache modeling and optimization using miniature simulations, USENIX ATC 2017.
 * 2. C. A. Waldspurger et al., Efficient MRC construction with SHARDS, FAST 2015 (fixed-size sampling).
 */
export class WhatIf {
  readonly #options: WhatIfOptions;
  readonly #seed: number;
  #halvings = 0;
  #shadows: ShadowCaches;
  #reads = 0;
  #fades = 0;
  readonly #hits = new Float64Array(SCALES.length);
  #weightOfReads = 0;

  constructor(options: WhatIfOptions) {
    this.#options = options;
    this.#seed = options.seed ?? randomSeed();
    this.#shadows = this.#newShadows();
  }

  /** What `record` is told of the reads of an entry; undefined where its key is not in the sample. */
  sample(key: string, weight: number, cost: number): Admission | undefined {
    const hash = keyHash(key, this.#seed);
    return isSampled(hash, this.#halvings) ? { fingerprint: hash, weight, cost } : undefined;
  }

  /** One read of the cache, a hit or not; the sample is that of the entry that it found or filled. */
  record({ fingerprint, weight, cost }: Admission): void {
    // The sample may have become smaller since.
    if (!isSampled(fingerprint, this.#halvings)) return;
    // Mixed again: the policies take samples of their own, which must not be the same.
    const hits = this.#shadows.read({ fingerprint: mix(fingerprint), weight, cost });
    for (let index = 0; index < SCALES.length; index++) this.#hits[index]! += (hits >>> index) & 1;
    this.#weightOfReads += 1;
    this.#reads += 1;
    if (this.#reads === FADING) this.#fade();
    if (this.#shadows.size > MOST_KEYS) this.#halveSample();
  }

  /** Undefined until enough was read to tell. */
  estimate(): SizeEstimate | undefined {
    if (this.#fades < FADES_TO_TELL) return undefined;
    const [half, actual, double, quadruple] = Array.from(this.#hits, (hits) => hits / this.#weightOfReads);
    return { half: half!, actual: actual!, double: double!, quadruple: quadruple! };
  }

  #fade(): void {
    this.#reads = 0;
    this.#fades += 1;
    this.#weightOfReads /= 2;
    for (let index = 0; index < SCALES.length; index++) this.#hits[index]! /= 2;
  }

  #halveSample(): void {
    this.#halvings += 1;
    this.#shadows = this.#newShadows();
    this.#reads = 0;
    this.#fades = 0;
    this.#weightOfReads = 0;
    this.#hits.fill(0);
  }

  #newShadows(): ShadowCaches {
    const { policy, maxSize, maxBytes } = this.#options;
    const part = 2 ** -this.#halvings;
    return new ShadowCaches(
      SCALES.map((scale) => ({
        policy: evictionPolicy(policy),
        maxSize: Math.max(1, Math.round(maxSize * scale * part)),
        maxBytes: maxBytes * scale * part,
      })),
    );
  }
}

const SCALES = [0.5, 1, 2, 4];
const MOST_KEYS = 512;
const FADING = 2048;
/** By then the shadows have filled, and what was read before counts for a quarter. */
const FADES_TO_TELL = 2;
