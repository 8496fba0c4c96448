import { AdaptivePolicy, type Stance, type Tuner } from './adaptive.ts';
import { isSampled } from './sampling.ts';
import { ShadowCaches } from './shadow-caches.ts';

/**
 * Finds out by experiment which stance of the adaptive policy suits the load.
 *
 * Beside the cache run four small ones without values, one for each stance, on those keys whose fingerprint falls into one
 * part of 2^k: a cache of 1/2^k of the size that sees 1/2^k of the keys has about the hit ratio of the whole [1]. They
 * read the same, so what counts is where they differ from the present stance, as pairs: another is better if it won more
 * often than it lost by 1 % of the hits, and by two standard deviations of such a difference if there were none (the
 * square root of their sum: McNemar's test). The stances are in order, and the next one is a step towards the best: for
 * shadows start empty, and while there is no history recency looks better than it is. Only if it gains a tenth of the hits
 * is it taken at once. A hill climber [2] compares the cache with its own past instead, and takes a change of the load
 * for its own merit.
 *
 * An experiment lasts four reads for each entry. Its results fade by half with every further one. While the present
 * stance stays the best, there are pauses between experiments, the longer the larger the sampled part is: up to sixteen
 * experiments long where the cache is so small that all keys are sampled, and eight where it is large. They end when the
 * hit ratio moves by a tenth. After a pause the first experiment only warms the shadows up. So where the load is even, one
 * read in nine at most is spent on this, and one in hundreds in a large cache.
 *
 * 1. C. A. Waldspurger et al., Cache modeling and optimization using miniature simulations, USENIX ATC 2017.
 * 2. G. Einziger, O. Eytan, R. Friedman, B. Manes, Adaptive software cache management, Middleware 2018.
 */
export class WindowTuner implements Tuner {
  readonly #random: (() => number) | undefined;
  #stance = FIRST;
  /** A mean over some evictions: with large entries and small ones, the number held varies from each to the next. */
  #held = 0;
  /** What the shadows were made for; the sample is one part of 2^halvings. */
  #capacity = 0;
  #halvings = 0;
  #shadows: ShadowCaches | undefined;

  #phase: 'comparing' | 'pausing' | 'warming' = 'comparing';
  /** Reads in an experiment, and those of the present one with the hits of the cache itself. */
  #length = 0;
  #reads = 0;
  #hits = 0;
  #lastHitRatio = 0;
  /** Experiments left to skip, and those that were skipped in the last pause. */
  #left = 0;
  #pause = 0;

  /** Faded numbers of reads: hits of the present stance, and where each stance hit and the present one did not, and vice versa. */
  #presentHits = 0;
  readonly #won = new Float64Array(STANCES.length);
  readonly #lost = new Float64Array(STANCES.length);

  constructor(random?: () => number) {
    this.#random = random;
  }

