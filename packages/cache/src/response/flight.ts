import type { AbortWatch } from '@forge/internal';
import type { Entry } from './entry.ts';
import type { Sequence } from './invalidation-log.ts';

/** One of those who wait for a {@link Flight}. */
export interface Caller<V> {
  readonly flight: Flight<V>;
  readonly signal: AbortSignal | undefined;
  readonly promise: Promise<V>;
  readonly resolve: (value: V | PromiseLike<V>) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * One load and the callers that wait for it.
 *
 * Each caller has its own promise: an abort rejects that one alone and takes the caller out of the set, so a load that
 * never ends holds nothing of those that have left. When the last has left, the load's signal aborts, unless the load is
 * kept: the cache itself wants its value, for a stale one was served in its place.
 */
export class Flight<V> {
  readonly key: string;
  /** Invalidations up to here came before it. */
  begun: Sequence;
  /** The union of what its callers named: an invalidation of any of them concerns this load. Written by `Flights` alone. */
  readonly tags: Set<string> = new Set();
  /** An invalidation concerned it: what it brings goes to those who wait, and is not stored. */
  isFenced = false;
  /** What serves if the load fails. */
  fallback: Entry | undefined;
  /** Made when somebody asks for the signal: what no loader runs for never does. */
  #controller: AbortController | undefined;
  readonly #callers = new Set<Caller<V>>();
  readonly #watch: AbortWatch<Caller<V>>;
  readonly #onAbandoned: () => void;
  #isKept = false;
  #onGivenUp: (reason: unknown) => void = () => {};

  /**
   * @param watch calls `leave` on the caller's flight; shared by all flights, for one signal may stand behind many
   * @param onAbandoned called when the last caller has aborted, before the load hears of it
   */
  constructor(key: string, begun: Sequence, watch: AbortWatch<Caller<V>>, onAbandoned: (flight: Flight<V>) => void) {
    this.key = key;
    this.begun = begun;
    this.#watch = watch;
    this.#onAbandoned = () => onAbandoned(this);
  }

  /** The load's signal. */
  get signal(): AbortSignal {
    return (this.#controller ??= new AbortController()).signal;
  }

  /** Abandoned, or out of time. */
  get isGivenUp(): boolean {
    return this.#controller?.signal.aborted === true;
  }

  get isAwaited(): boolean {
    return this.#callers.size > 0;
  }

  /** Goes on even when nobody waits. */
  keep(): void {
    this.#isKept = true;
  }

  /** One more caller, whose signal has not aborted yet. */
  join(signal: AbortSignal | undefined): Caller<V> {
    const { promise, resolve, reject } = withResolvers<V>();
    const caller: Caller<V> = { flight: this, signal, promise, resolve, reject };
    this.#callers.add(caller);
    if (signal !== undefined) this.#watch.add(signal, caller);
    return caller;
  }

  /** The caller's signal has aborted. */
  leave(caller: Caller<V>, reason: unknown): void {
    this.#dismiss(caller).reject(reason);
    if (this.#callers.size > 0 || this.#isKept) return;
    this.#onAbandoned();
    this.abort(reason);
  }

  /** Gives one caller a value before the load is there; the load goes on without it. */
  settle(caller: Caller<V>, give: Give<V>): void {
    if (!this.#callers.has(caller)) return;
    this.keep();
    answer(this.#dismiss(caller), give);
  }

  /** Calls when the load is given up, in the place of a listener on its signal, which costs more than the rest of it. */
  onGivenUp(run: (reason: unknown) => void): void {
    this.#onGivenUp = run;
  }

  abort(reason: unknown): void {
    this.#onGivenUp(reason);
    (this.#controller ??= new AbortController()).abort(reason);
  }

  /** @param give called for each caller, for each may get a value of its own */
  resolve(give: Give<V>): void {
    for (const caller of this.#callers) answer(this.#dismiss(caller), give);
  }

  reject(reason: unknown): void {
    for (const caller of this.#callers) this.#dismiss(caller).reject(reason);
  }

  #dismiss(caller: Caller<V>): Caller<V> {
    this.#callers.delete(caller);
    if (caller.signal !== undefined) this.#watch.remove(caller.signal, caller);
    return caller;
  }
}

type Give<V> = () => V | PromiseLike<V>;

function answer<V>({ resolve, reject }: Caller<V>, give: Give<V>): void {
  try {
    resolve(give());
  } catch (error) {
    reject(error);
  }
}

interface Resolvers<V> {
  readonly promise: Promise<V>;
  readonly resolve: (value: V | PromiseLike<V>) => void;
  readonly reject: (reason: unknown) => void;
}

/** Promise.withResolvers, which Node 20 lacks. */
function withResolvers<V>(): Resolvers<V> {
  let resolve!: Resolvers<V>['resolve'];
  let reject!: Resolvers<V>['reject'];
  const promise = new Promise<V>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
