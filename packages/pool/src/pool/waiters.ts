import {
  AbortWatch,
  Deadlines,
  List,
  numberOption,
  objectOption,
  signalOption,
  type Deadline,
  type Link,
} from '@forge/internal';
import type { AcquireOptions, Clock, Milliseconds } from '../options.ts';

const HIGHEST_PRIORITY = 7;

/** What one step of priority is worth: a caller stands as if it had come so much earlier. */
const HEAD_START: Milliseconds = 1_000;

/** How a caller waits, as {@link AcquireOptions} with its defaults. */
export interface Patience {
  readonly timeout: Milliseconds;
  readonly signal: AcquireOptions['signal'] | undefined;
  readonly priority: number;
}

/** @throws TypeError, RangeError when an option is wrong */
export function patienceOf(options: AcquireOptions, acquireTimeout: Milliseconds): Patience {
  const subject = 'acquire a connection';
  objectOption(subject, 'the options', options);
  const { signal } = options;
  signalOption(subject, signal);
  const timeout = numberOption(subject, 'timeout', options.timeout, acquireTimeout);
  const priority = numberOption(subject, 'priority', options.priority, 0, { integer: true, max: HIGHEST_PRIORITY });
  return { timeout, signal, priority };
}

/** A caller in the queue. Whoever takes it out settles it. */
export interface Waiter<T> extends Link<Waiter<T>> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
  readonly since: Milliseconds;
  readonly signal: AbortSignal | undefined;
  /** Where it was acquired, if that was looked at. */
  readonly trace: Error | undefined;
  deadline: Deadline<Waiter<T>> | undefined;
}

/**
 * Callers in order of arrival within a priority. Each leaves once, by {@link Waiters.shift}, by its deadline or by its
 * signal, and takes its deadline and its place on the signal along on each of these ways, in O(1). A deadline is absolute:
 * nothing restarts it.
 *
 * A priority is a head start and no class of its own, so that nobody starves: within one priority, callers stand in order
 * of their ranks, so that of all callers the first in rank is among the firsts of the priorities.
 */
export class Waiters<T> {
  size = 0;
  readonly #lists: List<Waiter<T>>[] = [new List()];
  readonly #deadlines: Deadlines<Waiter<T>>;
  readonly #aborts: AbortWatch<Waiter<T>>;

  /** Both are told of a caller who leaves unserved; `timedOut` returns what its promise rejects with. */
  constructor(clock: Clock, timedOut: (waited: Milliseconds) => Error, aborted: () => void) {
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

  /** When the caller came whose turn it is. */
  get since(): Milliseconds | undefined {
    return firstOf(this.#lists)?.since;
  }

  /** Joins at the end of its priority, at the time `since`. `signal` has not aborted yet. */
  join({ timeout, signal, priority }: Patience, since: Milliseconds, trace?: Error): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiter: Waiter<T> = {
        resolve,
        reject,
        since,
        signal,
        trace,
        deadline: undefined,
        list: undefined,
        previous: undefined,
        next: undefined,
      };
      if (timeout !== Infinity) waiter.deadline = this.#deadlines.add(waiter, since + timeout);
      if (signal !== undefined) this.#aborts.add(signal, waiter);
      while (this.#lists.length <= priority) this.#lists.push(new List());
      this.#lists[priority]!.push(waiter);
      this.size += 1;
    });
  }

  /** Takes the caller whose turn it is. */
  shift(): Waiter<T> | undefined {
    const first = this.#lists.length === 1 ? this.#lists[0]!.first : firstOf(this.#lists);
    if (first !== undefined) this.#leave(first);
    return first;
  }

  #leave(waiter: Waiter<T>): void {
    waiter.list!.remove(waiter);
    this.size -= 1;
    if (waiter.deadline !== undefined) this.#deadlines.remove(waiter.deadline);
    if (waiter.signal !== undefined) this.#aborts.remove(waiter.signal, waiter);
  }
}

/** The first of one of the lists, which are those of the priorities from 0 on. */
function firstOf<T>(lists: readonly List<Waiter<T>>[]): Waiter<T> | undefined {
  let best: Waiter<T> | undefined;
  let rank = Infinity;
  for (const [priority, { first }] of lists.entries()) {
    if (first === undefined || first.since - priority * HEAD_START >= rank) continue;
    best = first;
    rank = first.since - priority * HEAD_START;
  }
  return best;
}
