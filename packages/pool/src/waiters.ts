import { Deadlines, type Deadline } from '@forge/internal';
import { List, type Link } from './list.ts';
import type { Clock, Milliseconds } from './options.ts';

/** A caller in the queue. Whoever takes it out settles it. */
export interface Waiter<T> extends Link<Waiter<T>> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
  readonly since: Milliseconds;
  deadline: Deadline<Waiter<T>> | undefined;
  unlisten: (() => void) | undefined;
}

/** What the owner of a queue does about those who leave unserved. */
export interface WaitersOwner {
  /** Counts it and returns what the caller's promise rejects with. */
  timedOut(waited: Milliseconds): Error;
  aborted(): unknown;
}

/**
 * Callers in order of arrival. Each leaves once, by {@link Waiters.shift}, by its deadline or by its signal, and takes
 * its deadline and its listener along on each of these ways, in O(1). A deadline is absolute: nothing restarts it.
 */
export class Waiters<T> {
  readonly #list = new List<Waiter<T>>();
  readonly #clock: Clock;
  readonly #owner: WaitersOwner;
  readonly #deadlines: Deadlines<Waiter<T>>;

  constructor(clock: Clock, owner: WaitersOwner) {
    this.#clock = clock;
    this.#owner = owner;
    this.#deadlines = new Deadlines(clock, (waiter) => {
      this.#leave(waiter);
      waiter.reject(owner.timedOut(clock.now() - waiter.since));
    });
  }

  get size(): number {
    return this.#list.size;
  }

  /** Joins at the end. `signal` has not aborted yet. */
  join(timeout: Milliseconds, signal: AbortSignal | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const since = this.#clock.now();
      const waiter: Waiter<T> = {
        resolve,
        reject,
        since,
        deadline: undefined,
        unlisten: undefined,
        list: undefined,
        previous: undefined,
        next: undefined,
      };
      // First, for it throws when the signal is none.
      if (signal !== undefined) this.#listen(waiter, signal);
      if (timeout !== Infinity) waiter.deadline = this.#deadlines.add(waiter, since + timeout);
      this.#list.push(waiter);
    });
  }

  /** Takes the caller who has waited longest. */
  shift(): Waiter<T> | undefined {
    const waiter = this.#list.first;
    if (waiter !== undefined) this.#leave(waiter);
    return waiter;
  }

  #listen(waiter: Waiter<T>, signal: AbortSignal): void {
    const onAbort = (): void => {
      this.#leave(waiter);
      this.#owner.aborted();
      waiter.reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    waiter.unlisten = () => signal.removeEventListener('abort', onAbort);
  }

  #leave(waiter: Waiter<T>): void {
    this.#list.remove(waiter);
    if (waiter.deadline !== undefined) this.#deadlines.remove(waiter.deadline);
    waiter.unlisten?.();
  }
}
