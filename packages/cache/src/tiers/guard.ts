import { Deadlines, type Clock } from '@forge/internal';
import type { Milliseconds } from '../units.ts';
import { Breaker, type BreakerState } from './breaker.ts';

export type Answered<T> = { readonly kind: 'answered'; readonly answer: T };
/** The call rejected, threw, gave what cannot be understood, or was not let through. */
export type Failed = { readonly kind: 'failed'; readonly isSent: boolean };
/** The call was given up; `end` tells how it ends after all, if ever. */
export type Late<T> = { readonly kind: 'late'; readonly end: Promise<Answered<T> | Failed> };

const NOT_SENT: Failed = Object.freeze({ kind: 'failed', isSent: false });
const FAILED: Failed = Object.freeze({ kind: 'failed', isSent: true });

/** Makes calls of what may be slow, dead or mad: each has an outcome within the timeout, and none rejects. */
export class Guard {
  readonly #timeout: Milliseconds;
  readonly #clock: Clock;
  readonly #breaker: Breaker;
  readonly #deadlines: Deadlines<() => void>;
  #timeouts = 0;
  #failures = 0;

  constructor(timeout: Milliseconds, clock: Clock, random: () => number) {
    this.#timeout = timeout;
    this.#clock = clock;
    this.#breaker = new Breaker(clock, random);
    this.#deadlines = new Deadlines(clock, (expire) => expire());
  }

  get state(): BreakerState {
    return this.#breaker.state;
  }

  get timeouts(): number {
    return this.#timeouts;
  }

  get failures(): number {
    return this.#failures;
  }

  /** From now until a call may be let through; Infinity while another's outcome decides about it. */
  get pause(): Milliseconds {
    if (this.#breaker.state === 'closed') return 0;
    return this.#breaker.state === 'probing' ? Infinity : Math.max(0, this.#breaker.retryAt - this.#clock.now());
  }

  /** Leaves the peer alone at once, whatever its other calls did. */
  open(): void {
    this.#breaker.open();
  }

  /** @param understand throws when the answer is none */
  async call<T>(run: () => unknown, understand: (answer: unknown) => T): Promise<Answered<T> | Failed | Late<T>> {
    const pass = this.#breaker.enter();
    if (pass === undefined) return NOT_SENT;
    const outcome = await this.attempt(run, understand);
    this.#breaker.leave(pass, outcome.kind === 'answered');
    return outcome;
  }

  /** A call that does not ask the breaker and does not tell it. */
  attempt<T>(run: () => unknown, understand: (answer: unknown) => T): Promise<Answered<T> | Failed | Late<T>> {
    const end = settle(run, understand);
    return new Promise((resolve) => {
      const deadline = this.#deadlines.add(() => {
        this.#timeouts += 1;
        resolve({ kind: 'late', end });
      }, this.#clock.now() + this.#timeout);
      void end.then((outcome) => {
        if (outcome.kind === 'failed' && deadline.list !== undefined) this.#failures += 1;
        this.#deadlines.remove(deadline);
        resolve(outcome);
      });
    });
  }
}

async function settle<T>(run: () => unknown, understand: (answer: unknown) => T): Promise<Answered<T> | Failed> {
  try {
    return { kind: 'answered', answer: understand(await run()) };
  } catch {
    return FAILED;
  }
}