  get stance(): Stance {
    return STANCES[this.#stance]!;
  }

  fit(capacity: number): void {
    this.#held += (capacity - this.#held) / (this.#capacity === 0 ? 1 : SMOOTHING);
    if (this.#held <= this.#capacity * 2 && this.#held >= this.#capacity / 2) return;
    this.#capacity = Math.max(1, this.#held);
    const smallest = Math.max(SMALLEST_SHADOW, SHADOW_ROOTS * Math.sqrt(this.#capacity));
    this.#halvings = Math.max(0, Math.floor(Math.log2(this.#capacity / smallest)));
    const maxSize = Math.round(this.#capacity / 2 ** this.#halvings);
    this.#length = EXPERIMENT * maxSize;
    const random = this.#random === undefined ? {} : { random: this.#random };
    this.#shadows = new ShadowCaches(
      STANCES.map((stance) => ({ policy: new AdaptivePolicy({ stance, ...random }), maxSize, maxBytes: Infinity })),
    );
    this.#startOver();
  }

  samples(fingerprint: number): boolean {
    return this.#shadows !== undefined && isSampled(fingerprint, this.#halvings);
  }

  read(fingerprint: number, hit: boolean): void {
    if (hit) this.#hits += 1;
    if (this.#phase !== 'pausing') {
      const hits = this.#shadows!.read({ fingerprint, weight: 1, cost: 1 });
      if (this.#phase === 'comparing') this.#compare(hits);
    }
    this.#reads += 1;
    if (this.#reads >= this.#length) this.#endExperiment();
  }

  #compare(hits: number): void {
    const present = (hits >>> this.#stance) & 1;
    this.#presentHits += present;
    for (let index = 0; index < STANCES.length; index++) {
      const difference = ((hits >>> index) & 1) - present;
      if (difference > 0) this.#won[index]! += 1;
      else if (difference < 0) this.#lost[index]! += 1;
    }
  }

  #endExperiment(): void {
    const hitRatio = this.#hits / this.#reads;
    const moved = Math.abs(hitRatio - this.#lastHitRatio) > HIT_RATIO_MOVED;
    this.#lastHitRatio = hitRatio;
    this.#hits = 0;
    this.#reads = 0;
    if (this.#phase === 'warming') this.#phase = 'comparing';
    else if (this.#phase === 'pausing') this.#shortenPause(moved);
    else this.#decide(moved);
  }

  #shortenPause(moved: boolean): void {
    this.#left -= 1;
    if (moved) this.#pause = 0;
    if (moved || this.#left === 0) this.#phase = 'warming';
  }

  #decide(moved: boolean): void {
    const next = this.#next();
    if (next !== this.#stance) {
      this.#stance = next;
      this.#startOver();
      return;
    }
    this.#presentHits *= FADE;
    for (let index = 0; index < STANCES.length; index++) {
      this.#won[index]! *= FADE;
      this.#lost[index]! *= FADE;
    }
    const longest = Math.max(SHORTEST_PAUSE, Math.floor(LONGEST_PAUSE / 2 ** this.#halvings));
    if (moved) return;
    this.#pause = Math.min(longest, Math.max(1, this.#pause * 2));
    this.#left = this.#pause;
    this.#phase = 'pausing';
  }

  /** The best stance if it gains very much, otherwise one step towards it. */
  #next(): number {
    let best = this.#stance;
    let gain = HYSTERESIS * this.#presentHits;
    for (let index = 0; index < STANCES.length; index++) {
      const won = this.#won[index]!;
      const lost = this.#lost[index]!;
      if (won - lost > gain && won - lost >= DEVIATIONS * Math.sqrt(won + lost)) {
        best = index;
        gain = won - lost;
      }
    }
    return gain > LEAP * this.#presentHits ? best : this.#stance + Math.sign(best - this.#stance);
  }

  /** Forgets what was compared with another stance, or by other shadows. */
  #startOver(): void {
    this.#phase = 'comparing';
    this.#reads = 0;
    this.#hits = 0;
    this.#pause = 0;
    this.#presentHits = 0;
    this.#won.fill(0);
    this.#lost.fill(0);
  }
}

/**
 * Windows from where frequency is all to where recency counts as much, and recency alone. Of the last, half is a queue
 * without second chances, so that it comes near to LRU even where everything is read again right at the cache's size.
 */
const STANCES: readonly Stance[] = [
  { window: 0.02, admission: 'duel' },
  { window: 0.1, admission: 'duel' },
  { window: 0.3, admission: 'duel' },
  { window: 0.5, admission: 'always' },
];
const FIRST = 1;

/** Entries of a shadow, up to twice as many: fewer tell chance. */
const SMALLEST_SHADOW = 128;
/** The same in square roots of the cache's entries: from a large cache a small part is still a good sample. */
const SHADOW_ROOTS = 2;
const EXPERIMENT = 4;
const FADE = 0.5;
const HYSTERESIS = 0.01;
const LEAP = 0.1;
const DEVIATIONS = 2;
/** Experiments skipped at most: where all keys are sampled, and where few are. */
const LONGEST_PAUSE = 16;
const SHORTEST_PAUSE = 8;
const HIT_RATIO_MOVED = 0.1;
/** Evictions in the mean of the entries held. */
const SMOOTHING = 64;
