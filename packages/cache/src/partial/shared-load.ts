import type { AbortWatch } from '@forge/internal';

/** One of those who wait for a {@link SharedLoad}. */
export interface Waiter<T> {
  readonly load: SharedLoad<T>;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/** A load and those who wait for it; its signal aborts when the last of them has aborted. */
export class SharedLoad<T> {
  readonly #controller = new AbortController();
  readonly #waiters = new Set<Waiter<T>>();
  readonly #watch: AbortWatch<Waiter<T>>;
  readonly #onAbandoned: () => void;

  /**
   * @param watch calls `leave` on the waiter's load; shared by all loads, for one signal may stand behind many
   * @param onAbandoned called when the last waiter has aborted, before the load hears of it
   */
  constructor(watch: AbortWatch<Waiter<T>>, onAbandoned: () => void) {
    this.#watch = watch;
    this.#onAbandoned = onAbandoned;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** One more waiter, whose signal has not aborted yet. */
  join(signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter<T> = { load: this, signal, resolve, reject };
      this.#waiters.add(waiter);
      if (signal !== undefined) this.#watch.add(signal, waiter);
    });
  }

  /** The waiter's signal has aborted. */
  leave(waiter: Waiter<T>, reason: unknown): void {
    this.#dismiss(waiter).reject(reason);
    if (this.#waiters.size > 0) return;
    this.#onAbandoned();
    this.#controller.abort(reason);
  }

  resolve(value: T): void {
    for (const waiter of this.#waiters) this.#dismiss(waiter).resolve(value);
  }

  reject(reason: unknown): void {
    for (const waiter of this.#waiters) this.#dismiss(waiter).reject(reason);
  }

  #dismiss(waiter: Waiter<T>): Waiter<T> {
    this.#waiters.delete(waiter);
    if (waiter.signal !== undefined) this.#watch.remove(waiter.signal, waiter);
    return waiter;
  }
}
