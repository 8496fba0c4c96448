import type { Clock, Milliseconds } from '../units.ts';

/** Failures in a row that open it. */
const PATIENCE = 5;
const SHORTEST: Milliseconds = 1_000;
const LONGEST: Milliseconds = 30_000;

/**
 * A circuit breaker over creates: while it is open none is tried, so that callers learn at once what they would else learn
 * at their deadline, and an upstream that is down is left alone. When its pause has passed one create probes; each probe
 * that fails opens it again for a pause that may be twice as long, between 1 s and 30 s, at random within.
 */
export class Breaker {
  readonly #clock: Clock;
  readonly #random: () => number;
  #failures = 0;
  #pauses = 0;
  #until: Milliseconds = -Infinity;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Whether its pause lasts. Costs no clock read unless something failed. */
  get isOpen(): boolean {
    return this.#pauses > 0 && this.#clock.now() < this.#until;
  }

  /** When its pause ends or ended; -Infinity when it is closed. */
  get until(): Milliseconds {
    return this.#until;
  }

  /** Counts a failure; true when that opens it. */
  failed(): boolean {
    this.#failures += 1;
    const opens = this.#pauses > 0 || this.#failures >= PATIENCE;
    if (opens) this.open();
    return opens;
  }

  open(): void {
    this.#pauses += 1;
    const longest = Math.min(LONGEST, SHORTEST * 2 ** this.#pauses);
    this.#until = this.#clock.now() + SHORTEST + this.#random() * (longest - SHORTEST);
  }

  succeeded(): void {
    this.#failures = 0;
    this.#pauses = 0;
    this.#until = -Infinity;
  }
}
