/**
 * What a use of an endpoint costs, as far as its uses tell: how long one takes on average, times a penalty for failures.
 *
 * The mean forgets by time: a sample counts by what has passed since the one before it, so that the mean speaks of the
 * last ten seconds whatever the load ([1], "peak EWMA"). It departs from its source in the peak: a sample above the mean
 * counts for an eighth at least rather than replacing it, for a lease may be long because of what is done with it, and one
 * long lease would keep its endpoint empty for half a minute. A mean that no sample confirms sinks, or an endpoint that was
 * slow once would never be asked again.
 *
 * A failure takes no time at all and would look like the fastest use: so it is no sample, and doubles a penalty of 32 at
 * most, which fades at the pace of the mean. An endpoint that is restored hence gets a share of the load that grows over
 * half a minute and needs no slow start beside it.
 *
 * [1] Finagle, `com.twitter.finagle.loadbalancer.PeakEwma` (2015)
 *
 * @module
 */
import type { Milliseconds } from '../units.ts';

const MEMORY: Milliseconds = 10_000;
/** Of a sample above the mean. */
const RISE = 1 / 8;
const MOST_PENALTY = 32;
/** No clock shows a difference below it, and a cost of 0 could not be compared by load. */
const LEAST: Milliseconds = 0.01;

export class Cost {
  #mean: Milliseconds | undefined;
  #sampledAt: Milliseconds = 0;
  #penalty = 1;
  #failedAt: Milliseconds = 0;

  /** What a use takes: the mean as of the last sample; undefined before the first. */
  get latency(): Milliseconds | undefined {
    return this.#mean;
  }

  /** What a use is expected to take now, without the penalty; undefined before the first sample. */
  expected(now: Milliseconds): Milliseconds | undefined {
    return this.#mean === undefined ? undefined : Math.max(LEAST, this.#mean * kept(now - this.#sampledAt));
  }

  /** 1 without failures. */
  penalty(now: Milliseconds): number {
    return this.#penalty === 1 ? 1 : 1 + (this.#penalty - 1) * kept(now - this.#failedAt);
  }

  succeeded(took: Milliseconds, now: Milliseconds): void {
    const mean = this.#mean ?? took;
    const weight = Math.max(1 - kept(now - this.#sampledAt), took > mean ? RISE : 0);
    this.#mean = mean + (took - mean) * weight;
    this.#sampledAt = now;
  }

  failed(now: Milliseconds): void {
    this.#penalty = Math.min(MOST_PENALTY, 2 * this.penalty(now));
    this.#failedAt = now;
  }
}

/** The weight that something keeps after so long. */
function kept(age: Milliseconds): number {
  return Math.exp(-Math.max(0, age) / MEMORY);
}
