/** A fetch that several requests may wait for; it is aborted when the last of them has gone. */
export class Flight<T> {
  readonly #controller = new AbortController();
  readonly #outcome: Promise<T>;
  #waiting = 0;
  #landed = false;

  constructor(run: (signal: AbortSignal, abort: () => void) => Promise<T>) {
    this.#outcome = run(this.#controller.signal, () => this.abort()).finally(() => (this.#landed = true));
    // Whoever waits gets the error; a flight in the background has nobody.
    this.#outcome.catch(() => undefined);
  }

  /** Once it is, whoever joined would get a rejection that was meant for others. */
  get aborted(): boolean {
    return this.#controller.signal.aborted;
  }

  /**
   * The outcome, or a rejection with the signal's reason.
   *
   * @param onAbandoned gets the outcome that comes after this caller has gone
   */
  async join(signal: AbortSignal | undefined, onAbandoned: (outcome: T) => void = () => {}): Promise<T> {
    this.#waiting += 1;
    try {
      return await orAborted(this.#outcome, signal);
    } catch (error) {
      void this.#outcome.then(onAbandoned).catch(() => undefined);
      throw error;
    } finally {
      this.#waiting -= 1;
      if (this.#waiting === 0 && !this.#landed) this.#controller.abort(signal?.reason);
    }
  }

  abort(reason?: unknown): void {
    this.#controller.abort(reason);
  }
}

/** What the promise settles with, or sooner a rejection with the signal's reason. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  if (signal.aborted) return Promise.reject(signal.reason as Error);
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    const settle = (): void => signal.removeEventListener('abort', onAbort);
    promise.finally(settle).then(resolve, reject);
  });
}
