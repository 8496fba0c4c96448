import { List, type Link } from './list.ts';

/** An item and the signal that it is watched by. */
export interface Watched<T> extends Link<Watched<T>> {
  readonly item: T;
  readonly onAbort: (item: T, reason: unknown) => void;
}

/**
 * Tells when the signal of an item aborts, with one listener for each signal whatever the number of its items: an
 * EventTarget compares each new listener with all that it has, so that n listeners on one signal cost O(n²).
 */
export class AbortWatch<T> {
  readonly #onAbort: (item: T, reason: unknown) => void;

  constructor(onAbort: (item: T, reason: unknown) => void) {
    this.#onAbort = onAbort;
  }

  /** `signal` must not be aborted yet. */
  add(signal: AbortSignal, item: T): Watched<T> {
    const onAbort = this.#onAbort;
    const watched: Watched<T> = { item, onAbort, list: undefined, previous: undefined, next: undefined };
    crowdOf(signal).add(watched as Watched<unknown>);
    return watched;
  }

  /** Removes the listener with the last item of its signal; does nothing for one that was told or removed. */
  remove(watched: Watched<T>): void {
    (watched.list as Crowd | undefined)?.leave(watched as Watched<unknown>);
  }
}

/** All that one signal is watched for. */
class Crowd extends List<Watched<unknown>> {
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    super();
    this.#signal = signal;
  }

  add(watched: Watched<unknown>): void {
    if (this.size === 0) this.#signal.addEventListener('abort', this, { once: true });
    this.push(watched);
  }

  /** The signal has aborted. */
  handleEvent(): void {
    for (let { first } = this; first !== undefined; { first } = this) {
      this.remove(first);
      first.onAbort(first.item, this.#signal.reason);
    }
  }

  leave(watched: Watched<unknown>): void {
    this.remove(watched);
    if (this.size === 0) this.#signal.removeEventListener('abort', this);
  }
}

/** Returns what it is given, so that a class derived from it can put a private field on any object. */
class Given {
  constructor(object: object) {
    // oxlint-disable-next-line no-constructor-return -- that is what it is for
    return object;
  }
}

/**
 * Puts its crowd on a signal, where nobody else sees it. In a Map it would stand beside thousands that come and go: V8 chains
 * the tables that a Map outgrows, so that one of them that is old keeps all that ever was in those after it until the next
 * full collection, which made an HTTP request that waits half again as dear.
 */
class Mark extends Given {
  readonly #crowd: Crowd;

  constructor(signal: AbortSignal) {
    super(signal);
    this.#crowd = new Crowd(signal);
  }

  static crowdOf(signal: AbortSignal): Crowd {
    const marked: object = #crowd in signal ? signal : new Mark(signal);
    return (marked as Mark).#crowd;
  }
}

const { crowdOf } = Mark;
