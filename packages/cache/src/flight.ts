interface Caller<V> {
  readonly resolve: (value: V) => void;
  readonly reject: (reason: unknown) => void;
  readonly signal: AbortSignal | undefined;
  readonly onAbort: () => void;
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
  readonly #onAbandoned: () => void;

  /** @param onAbandoned called when the last caller has aborted, before the load hears of it */
  constructor(onAbandoned: () => void) {
    this.#onAbandoned = onAbandoned;
  }

  /** The load's signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** One more caller, whose signal has not aborted yet. */
  join(signal: AbortSignal | undefined, tags: readonly string[] = []): Promise<V> {
    for (const tag of tags) this.tags.add(tag);
    return new Promise((resolve, reject) => {
      const caller: Caller<V> = { resolve, reject, signal, onAbort: () => this.#leave(caller) };
      this.#callers.add(caller);
      signal?.addEventListener('abort', caller.onAbort);
    });
  }

  resolve(value: V): void {
    for (const caller of this.#dismiss()) caller.resolve(value);
  }

  reject(reason: unknown): void {
    for (const caller of this.#dismiss()) caller.reject(reason);
  }

  #leave(caller: Caller<V>): void {
    const reason: unknown = caller.signal?.reason;
    this.#callers.delete(caller);
    caller.signal?.removeEventListener('abort', caller.onAbort);
    caller.reject(reason);
    if (this.#callers.size > 0) return;
    this.#onAbandoned();
    this.#controller.abort(reason);
  }

  #dismiss(): readonly Caller<V>[] {
    const callers = [...this.#callers];
    this.#callers.clear();
    for (const { signal, onAbort } of callers) signal?.removeEventListener('abort', onAbort);
    return callers;
  }
}
