/**
 * The chunks of a body, one after the other. Unlike a generator, one that is closed before its first read lets go all the
 * same.
 */
export class BodyReader implements AsyncIterableIterator<Uint8Array> {
  readonly #chunkAt: (index: number) => Promise<Uint8Array | undefined>;
  readonly #onClosed: (early: boolean) => void;
  #index = 0;
  #open = true;

  /**
   * @param chunkAt undefined at the end
   * @param onClosed called once; early is before the end
   */
  constructor(chunkAt: (index: number) => Promise<Uint8Array | undefined>, onClosed: (early: boolean) => void) {
    this.#chunkAt = chunkAt;
    this.#onClosed = onClosed;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    try {
      const value = this.#open ? await this.#chunkAt(this.#index++) : undefined;
      return value === undefined ? this.#close(false) : { done: false, value };
    } catch (error) {
      this.#close(false);
      throw error;
    }
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    return Promise.resolve(this.#close(true));
  }

  #close(early: boolean): { done: true; value: undefined } {
    if (this.#open) this.#onClosed(early);
    this.#open = false;
    return { done: true, value: undefined };
  }
}

/** Ends a source; one that waits for its next chunk hears of it after that, so its request is to be aborted as well. */
export function closeSource(source: AsyncIterator<Uint8Array, unknown>): void {
  void source.return?.().catch(() => undefined);
}
