/**
 * When a create may be tried again: after the n-th failure in a row a random time between 0 and 50 ms · 2ⁿ⁻¹, 5 s at most
 * ("full jitter", [1]). Of the ways to spread retries it costs an upstream that comes back the fewest calls: pools that
 * lost it at the same moment do not return at the same moment, which a fixed share of the pause would not prevent.
 *
 * [1] M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog (2015)
 *
 * @module
 */
import type { Clock, Milliseconds } from '../units.ts';

const FIRST: Milliseconds = 50;
const LONGEST: Milliseconds = 5_000;

export class RetrySchedule {
  readonly #clock: Clock;
  readonly #random: () => number;
  #failures = 0;
  #next: Milliseconds = -Infinity;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** The earliest time of the next try; -Infinity after a success. */
  get next(): Milliseconds {
    return this.#next;
  }

  failed(): void {
    this.#next = this.#clock.now() + this.#random() * Math.min(LONGEST, FIRST * 2 ** this.#failures);
    this.#failures += 1;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#next = -Infinity;
  }
}
