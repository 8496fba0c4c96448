import { after, monotonic } from '@forge/internal';
import { RetrySchedule } from '../creating/retry-schedule.ts';
import type { Milliseconds } from '../options.ts';

/** What creates depend on. */
export interface CreateLinks<T> {
  readonly create: () => Promise<T>;
  /** Whether a caller waits. */
  readonly isAwaited: () => boolean;
  /** Is told of each failure after which another try follows. */
  readonly failed: (error: unknown) => void;
  /** Ratios from 0 to below 1. */
  readonly random: () => number;
}

/**
 * Creates that go on: in generic-pool no failure of a create is a caller's, who waits until one succeeds or until his
 * time-out. It tries again at once, so that a create which always fails leaves the event loop no turn [1]; here the next
 * try follows after a pause, as {@link RetrySchedule} has it. While creates fail, one at a time goes on; those that were
 * started with it end, and so does that one when nobody waits any more.
 *
 * [1] https://github.com/coopernurse/node-pool/issues/175, 183
 *
 * @module
 */
export class Creates<T> {
  /** The ends of the tries under way: what pauses before the next one is none, what is given up has ended. */
  readonly inFlight: Set<Promise<void>> = new Set<Promise<void>>();
  readonly #links: CreateLinks<T>;
  /** Of the create that goes on; when it has aborted, that one may hang for ever. */
  #goesOn: AbortSignal | undefined;

  constructor(links: CreateLinks<T>) {
    this.#links = links;
  }

  /** Rejects with the last error, or with the reason of `signal`. */
  async make(signal: AbortSignal): Promise<T> {
    try {
      return await this.#try(signal);
    } catch (error) {
      if (this.#goesOn?.aborted === false) throw error;
      this.#goesOn = signal;
      try {
        return await this.#goOn(error, signal);
      } finally {
        if (this.#goesOn === signal) this.#goesOn = undefined;
      }
    }
  }

  async #goOn(first: unknown, signal: AbortSignal): Promise<T> {
    const schedule = new RetrySchedule(monotonic, this.#links.random);
    for (let error = first; ;) {
      signal.throwIfAborted();
      if (!this.#links.isAwaited()) throw error;
      this.#links.failed(error);
      schedule.failed();
      await pause(schedule.next - monotonic.now(), signal);
      try {
        return await this.#try(signal);
      } catch (next) {
        error = next;
      }
    }
  }

  #try(signal: AbortSignal): Promise<T> {
    const attempt = (async () => await this.#links.create())();
    const end = endOf(attempt, signal);
    this.inFlight.add(end);
    void end.then(() => this.inFlight.delete(end));
    return attempt;
  }
}

/** Resolves when the promise has settled or `signal` aborts. */
function endOf(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      signal.removeEventListener('abort', end);
      resolve();
    };
    signal.addEventListener('abort', end);
    promise.then(end, end);
  });
}

/** Rejects with the reason of `signal` when that aborts. */
function pause(delay: Milliseconds, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => {
      cancel();
      reject(signal.reason as Error);
    };
    const cancel = after(delay, () => {
      signal.removeEventListener('abort', aborted);
      resolve();
    });
    signal.addEventListener('abort', aborted, { once: true });
  });
}
