import { after } from '@forge/internal';
import type { Bytes, Milliseconds } from '../units.ts';
import { BodyReader, closeSource } from './body-reader.ts';

/** A body may come in this many chunks, and one more for so many bytes of its limit: a chunk costs more than one byte. */
const MOST_CHUNKS = 1024;
const SMALL_CHUNK: Bytes = 64;
/** How long a body that nobody reads any more may take to its end, before it is given up. */
const UNREAD_TIME: Milliseconds = 30_000;

/**
 * Reads a body once, for the clients that it streams to and for storage.
 *
 * Up to the limit it reads as fast as the source gives, whatever its readers do, so that a slow client, or one that
 * leaves, holds nobody up. Above the limit nothing will be stored: it then goes at the pace of its one reader. More
 * readers than one it may have only while the source keeps within the limit.
 */
export class BodyCollector {
  /** All bytes; undefined when there were more than the limit or the source failed. Never rejects. */
  readonly collected: Promise<Uint8Array | undefined>;

  readonly #source: AsyncIterator<Uint8Array, unknown>;
  readonly #limit: Bytes;
  readonly #giveUp: () => void;
  readonly #chunks: Uint8Array[] = [];
  #size: Bytes = 0;
  #readers = 0;
  #state: 'filling' | 'full' | 'ended' | 'failed' = 'filling';
  #error: unknown;
  #wake: () => void = () => {};
  #changed: Promise<void>;
  #stopWaiting: () => void = () => {};

  /** @param giveUp makes the source end, even one that waits for its next chunk */
  constructor(source: AsyncIterable<Uint8Array>, limit: Bytes, giveUp: () => void) {
    this.#source = source[Symbol.asyncIterator]();
    this.#limit = limit;
    this.#giveUp = giveUp;
    this.#changed = this.#nextChange();
    this.collected = this.#fill();
  }

  /** The body from its first byte on; to be read to its end, or its iterator's `return()` called. */
  read(): BodyReader {
    this.#readers += 1;
    this.#stopWaiting();
    return new BodyReader(
      (index) => this.#chunkAt(index),
      () => this.#leave(),
    );
  }

  /** The same for one more client; undefined where what is to come can go to one alone. */
  join(): BodyReader | undefined {
    return this.#state === 'full' ? undefined : this.read();
  }

  async #chunkAt(index: number): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#chunks[index];
      if (chunk !== undefined) return chunk;
      if (this.#state === 'full') return this.#beyond();
      if (this.#state === 'failed') throw this.#error;
      if (this.#state === 'ended') return undefined;
      await this.#changed;
    }
  }

  /** The one reader has had all that was collected: from here on its reads are those of the source. */
  async #beyond(): Promise<Uint8Array | undefined> {
    this.#chunks.length = 0;
    const result = await this.#source.next();
    if (result.done !== true) return result.value;
    this.#become('ended');
    return undefined;
  }

  #leave(): void {
    this.#readers -= 1;
    if (this.#readers > 0) return;
    if (this.#state === 'full') this.#end();
    if (this.#state === 'filling') this.#stopWaiting = after(UNREAD_TIME, () => this.#end(), { unref: true });
  }

  async #fill(): Promise<Uint8Array | undefined> {
    try {
      for (;;) {
        const result = await this.#source.next();
        if (result.done === true) break;
        this.#chunks.push(result.value);
        this.#size += result.value.length;
        const isInCrumbs = this.#chunks.length > MOST_CHUNKS + this.#limit / SMALL_CHUNK;
        if (isInCrumbs || this.#size > this.#limit) return this.#overflow();
        this.#notify();
      }
      this.#become('ended');
      return concatenated(this.#chunks, this.#size);
    } catch (error) {
      this.#error = error;
      this.#become('failed');
      return undefined;
    }
  }

  /** Two readers could not both go on from the source, and where there is none it need not go on. */
  #overflow(): undefined {
    if (this.#readers !== 1) this.#end();
    const isShared = this.#readers > 1;
    if (isShared) this.#error = new Error('Cannot share a body: it is too long, or in crumbs');
    this.#become(isShared ? 'failed' : 'full');
  }

  #end(): void {
    this.#giveUp();
    closeSource(this.#source);
  }

  #become(state: 'full' | 'ended' | 'failed'): void {
    this.#state = state;
    this.#stopWaiting();
    this.#notify();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#changed = this.#nextChange();
    wake();
  }

  #nextChange(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }
}

/** Not `Buffer.concat`, whose result may be a window on memory that is shared with others. */
function concatenated(chunks: readonly Uint8Array[], size: Bytes): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
