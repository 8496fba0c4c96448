import type { AbortWatch } from '@forge/internal';

/** One of those who wait for a {@link Flight}. */
export interface Caller<V> {
  readonly flight: Flight<V>;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (value: V) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * One load and the callers that wait for it.
 *
 * Each caller has its own promise: an abort rejects that one alone and takes the caller out of the set, so a load that
 * never ends holds nothing of those that have left. When the last has left, the load's signal aborts.
 */
export class Flight<V> {
  /** The union of what its callers named: an invalidation of any of them concerns this load. */
  readonly tags: Set<string> = new Set();
  readonly #controller = new AbortController();
  readonly #callers = new Set<Caller<V>>();
  readonly #watch: AbortWatch<Caller<V>>;
  readonly #onAbandoned: () => void;
  #sealed = false;

  /**
   * @param watch calls `leave` on the caller's flight; shared by all flights, for one signal may stand behind many
   * @param onAbandoned called when the last caller has aborted, before the load hears of it
   */
  constructor(watch: AbortWatch<Caller<V>>, onAbandoned: () => void) {
    this.#watch = watch;
    this.#onAbandoned = onAbandoned;
  }

  /** The load's signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * From here on no tag is added: one was invalidated, and a flight does not remember which. A value that was loaded
   * before the invalidation of a tag must not be stored under it.
   */
  seal(): void {
    this.#sealed = true;
  }

  /** Whether a caller with these tags may join. */
  admits(tags: readonly string[]): boolean {
    return !this.#sealed || tags.every((tag) => this.tags.has(tag));
  }

  /** One more caller, whose signal has not aborted yet. */
  join(signal: AbortSignal | undefined, tags: readonly string[]): Promise<V> {
    for (const tag of tags) this.tags.add(tag);
    return new Promise((resolve, reject) => {
      const caller: Caller<V> = { flight: this, signal, resolve, reject };
      this.#callers.add(caller);
      if (signal !== undefined) this.#watch.add(signal, caller);
    });
  }

  /** The caller's signal has aborted. */
  leave(caller: Caller<V>, reason: unknown): void {
    this.#dismiss(caller).reject(reason);
    if (this.#callers.size > 0) return;
    this.#onAbandoned();
    this.#controller.abort(reason);
  }

  resolve(value: V): void {
    for (const caller of this.#callers) this.#dismiss(caller).resolve(value);
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
