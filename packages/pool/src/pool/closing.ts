import { Deadlines, type Deadline } from '@forge/internal';
import type { HeldLease } from '../events.ts';
import type { Clock, Milliseconds } from '../options.ts';

/** How a close went. */
export interface CloseResult {
  /** Leases that had not come back by the deadline. */
  readonly leaked: number;
  /** These leases. */
  readonly leases: readonly HeldLease[];
}

/**
 * How far the end of a pool has come: `draining` refuses newcomers and serves those who wait, `closing` refuses all and
 * waits for what is out, `closed` waits for nothing.
 */
export class Closing {
  state: 'open' | 'draining' | 'closing' | 'closed' = 'open';
  readonly result: Promise<CloseResult>;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines<() => void>;
  #deadline: Deadline<() => void> | undefined;
  #resolve!: (result: CloseResult) => void;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#deadlines = new Deadlines(clock, (run) => run());
    this.result = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Enters a state that lasts `patience` at most; what was to end the one before it does so no more. */
  enter(state: 'draining' | 'closing', patience: Milliseconds, expired: () => void): void {
    this.state = state;
    this.#forget();
    this.#deadline = this.#deadlines.add(expired, this.#clock.now() + patience);
  }

  finish(leases: readonly HeldLease[]): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.#forget();
    this.#resolve(Object.freeze({ leaked: leases.length, leases: Object.freeze(leases) }));
  }

  #forget(): void {
    if (this.#deadline !== undefined) this.#deadlines.remove(this.#deadline);
  }
}
