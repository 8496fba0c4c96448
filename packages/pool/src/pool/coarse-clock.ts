import { AsyncLocalStorage } from 'node:async_hooks';
import { after, monotonic, type Clock } from '@forge/internal';

/** From so many reads within a period on, the next ones cost less. */
const MANY = 16;

/** In ms; no timer is shorter. */
const PERIOD = 1;

/**
 * Reads of a clock that cost next to nothing when they are many: then one read holds until a timer of 1 ms fires. A time is
 * in whole ms, and late by no more than that, by the timer and by what the event loop was blocked meanwhile; it is never
 * before an earlier one. Enough to say in which order things came and how long they have been idle; a deadline or a duration
 * needs the clock itself.
 */
class CoarseClock implements Clock {
  readonly #clock: Clock;
  /** Bound, for a timer keeps alive the async context that sets it. */
  readonly #after = AsyncLocalStorage.bind(after);
  #time = 0;
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
    const now = this.#clock.now();
    this.#reads += 1;
    if (now - this.#begin >= PERIOD) {
      this.#begin = now;
      this.#reads = 1;
    } else if (this.#reads >= MANY) {
      this.#isHeld = true;
      this.#after(PERIOD, () => (this.#isHeld = false), { unref: true });
    }
    // V8 keeps a whole number in the field that it is stored to, and makes an object of each other one.
    this.#time = Math.floor(now);
    return this.#time;
  }
}

/** A clock of somebody's own is asked each time: it need not go as the process's timers do. */
export function coarse(clock: Clock): Clock {
  return clock === monotonic ? new CoarseClock(clock) : clock;
}
