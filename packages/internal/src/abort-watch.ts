import { List, type Link } from './list.ts';

/** An item whose signal is watched. */
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
    const watched = { item, onAbort: this.#onAbort, list: undefined, previous: undefined, next: undefined };
    Mark.crowdOf(signal).join(watched as Watched<unknown>);
    return watched;
  }

  /** Removes the listener with the last item of its signal; does nothing for one that was told or removed. */
  remove(watched: Watched<T>): void {
    (watched.list as Crowd | undefined)?.leave(watched as Watched<unknown>);
  }
}

/** All that one signal is watched for, and its listener. */
class Crowd extends List<Watched<unknown>> {
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    super();
    this.#signal = signal;
  }

  join(watched: Watched<unknown>): void {
    if (this.size === 0) this.#signal.addEventListener('abort', this, { once: true });
    this.push(watched);
  }

  leave(watched: Watched<unknown>): void {
    this.remove(watched);
    if (this.size === 0) this.#signal.removeEventListener('abort', this);
  }

  handleEvent(): void {
    for (let { first } = this; first !== undefined; { first } = this) {
      this.remove(first);
      first.onAbort(first.item, this.#signal.reason);
    }
  }
}

/** What it constructs is what it is given, so that a class derived from it can put a private field on any object. */
const Given = function (object: object): object {
  return object;
} as unknown as new (object: object) => object;

/**
 * Puts its crowd on a signal, where nobody else sees it. A Map from signals would keep alive what has left it: V8 chains the
 * tables that a Map outgrows, and an old one holds those after it until the next full collection.
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
