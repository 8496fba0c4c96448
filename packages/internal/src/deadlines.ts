import { AsyncResource } from 'node:async_hooks';
import type { Clock } from './clock.ts';
import { List, type Link } from './list.ts';
import { after } from './timers.ts';

/** One pending deadline; it belongs to the {@link Deadlines} that made it. */
export interface Deadline<T> extends Link<Deadline<T>> {
  readonly item: T;
  /** On the clock of its {@link Deadlines}, in ms. */
  readonly at: number;
}

/** A timer this late, in ms, speaks of a blocked event loop and not of a slow peer. */
const STALL = 20;

/**
 * Absolute deadlines that share one timer.
 *
 * A list in order of time, filled from its late end: with one timeout for all, as is usual, `add` and `remove` are
 * O(1); a deadline that is earlier than k others costs k steps. Removing the earliest leaves the timer armed: it finds
 * nothing due and arms itself for the next, which is cheaper than re-arming on every removal.
 *
 * After a stall of the event loop, timers run before the sockets are read, so that an answer which came in time would
 * lose to its deadline: a timer that is late lets the loop read first.
 *
 * The timer holds the process open while a deadline is pending, for somebody awaits it. It runs outside of every caller's
 * async context, which it would otherwise keep alive.
 */
export class Deadlines<T> {
  readonly #clock: Clock;
  readonly #onDue: (item: T) => void;
  readonly #scope = new AsyncResource('forge.Deadlines');
  readonly #onTimer = (): void => this.#wake();
  readonly #pending = new List<Deadline<T>>();
  #stop: (() => void) | undefined;
  #armedFor = Infinity;

  constructor(clock: Clock, onDue: (item: T) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  add(item: T, at: number): Deadline<T> {
    let earlier = this.#pending.last;
    while (earlier !== undefined && earlier.at > at) earlier = earlier.previous;
    const deadline: Deadline<T> = { item, at, list: undefined, previous: undefined, next: undefined };
    this.#pending.insertAfter(earlier, deadline);
    if (at < this.#armedFor) this.#arm(at);
    return deadline;
  }

  /** Does nothing for one that has fired or was removed. */
  remove(deadline: Deadline<T>): void {
    this.#pending.remove(deadline);
    if (this.#pending.first === undefined) this.#arm(Infinity);
  }

  #arm(at: number): void {
    this.#stop?.();
    this.#armedFor = at;
    this.#stop =
      at === Infinity
        ? undefined
        : this.#scope.runInAsyncScope(after, undefined, at - this.#clock.now(), this.#onTimer);
  }

  #wake(): void {
    if (this.#clock.now() - this.#armedFor <= STALL) return this.#expire();
    const immediate = setImmediate(() => this.#expire());
    this.#stop = () => clearImmediate(immediate);
  }

  #expire(): void {
    const now = this.#clock.now();
    // Until the last is told, no change arms the timer: what is due is told here.
    this.#armedFor = -Infinity;
    try {
      for (let due = this.#pending.first; due !== undefined && due.at <= now; due = this.#pending.first) {
        this.#pending.remove(due);
        this.#onDue(due.item);
      }
    } finally {
      this.#arm(this.#pending.first?.at ?? Infinity);
    }
  }
}
