import { AbortWatch, Deadlines, List, type Deadline, type Link } from '@forge/internal';
import type { Clock, Milliseconds } from './options.ts';

/** A caller in the queue. Whoever takes it out settles it. */
export interface Waiter<T> extends Link<Waiter<T>> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
  readonly since: Milliseconds;
  readonly signal: AbortSignal | undefined;
  deadline: Deadline<Waiter<T>> | undefined;
}

/**
 * Callers in order of arrival. Each leaves once, by {@link Waiters.shift}, by its deadline or by its signal, and takes
 * its deadline and its place on the signal along on each of these ways, in O(1). A deadline is absolute: nothing restarts
 * it.
 */
export class Waiters<T> {
  readonly #list = new List<Waiter<T>>();
  readonly #clock: Clock;
  readonly #deadlines: Deadlines<Waiter<T>>;
  readonly #aborts: AbortWatch<Waiter<T>>;

  /** Both are told of a caller who leaves unserved; `timedOut` returns what its promise rejects with. */
  constructor(clock: Clock, timedOut: (waited: Milliseconds) => Error, aborted: () => void) {
    this.#clock = clock;
    this.#deadlines = new Deadlines(clock, (waiter) => {
      this.#leave(waiter);
      waiter.reject(timedOut(clock.now() - waiter.since));
    });
    this.#aborts = new AbortWatch((waiter, reason) => {
      this.#leave(waiter);
      aborted();
      waiter.reject(reason);
    });
  }

  get size(): number {
    return this.#list.size;
  }

  /** Joins at the end. `signal` has not aborted yet. */
  join(timeout: Milliseconds, signal: AbortSignal | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const since = this.#clock.now();
      const link = { list: undefined, previous: undefined, next: undefined };
      const waiter: Waiter<T> = { resolve, reject, since, signal, deadline: undefined, ...link };
      if (timeout !== Infinity) waiter.deadline = this.#deadlines.add(waiter, since + timeout);
      if (signal !== undefined) this.#aborts.add(signal, waiter);
      this.#list.push(waiter);
    });
  }

  /** Takes the caller who has waited longest. */
  shift(): Waiter<T> | undefined {
    const waiter = this.#list.first;
    if (waiter !== undefined) this.#leave(waiter);
    return waiter;
  }

  #leave(waiter: Waiter<T>): void {
    this.#list.remove(waiter);
    if (waiter.deadline !== undefined) this.#deadlines.remove(waiter.deadline);
    if (waiter.signal !== undefined) this.#aborts.remove(waiter.signal, waiter);
  }
}
