import { List, type AbortWatch, type Link, type Watched } from '@forge/internal';
import type { Milliseconds } from '../../units.ts';
import type { Entry } from '../entries/entry.ts';
import type { Sequence } from '../entries/invalidation-log.ts';
import type { Grant } from '../sharing/shared-tier.ts';

const NO_TAGS: ReadonlySet<string> = new Set();

/**
 * One load and the callers that wait for it.
 *
 * Each caller has its own promise: an abort rejects that one alone and takes the caller out of the list, so a load that
 * never ends holds nothing of those that have left. When the last has left, the load's signal aborts, unless the load is
 * kept: the cache itself wants its value, for a stale one was served in its place.
 *
 * A miss makes one of these and mostly wants nothing but a value, so what many loads never need is made when it is asked
 * for: the signal, the set of tags, what is to be done at the end.
 */
export class Flight<V> implements Link<Flight<V>> {
  readonly key: string;
  /** Invalidations up to here came before it. */
  begun: Sequence;
  /** An invalidation concerned it: what it brings goes to those who wait, and is not stored. */
  isFenced = false;
  /** Further callers of the key wait for this one. */
  isJoinable = false;
  /** What serves if the load fails. */
  fallback: Entry | undefined;
  /** The right to fill the second tier with what it brings. */
  grant: Grant | undefined;
  /** When its loader was called. */
  startedAt: Milliseconds | undefined;
  // Of those that run.
  list: List<Flight<V>> | undefined;
  previous: Flight<V> | undefined;
  next: Flight<V> | undefined;
  readonly #watch: AbortWatch<Caller<V>>;
  readonly #onAbandoned: (flight: Flight<V>) => void;
  readonly #callers = new List<Caller<V>>();
  #isKept = false;
  #tags: Set<string> | undefined;
  #controller: AbortController | undefined;
  #givenUp: { readonly reason: unknown } | undefined;
  #atEnd: (() => void)[] | undefined;

  /**
   * @param watch calls `leave` on the caller's flight; shared by all flights, for one signal may stand behind many
   * @param onAbandoned called when the last caller has aborted, before the load hears of it
   */
  constructor(key: string, begun: Sequence, watch: AbortWatch<Caller<V>>, onAbandoned: (flight: Flight<V>) => void) {
    this.key = key;
    this.begun = begun;
    this.#watch = watch;
    this.#onAbandoned = onAbandoned;
  }

  /** The union of what its callers named: an invalidation of any of them concerns this load. */
  get tags(): ReadonlySet<string> {
    return this.#tags ?? NO_TAGS;
  }

  /** The load's signal. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#givenUp !== undefined) this.#controller.abort(this.#givenUp.reason);
    }
    return this.#controller.signal;
  }

  get isAwaited(): boolean {
    return this.#callers.size > 0;
  }

  /** For `Flights` alone, which also knows the flight by its tags. */
  addTag(tag: string): void {
    (this.#tags ??= new Set()).add(tag);
  }

  /** Goes on even when nobody waits. */
  keep(): void {
    this.#isKept = true;
  }

  /** One more caller, whose signal has not aborted yet. */
  join(signal: AbortSignal | undefined): Caller<V> {
    const caller = new Caller(this);
    this.#callers.push(caller);
    if (signal !== undefined) caller.watched = this.#watch.add(signal, caller);
    return caller;
  }

  /** The caller's signal has aborted. */
  leave(caller: Caller<V>, reason: unknown): void {
    this.#dismiss(caller).reject(reason);
    if (this.isAwaited || this.#isKept) return;
    this.#onAbandoned(this);
    this.abort(reason);
  }

  /** Gives one caller a value before the load is there; the load goes on without it. */
  settle(caller: Caller<V>, held: unknown, give: Give<V>): void {
    if (caller.list === undefined) return;
    this.keep();
    this.#dismiss(caller).answer(held, give);
  }

  abort(reason: unknown): void {
    this.#givenUp = { reason };
    this.#controller?.abort(reason);
  }

  /** @param give called for each caller, for each may get a value of its own */
  resolve(held: unknown, give: Give<V>): void {
    for (let caller = this.#callers.first; caller !== undefined; caller = this.#callers.first) {
      this.#dismiss(caller).answer(held, give);
    }
  }

  reject(reason: unknown): void {
    for (let caller = this.#callers.first; caller !== undefined; caller = this.#callers.first) {
      this.#dismiss(caller).reject(reason);
    }
  }

  /** Calls when the load has ended, in whatever way. */
  onEnd(run: () => void): void {
    (this.#atEnd ??= []).push(run);
  }

  /** Nobody needs anything of it any more. */
  end(): void {
    if (this.#atEnd !== undefined) for (const run of this.#atEnd) run();
  }

  #dismiss(caller: Caller<V>): Caller<V> {
    this.#callers.remove(caller);
    if (caller.watched !== undefined) this.#watch.remove(caller.watched);
    return caller;
  }
}

type Give<V> = (held: unknown) => V | PromiseLike<V>;

/** One of those who wait for a {@link Flight}; in its list until it is answered. */
export class Caller<V> implements Link<Caller<V>> {
  readonly flight: Flight<V>;
  readonly promise: Promise<V>;
  /** By its signal, if it has one. */
  watched: Watched<Caller<V>> | undefined;
  list: List<Caller<V>> | undefined;
  previous: Caller<V> | undefined;
  next: Caller<V> | undefined;
  #resolve!: (value: V | PromiseLike<V>) => void;
  #reject!: (reason: unknown) => void;

  constructor(flight: Flight<V>) {
    this.flight = flight;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  answer(held: unknown, give: Give<V>): void {
    try {
      this.#resolve(give(held));
    } catch (error) {
      this.#reject(error);
    }
  }

  reject(reason: unknown): void {
    this.#reject(reason);
  }
}
