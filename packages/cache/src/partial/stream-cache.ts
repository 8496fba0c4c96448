import { functionOption, numberOption, objectOption, signalOption, stringOption } from '@forge/internal';
import { optionNames, type OptionNames } from '../option-names.ts';
import type { Bytes, Milliseconds } from '../units.ts';
import { LiveStream, Reader, type Producer } from './live-stream.ts';
import type { PartMemory, ReadOptions } from './part-caches.ts';
import { partKey, partPrefix } from './part-key.ts';

/** Options of a `StreamCache`. */
export interface StreamCacheOptions<Chunk> {
  /** Holds the streams that have ended. */
  readonly cache: PartMemory;
  /** Keeps its keys apart from others in the cache. */
  readonly name: string;
  /** How long a stream is replayed after its end. @default the cache's defaultTTL */
  readonly ttl?: Milliseconds;
  /** How much of a running stream is kept for those who join and those who lag. @default 1 MiB */
  readonly maxStreamBytes?: Bytes;
  /** The bytes of a chunk. @default the length of bytes, the UTF-8 length of a string, else of its JSON */
  readonly sizeOf?: (chunk: Chunk) => Bytes;
  /** Whether a producer runs to its end although every reader has left. @default false: its signal aborts */
  readonly keepRunning?: boolean;
}

const NAMES: OptionNames<StreamCacheOptions<never>> = {
  cache: true,
  name: true,
  ttl: true,
  maxStreamBytes: true,
  sizeOf: true,
  keepRunning: true,
};

/**
 * Streams that many read and one producer writes: who joins late gets everything from the start, then follows.
 *
 * Each reader goes at a pace of its own. The producer runs ahead until `maxStreamBytes` are kept and then keeps the pace
 * of the fastest reader; one that falls further behind than that fails with `CACHE_STREAM_OVERRUN`, and such a stream,
 * whose beginning is gone, is neither joined nor stored. A producer's failure reaches every reader after the chunks
 * before it, and is never replayed. Chunks are shared: do not change them.
 *
 * @example
 * const answers = new StreamCache<string>({ cache: new MemoryCache({ maxBytes: 2 ** 26 }), name: 'answers' });
 * for await (const token of answers.read(prompt, ({ signal }) => complete(prompt, { signal }))) write(token);
 */
export class StreamCache<Chunk> {
  readonly #options: StreamCacheOptions<Chunk>;
  readonly #prefix: string;
  readonly #maxBytes: Bytes;
  /** Those that may be joined. To take one out is the fence: its readers go on, and it is not stored. */
  readonly #live = new Map<string, LiveStream<Chunk>>();

  /** @throws TypeError or RangeError when an option has the wrong type or is out of range */
  constructor(options: StreamCacheOptions<Chunk>) {
    const subject = 'create a StreamCache';
    objectOption(subject, 'the options', options);
    optionNames(subject, options, NAMES);
    objectOption(subject, 'cache', options.cache);
    functionOption(subject, 'cache.delete', options.cache.delete);
    stringOption(subject, 'name', options.name);
    numberOption(subject, 'ttl', options.ttl, 0);
    functionOption(subject, 'sizeOf', options.sizeOf, true);
    this.#options = options;
    this.#prefix = partPrefix(options.name, 'stream');
    this.#maxBytes = numberOption(subject, 'maxStreamBytes', options.maxStreamBytes, 2 ** 20, {
      min: 1,
      integer: true,
    });
  }

  /**
   * The chunks of the stream: of the one that runs, of the one that has ended, or else of a new one. Nothing begins and
   * nobody joins before the first chunk is asked for. Call `return`, as `for await` does, to leave.
   */
  read(key: string, produce: Producer<Chunk>, { signal }: ReadOptions = {}): AsyncIterableIterator<Chunk> {
    const subject = 'read a stream';
    stringOption(subject, 'the key', key);
    functionOption(subject, 'the producer', produce);
    signalOption(subject, signal);
    const reader = new Reader(signal);
    const chunks = this.#chunks(partKey(this.#prefix, key), produce, reader);
    return {
      next: () => chunks.next(),
      return: () => {
        // A generator that waits for a chunk would hear of its return only with that chunk.
        reader.leave();
        return chunks.return(undefined);
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** Drops the stream, and returns whether one that had ended was held: the next read begins a new one. */
  invalidate(key: string): boolean {
    stringOption('invalidate a stream', 'the key', key);
    const stored = partKey(this.#prefix, key);
    this.#live.delete(stored);
    return this.#options.cache.delete(stored);
  }

  async *#chunks(stored: string, produce: Producer<Chunk>, reader: Reader): AsyncGenerator<Chunk, undefined> {
    refuseAborted(reader);
    const live = this.#live.get(stored);
    const ended = live === undefined ? (this.#options.cache.get(stored) as readonly Chunk[] | undefined) : undefined;
    if (ended === undefined) {
      const stream = live ?? this.#begin(stored, produce);
      stream.join(reader);
      if (live === undefined) stream.start();
      return yield* stream.read(reader);
    }
    for (const chunk of ended) {
      refuseAborted(reader);
      yield chunk;
    }
  }

  #begin(stored: string, produce: Producer<Chunk>): LiveStream<Chunk> {
    const { cache, ttl, sizeOf = lengthOf, keepRunning = false } = this.#options;
    const close = (): boolean => this.#live.get(stored) === stream && this.#live.delete(stored);
    const stream = new LiveStream<Chunk>({
      produce,
      maxBytes: this.#maxBytes,
      sizeOf,
      keepRunning,
      onClosed: close,
      onComplete: (chunks, size) => {
        if (close()) cache.set(stored, chunks, { ttl, size });
      },
    });
    this.#live.set(stored, stream);
    return stream;
  }
}

function refuseAborted({ signal }: Reader): void {
  if (signal?.aborted === true) throw signal.reason;
}

function lengthOf(chunk: unknown): Bytes {
  if (typeof chunk === 'string') return Buffer.byteLength(chunk);
  if (ArrayBuffer.isView(chunk)) return chunk.byteLength;
  const json = JSON.stringify(chunk) as string | undefined;
  return json === undefined ? 0 : Buffer.byteLength(json);
}
