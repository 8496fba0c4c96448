/**
 * What the controllers know about the load, kept in O(1) of memory and time.
 *
 * `Mean` is an exponentially weighted mean [1] that one wild sample cannot carry away: a sample above 4 × the mean counts
 * as 4 × the mean (winsorised, [2]). With a weight of 1/16 a hold that was stuck for an hour moves the mean by 3/16, while
 * half of a lasting change by a factor of 1,000 is there within 40 samples. The price is a bias for long tails: -2 % for
 * exponential, -9 % for lognormal (σ = 1) and -22 % for Pareto (α = 1.5) samples, which the controllers do not mind: they
 * compare holds with creates by their order of magnitude. The median of the last three was rejected: it forgets a single
 * outlier altogether but costs 17 % even for exponential samples. Until the 16th sample it is the plain mean.
 *
 * `Rate` is events per millisecond with a memory of 10 s, read from a counter that its owner has anyway: nothing runs per
 * event, and it may be told at uneven times.
 *
 * [1] S. W. Roberts, "Control Chart Tests Based on Geometric Moving Averages", Technometrics 1 (1959)
 * [2] P. J. Huber, "Robust Estimation of a Location Parameter", Ann. Math. Statist. 35 (1964)
 *
 * @module
 */
import type { Clock, Milliseconds } from '../units.ts';

const WEIGHT = 1 / 16;
const CLIP = 4;
/** Below it samples are alike: a mean of 0, from a coarse clock, must not clip all that follows to 0. */
const ALIKE: Milliseconds = 1;

/** A robust moving mean of durations. */
export class Mean {
  #value: Milliseconds | undefined;
  #samples = 0;

  /** Undefined before the first sample. */
  get value(): Milliseconds | undefined {
    return this.#value;
  }

  /** What is no duration, such as NaN of a lease that nobody timed, is ignored. */
  add(sample: Milliseconds): void {
    if (!(sample >= 0) || sample === Infinity) return;
    this.#samples += 1;
    const before = this.#value ?? sample;
    const clipped = Math.min(sample, CLIP * Math.max(before, ALIKE));
    this.#value = before + (clipped - before) * Math.max(WEIGHT, 1 / this.#samples);
  }
}

const MEMORY: Milliseconds = 10_000;
/** Shorter intervals are joined with the next, for a count over next to no time says nothing. */
const SHORTEST: Milliseconds = 100;

/** The rate of a counter that only grows. */
export class Rate {
  readonly #clock: Clock;
  #perMillisecond: number | undefined;
  #total: number;
  #since: Milliseconds;

  /** @param total where the counter stands now */
  constructor(clock: Clock, total = 0) {
    this.#clock = clock;
    this.#total = total;
    this.#since = clock.now();
  }

  /** Events per millisecond up to now, `total` being where the counter stands; undefined in the first 100 ms. */
  read(total: number): number | undefined {
    const now = this.#clock.now();
    const took = now - this.#since;
    if (took < SHORTEST) return this.#perMillisecond;
    const latest = (total - this.#total) / took;
    const before = this.#perMillisecond ?? latest;
    this.#perMillisecond = latest + (before - latest) * Math.exp(-took / MEMORY);
    this.#total = total;
    this.#since = now;
    return this.#perMillisecond;
  }
}
