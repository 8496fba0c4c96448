/** How one of several requests ended; `index` is its position among them. */
export type SettledResult<Res> =
  | { readonly index: number; readonly status: 'fulfilled'; readonly value: Res }
  | { readonly index: number; readonly status: 'rejected'; readonly reason: unknown };

type Step<Res> = IteratorResult<SettledResult<Res>, undefined>;

/**
 * The results of requests in the order in which they complete. All are sent at once, whether it is read or not, and it
 * holds at most one result for each; nobody has to handle their rejections.
 *
 * Not an async generator: `return()` before the first `next()` would leave its requests running, and calls of `next()`
 * that overlap would wait for each other.
 */
export class SettledResults<Req, Res> implements AsyncIterableIterator<SettledResult<Res>, undefined> {
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal | undefined;
  readonly #forward = (): void => {
    this.#abort.abort(this.#signal?.reason);
  };
  #results: (SettledResult<Res> | undefined)[] = [];
  #read = 0;
  readonly #readers: ((step: Step<Res>) => void)[] = [];
  #pending: number;

  constructor(
    requests: readonly Req[],
    signal: AbortSignal | undefined,
    send: (request: Req, signal: AbortSignal) => Promise<Res>,
  ) {
    this.#pending = requests.length;
    this.#signal = signal;
    if (signal?.aborted === true) this.#forward();
    else if (requests.length > 0) signal?.addEventListener('abort', this.#forward, { once: true });
    try {
      for (const [index, request] of requests.entries()) {
        send(request, this.#abort.signal).then(
          (value) => {
            this.#push({ index, status: 'fulfilled', value });
          },
          (reason: unknown) => {
            this.#push({ index, status: 'rejected', reason });
          },
        );
      }
    } catch (error) {
      // One that cannot be sent takes those before it back.
      void this.return();
      throw error;
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step<Res>> {
    const result = this.#results[this.#read];
    if (result !== undefined) {
      // What is read is not kept until the last is.
      this.#results[this.#read++] = undefined;
      return Promise.resolve({ done: false, value: result });
    }
    if (this.#pending === 0) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#readers.push(resolve);
    });
  }

  /** Aborts what is pending: the reader of a `for await` has left its loop. */
  return(): Promise<Step<Res>> {
    this.#results = [];
    this.#finish();
    this.#abort.abort();
    return Promise.resolve({ done: true, value: undefined });
  }

  #push(result: SettledResult<Res>): void {
    // After return() nobody reads what still comes.
    if (this.#pending === 0) return;
    const reader = this.#readers.shift();
    if (reader === undefined) this.#results.push(result);
    else reader({ done: false, value: result });
    if (this.#pending > 1) this.#pending--;
    else this.#finish();
  }

  #finish(): void {
    this.#pending = 0;
    this.#signal?.removeEventListener('abort', this.#forward);
    for (const reader of this.#readers.splice(0)) reader({ done: true, value: undefined });
  }
}
