import type { ErrorClass } from '../events.ts';
import type { Clock, Milliseconds } from '../units.ts';
import { Breaker } from './breaker.ts';
import { RetrySchedule } from './retry-schedule.ts';

/** Whom a failed create costs something: nobody yet, the caller who waits longest, or all whom no connection can serve. */
export type Cost = 'nobody' | 'one' | 'all';

/**
 * What failed creates mean for the next ones. Creates that ran side by side failed for one reason, so that a round of them
 * counts as one failure; and until one succeeds they are tried one by one.
 */
export class Failures {
  readonly #tries: number;
  readonly #schedule: RetrySchedule;
  readonly #breaker: Breaker;
  #round = 0;
  #last: unknown;

  constructor(retries: number, clock: Clock, random: () => number) {
    this.#tries = retries + 1;
    this.#schedule = new RetrySchedule(clock, random);
    this.#breaker = new Breaker(clock, random);
  }

  /** To be kept with a create that starts now. */
  get round(): number {
    return this.#round;
  }

  /** Whether the last create failed. */
  get failing(): boolean {
    return this.#schedule.failures > 0;
  }

  /** The last failure, while there was no success since. */
  get last(): unknown {
    return this.#last;
  }

  /** Whether creates are not even tried. */
  get unavailable(): boolean {
    return this.#breaker.isOpen;
  }

  /** When the next create may start; -Infinity as long as none failed. */
  get next(): Milliseconds {
    return Math.max(this.#schedule.next, this.#breaker.until);
  }

  failed(error: unknown, kind: ErrorClass, round: number): Cost {
    this.#last = error;
    if (kind !== 'fatal' && round !== this.#round) return 'nobody';
    if (round === this.#round) this.#schedule.failed();
    this.#round += 1;
    if (kind === 'fatal' && !this.#breaker.isOpen) this.#breaker.open();
    if (kind === 'fatal' || this.#breaker.failed()) return 'all';
    return this.#schedule.failures % this.#tries === 0 ? 'one' : 'nobody';
  }

  succeeded(): void {
    if (!this.failing) return;
    this.#last = undefined;
    this.#schedule.succeeded();
    this.#breaker.succeeded();
  }
}
