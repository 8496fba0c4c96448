import { AsyncLocalStorage } from 'node:async_hooks';
import { monotonic, type Clock } from './clock.ts';
import { after } from './timers.ts';

/** From so many reads within a period on, the next ones cost less. */
const MANY = 16;

/** In ms; no timer is shorter. */
const PERIOD = 1;

/**
 * Reads of a clock that cost next to nothing when they are many: then one read holds until a timer of 1 ms fires. A time
 * is late by no more than that and what the event loop was blocked meanwhile, and never before an earlier one: enough to
 * say in which order things came and how long they have been idle; a deadline or a duration needs the clock itself.
 */
class CoarseClock implements Clock {
  readonly #clock: Clock;
  /** Bound, for a timer keeps alive the async context that sets it. */
  readonly #after = AsyncLocalStorage.bind(after);
  #time = -Infinity;
  #isHeld = false;
  #begin = -Infinity;
  #reads = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#isHeld ? this.#time : this.#read();
  }

  #read(): number {
    this.#time = this.#clock.now();
    this.#reads += 1;
    if (this.#time - this.#begin >= PERIOD) {
      this.#begin = this.#time;
      this.#reads = 1;
    } else if (this.#reads >= MANY) {
      this.#isHeld = true;
      this.#after(PERIOD, () => (this.#isHeld = false), { unref: true });
    }
    return this.#time;
  }
}

/** A clock of somebody's own is asked each time: it need not go as the process's timers do. */
export function coarse(clock: Clock): Clock {
  return clock === monotonic ? new CoarseClock(clock) : clock;
}
