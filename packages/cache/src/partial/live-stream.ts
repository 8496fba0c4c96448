import { AbortWatch, type Watched } from '@forge/internal';
import { CacheError } from '../errors.ts';
import type { Bytes } from '../units.ts';
import type { PartContext } from './part-caches.ts';

/** Begins the stream. */
export type Producer<Chunk> = (
  context: PartContext,
) => AsyncIterable<Chunk> | Iterable<Chunk> | PromiseLike<AsyncIterable<Chunk> | Iterable<Chunk>>;

export interface LiveStreamOptions<Chunk> {
  readonly produce: Producer<Chunk>;
  readonly maxBytes: Bytes;
  readonly sizeOf: (chunk: Chunk) => Bytes;
  readonly keepRunning: boolean;
  /** Nobody is to join any more: it dropped chunks, it failed or everybody left. */
  readonly onClosed: () => void;
  /** It ended with every chunk kept. */
  readonly onComplete: (chunks: readonly Chunk[], bytes: Bytes) => void;
}

/** Where one reader is. */
export class Reader {
  /** The number of the chunk that it reads next. */
  at = 0;
  readonly signal: AbortSignal | undefined;
  watched: Watched<Reader> | undefined;
  aborted = false;
  /** It was returned. */
  left = false;
  wake: () => void = () => {};

  constructor(signal: AbortSignal | undefined) {
    this.signal = signal;
  }

  leave(): void {
    this.left = true;
    this.wake();
  }
}

/**
 * One run of a producer, with a log that every reader reads from its start.
 *
 * The log is bounded. Until it is full the producer runs as fast as it can; from then on it is asked for a chunk only
 * when some reader has come to the end, and each new chunk drops the oldest. So it keeps the pace of its fastest reader:
 * one that falls back further than the log reaches is told so, and slows down nobody. Without its first chunks a stream
 * cannot be replayed and takes no more readers.
 */
export class LiveStream<Chunk> {
  readonly #options: LiveStreamOptions<Chunk>;
  readonly #controller = new AbortController();
  readonly #readers = new Set<Reader>();
  /** Those that have read everything and wait. */
  readonly #waiting = new Set<Reader>();
  readonly #watch = new AbortWatch<Reader>((reader, reason) => {
    reader.aborted = true;
    this.#leave(reader, reason);
    reader.wake();
  });

  // Chunk number n is at n - #first + #offset; what is before the offset is dropped.
  #log: (Chunk | undefined)[] = [];
  #sizes: Bytes[] = [];
  #offset = 0;
  #first = 0;
  #bytes: Bytes = 0;

  #end: { readonly failed: boolean; readonly error?: unknown } | undefined;
  #resume: () => void = () => {};

  constructor(options: LiveStreamOptions<Chunk>) {
    this.#options = options;
  }

  /** Begins to run. The first reader must have joined by then, for a stream without readers is given up. */
  start(): void {
    void this.#run();
  }

  /** Counts the reader in, whose signal has not aborted. */
  join(reader: Reader): void {
    this.#readers.add(reader);
    if (reader.signal !== undefined) reader.watched = this.#watch.add(reader.signal, reader);
  }

  /** What the reader reads, until it leaves. */
  async *read(reader: Reader): AsyncGenerator<Chunk, undefined> {
    try {
      for (;;) {
        if (reader.left) return;
        if (reader.aborted) throw reader.signal!.reason;
        if (reader.at < this.#first) throw overrun(this.#options.maxBytes);
        const place = reader.at - this.#first + this.#offset;
        if (place < this.#log.length) {
          reader.at += 1;
          yield this.#log[place] as Chunk;
        } else if (this.#end === undefined) {
          await this.#more(reader);
        } else {
          if (this.#end.failed) throw this.#end.error;
          return;
        }
      }
    } finally {
      this.#leave(reader, undefined);
    }
  }

  async #run(): Promise<void> {
    const { produce, onClosed, onComplete } = this.#options;
    const { signal } = this.#controller;
    try {
      for await (const chunk of await produce({ signal })) {
        this.#append(chunk);
        await this.#turn();
        if (signal.aborted) return;
      }
      if (signal.aborted) return;
      this.#end = { failed: false };
      if (this.#first === 0) onComplete(this.#log as Chunk[], this.#bytes);
    } catch (error) {
      this.#end = { failed: true, error };
      onClosed();
    }
    this.#wakeAll();
  }

  #append(chunk: Chunk): void {
    const size = measured(chunk, this.#options.sizeOf);
    this.#log.push(chunk);
    this.#sizes.push(size);
    this.#bytes += size;
    const last = this.#log.length - 1;
    while (this.#bytes > this.#options.maxBytes && this.#offset < last) this.#drop();
    this.#wakeAll();
  }

  #drop(): void {
    if (this.#first === 0) this.#options.onClosed();
    this.#bytes -= this.#sizes[this.#offset]!;
    this.#log[this.#offset] = undefined;
    this.#offset += 1;
    this.#first += 1;
    if (this.#offset < 1024 || 2 * this.#offset < this.#log.length) return;
    this.#log = this.#log.slice(this.#offset);
    this.#sizes = this.#sizes.slice(this.#offset);
    this.#offset = 0;
  }

  /** Resolves when the producer may go on: at once, or when a reader has come to the end. Nobody has just now. */
  #turn(): Promise<void> | undefined {
    const isFree = this.#bytes < this.#options.maxBytes || this.#readers.size === 0;
    return isFree ? undefined : new Promise((resolve) => (this.#resume = resolve));
  }

  #more(reader: Reader): Promise<void> {
    this.#waiting.add(reader);
    this.#resume();
    return new Promise((resolve) => (reader.wake = resolve));
  }

  #wakeAll(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const reader of waiting) reader.wake();
  }

  #leave(reader: Reader, reason: unknown): void {
    if (!this.#readers.delete(reader)) return;
    this.#waiting.delete(reader);
    if (reader.watched !== undefined) this.#watch.remove(reader.watched);
    if (this.#readers.size > 0) return;
    if (!this.#options.keepRunning && this.#end === undefined) {
      this.#options.onClosed();
      this.#controller.abort(reason ?? new DOMException('Every reader has left the stream', 'AbortError'));
    }
    this.#resume();
  }
}

/** One byte at least, so that the bytes bound the number of chunks too. */
function measured<Chunk>(chunk: Chunk, sizeOf: (chunk: Chunk) => Bytes): Bytes {
  const size: unknown = sizeOf(chunk);
  if (Number.isSafeInteger(size) && (size as Bytes) >= 0) return Math.max(1, size as Bytes);
  throw new TypeError(`Cannot keep a chunk: its size must be a whole number of bytes, got ${String(size)}`);
}

function overrun(maxBytes: Bytes): CacheError {
  return new CacheError(
    'CACHE_STREAM_OVERRUN',
    `Cannot read on: the reader fell more than ${maxBytes} bytes behind the stream`,
  );
}
