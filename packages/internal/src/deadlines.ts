import type { Clock } from './clock.ts';

/** One pending deadline; its links belong to the {@link Deadlines} that made it. */
export interface Deadline<T> {
  readonly item: T;
  /** On the clock of its {@link Deadlines}, in ms. */
  readonly at: number;
  earlier: Deadline<T> | undefined;
  later: Deadline<T> | undefined;
  pending: boolean;
}

/** The longest delay that `setTimeout` takes; above it Node fires at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

/**
 * Absolute deadlines that share one timer.
 *
 * A list in order of time, filled from its late end: with one timeout for all, as is usual, `add` and `remove` are
 * O(1); a deadline that is earlier than k others costs k steps. Removing the earliest leaves the timer armed: it finds
 * nothing due and arms itself for the next, which is cheaper than re-arming on every removal.
 *
 * The timer holds the process open while a deadline is pending, for somebody awaits it.
 */
export class Deadlines<T> {
  readonly #clock: Clock;
  readonly #onDue: (item: T) => void;
  #first: Deadline<T> | undefined;
  #last: Deadline<T> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #armedFor = Infinity;

  constructor(clock: Clock, onDue: (item: T) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  add(item: T, at: number): Deadline<T> {
    let earlier = this.#last;
    while (earlier !== undefined && earlier.at > at) earlier = earlier.earlier;
    const later = earlier === undefined ? this.#first : earlier.later;
    const deadline: Deadline<T> = { item, at, earlier, later, pending: true };
    if (earlier === undefined) this.#first = deadline;
    else earlier.later = deadline;
    if (later === undefined) this.#last = deadline;
    else later.earlier = deadline;
    if (at < this.#armedFor) this.#arm(at);
    return deadline;
  }

  remove(deadline: Deadline<T>): void {
    if (!deadline.pending) return;
    deadline.pending = false;
    const { earlier, later } = deadline;
    if (earlier === undefined) this.#first = later;
    else earlier.later = later;
    if (later === undefined) this.#last = earlier;
    else later.earlier = earlier;
    if (this.#first === undefined) this.#disarm();
  }

  #arm(at: number): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#armedFor = at;
    if (at === Infinity) return;
    // Rounded up: a timer of 4.2 ms may fire at 4.1, find nothing due and spin.
    const delay = Math.min(Math.max(Math.ceil(at - this.#clock.now()), 0), LONGEST_DELAY);
    this.#timer = setTimeout(() => {
      this.#expire();
    }, delay);
  }

  #disarm(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#armedFor = Infinity;
  }

  #expire(): void {
    const now = this.#clock.now();
    try {
      for (let due = this.#first; due !== undefined && due.at <= now; due = this.#first) {
        this.remove(due);
        this.#onDue(due.item);
      }
    } finally {
      if (this.#first === undefined) this.#disarm();
      else this.#arm(this.#first.at);
    }
  }
}
