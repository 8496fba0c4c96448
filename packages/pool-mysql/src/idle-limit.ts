import { after } from '@forge/internal';
import type { Milliseconds } from './options.ts';
import type { Session } from './session.ts';

/** As with mysql2: a burst may leave more idle connections than `maxIdle` for so long. */
const PERIOD: Milliseconds = 1_000;

/** Ends the connections that have been idle longest when more than `maxIdle` are. */
export class IdleLimit {
  readonly #max: number;
  /** In the order in which they came back. */
  readonly #idle = new Set<Session>();
  #isArmed = false;

  constructor(max: number) {
    this.#max = max;
  }

  add(session: Session): void {
    if (this.#max === Infinity) return;
    this.#idle.add(session);
    if (this.#isArmed || this.#idle.size <= this.#max) return;
    this.#isArmed = true;
    after(PERIOD, () => this.#trim(), { unref: true });
  }

  remove(session: Session): void {
    this.#idle.delete(session);
  }

  #trim(): void {
    this.#isArmed = false;
    for (const session of this.#idle) {
      if (this.#idle.size <= this.#max) return;
      this.#idle.delete(session);
      session.evict();
    }
  }
}
