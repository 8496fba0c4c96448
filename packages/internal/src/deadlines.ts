import { AsyncResource } from 'node:async_hooks';
import type { Clock } from './clock.ts';
import { List, type Link } from './list.ts';
import { after } from './timers.ts';

/** One pending deadline, `at` on the clock of the {@link Deadlines} that made it; `index` is its place in the heap, or -1. */
export interface Deadline<T> extends Link<Deadline<T>> {
  readonly item: T;
  readonly at: number;
  index: number;
}

/** A timer this late, in ms, speaks of a blocked event loop and not of a slow peer. */
const STALL = 20;

/**
 * Absolute deadlines that share one timer. One that is later than all before it joins a list, so that with one timeout for
 * all `add` and `remove` are O(1), the others join a heap. Removing the earliest leaves the timer armed: that is cheaper.
 *
 * After a stall of the event loop, timers run before the sockets are read, so that an answer which came in time would
 * lose to its deadline: a timer that is late lets the loop read first. It holds the process open, for somebody awaits a
 * deadline, unless it is `unref`ed, and runs outside of every caller's async context, which it would keep alive.
 */
export class Deadlines<T> {
  readonly #clock: Clock;
  readonly #onDue: (item: T) => void;
  readonly #options: { readonly unref?: boolean };
  readonly #scope = new AsyncResource('forge.Deadlines');
  readonly #ordered = new List<Deadline<T>>();
  readonly #heap: Deadline<T>[] = [];
  #stop: (() => void) | undefined;
  #armedFor = Infinity;

  constructor(clock: Clock, onDue: (item: T) => void, options: { readonly unref?: boolean } = {}) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#options = options;
  }

  add(item: T, at: number): Deadline<T> {
    const deadline: Deadline<T> = { item, at, index: -1, list: undefined, previous: undefined, next: undefined };
    if (at === Infinity) return deadline;
    if ((this.#ordered.last?.at ?? at) <= at) this.#ordered.push(deadline);
    else sift(this.#heap, deadline, this.#heap.length);
    if (at < this.#armedFor) this.#arm(at);
    return deadline;
  }

  /** Does nothing for one that has fired or was removed. */
  remove(deadline: Deadline<T>): void {
    this.#take(deadline);
    if (this.#armedFor !== Infinity && this.#first === undefined) this.#arm(Infinity);
  }

  get #first(): Deadline<T> | undefined {
    const { first } = this.#ordered;
    const top = this.#heap[0];
    return first === undefined || (top !== undefined && top.at < first.at) ? top : first;
  }

  #take(deadline: Deadline<T>): void {
    if (deadline.index < 0) return this.#ordered.remove(deadline);
    const last = this.#heap.pop();
    if (last !== undefined && last !== deadline) sift(this.#heap, last, deadline.index);
    deadline.index = -1;
  }

  #arm(at: number): void {
    this.#stop?.();
    this.#armedFor = at;
    const set = (): (() => void) => after(at - this.#clock.now(), () => this.#wake(), this.#options);
    this.#stop = at === Infinity ? undefined : this.#scope.runInAsyncScope(set);
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
      for (let due = this.#first; due !== undefined && due.at <= now; due = this.#first) {
        this.#take(due);
        this.#onDue(due.item);
      }
    } finally {
      this.#arm(this.#first?.at ?? Infinity);
    }
  }
}

/** Puts `item` into the heap where its time belongs, beginning at a hole: an index that is free or the one after the last. */
function sift<T>(heap: Deadline<T>[], item: Deadline<T>, hole: number): void {
  const above = (hole - 1) >> 1;
  const left = 2 * hole + 1;
  const below = (heap[left + 1]?.at ?? Infinity) < (heap[left]?.at ?? Infinity) ? left + 1 : left;
  const to = hole > 0 && heap[above]!.at > item.at ? above : (heap[below]?.at ?? Infinity) < item.at ? below : hole;
  heap[hole] = to === hole ? item : heap[to]!;
  heap[hole].index = hole;
  if (to !== hole) sift(heap, item, to);
}
