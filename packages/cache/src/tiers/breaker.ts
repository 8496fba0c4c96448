import type { Clock } from '@forge/internal';
import type { Milliseconds } from '../units.ts';
import { Backoff } from './backoff.ts';

/** `closed` lets every call through, `open` none, `probing` has let one through and waits for its outcome. */
export type BreakerState = 'closed' | 'open' | 'probing';

/** The right to make one call; its outcome is told with {@link Breaker.leave}. */
export type Pass = number;

/** Failures in excess of successes that open the breaker. */
const THRESHOLD = 5;
const FIRST_PAUSE: Milliseconds = 100;
const LONGEST_PAUSE: Milliseconds = 10_000;

/**
 * Stops calls to a peer that fails, and lets one through now and then to see whether it is back.
 *
 * A failure adds one to a score, a success takes one away, never below zero; at {@link THRESHOLD} the breaker opens. So a
 * peer that fails always is left after five calls, one that fails half of the time after some thirty, and one that fails
 * now and then is kept. A count of failures in a row would never leave the second, of which every other call costs the
 * full timeout.
 *
 * The outcome of a call that began before the last change of state says nothing about the present one and is ignored:
 * a thousand calls that time out together open the breaker once.
 */
export class Breaker {
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  #state: BreakerState = 'closed';
  #score = 0;
  #current: Pass = 0;
  #retryAt = 0;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#backoff = new Backoff(FIRST_PAUSE, LONGEST_PAUSE, random);
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** When an open breaker lets the next call through, on the clock. */
  get retryAt(): Milliseconds {
    return this.#retryAt;
  }

  /** Undefined when no call may be made now. */
  enter(): Pass | undefined {
    if (this.#state === 'closed') return this.#current;
    if (this.#state === 'probing' || this.#clock.now() < this.#retryAt) return undefined;
    this.#change('probing');
    return this.#current;
  }

  leave(pass: Pass, succeeded: boolean): void {
    if (pass !== this.#current) return;
    if (this.#state === 'closed') {
      this.#score = Math.max(0, this.#score + (succeeded ? -1 : 1));
      if (this.#score >= THRESHOLD) this.open();
    } else if (succeeded) {
      this.#backoff.reset();
      this.#score = 0;
      this.#change('closed');
    } else {
      this.open();
    }
  }

  /** Opens at once, whatever the score; does nothing to one that is open. */
  open(): void {
    if (this.#state === 'open') return;
    this.#retryAt = this.#clock.now() + this.#backoff.next();
    this.#change('open');
  }

  #change(state: BreakerState): void {
    this.#state = state;
    this.#current += 1;
  }
}
