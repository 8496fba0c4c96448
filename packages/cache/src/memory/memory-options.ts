import { clockOption, functionOption, numberOption, objectOption, stringOption, type Clock } from '@forge/internal';
import type { Bytes, Milliseconds } from '../units.ts';

/** Why an entry left: `evicted` for room, `expired` by time, `deleted` on request, `replaced` by a newer value. */
export type RemovalReason = 'evicted' | 'expired' | 'deleted' | 'replaced';

/** Options of a `MemoryCache`. At least one bound always holds: `maxSize` has a default. */
export interface MemoryCacheOptions<V = unknown> {
  /**
   * The most entries held, from 1. Above 2^23 it counts as 2^23, which is all that V8's `Map` holds while keys come and
   * go; `getMetrics().maxSize` shows the bound that applies.
   *
   * @default 1000, so that a cache made without thought cannot grow without end; 2^23 when `maxBytes` is given, for then
   * the bytes are the bound that was chosen
   */
  readonly maxSize?: number;
  /** The most bytes held, as `sizeOf` counts them. @default Infinity: bytes are neither counted nor bound */
  readonly maxBytes?: Bytes;
  /** How long an entry lives when `set` names no `ttl`. @default Infinity: until it is evicted */
  readonly defaultTTL?: Milliseconds;
  /**
   * The bytes of a value: a whole number from 0. An entry counts as one byte at least, so that `maxBytes` alone bounds
   * the number of entries too. Given here, it is called for each `set` without `size`, with or without `maxBytes`.
   *
   * @default with `maxBytes`: the length of a Buffer, typed array or ArrayBuffer; the UTF-8 length of a string; of
   * anything else the UTF-8 length of its JSON, which a `Map`, `Set` or class instance may not show (give a `sizeOf`
   * then). Keys and the table itself are not counted.
   */
  readonly sizeOf?: (value: V, key: string) => Bytes;
  /**
   * Called after an entry has left and the cache is consistent again, so that it may call the cache. What it throws, or
   * what a promise that it returns rejects with, becomes a process warning.
   */
  readonly onRemoval?: (key: string, value: V, reason: RemovalReason) => void;
  /** Counts hits, misses, evictions and so on; off, each counter stays 0. @default true */
  readonly metricsEnabled?: boolean;
  /** Monotonic time in ms. @default performance.now */
  readonly clock?: Clock;
}

/** What `set` takes besides the value. */
export interface SetOptions {
  /** How long the entry lives; 0 or less stores nothing. @default the cache's defaultTTL */
  readonly ttl?: Milliseconds | undefined;
  /** Names under which entries are invalidated together. */
  readonly tags?: readonly string[] | undefined;
  /** The bytes of this value, in place of `sizeOf`. */
  readonly size?: Bytes | undefined;
}

/** One entry as `entries()` shows it; `set(entry.key, entry.value, entry)` puts it back. */
export interface CacheEntry<V = unknown> extends SetOptions {
  readonly key: string;
  readonly value: V;
  /** What is left of its life; `Infinity` when it does not expire. */
  readonly ttl: Milliseconds;
  /** The bytes that it counts for; undefined when bytes are not counted. */
  readonly size: Bytes | undefined;
  readonly tags: readonly string[];
}

/** V8's `Map` stops at 2^24 cells, and needs half of them free or deleted to rehash in place instead of growing. */
const MOST_ENTRIES = 2 ** 23;
const NO_TAGS: readonly string[] = Object.freeze([]);

/** The options of a `MemoryCache`, checked and complete. */
export type MemorySettings<V> = Required<Omit<MemoryCacheOptions<V>, 'sizeOf' | 'onRemoval'>> & {
  readonly sizeOf: MemoryCacheOptions<V>['sizeOf'] | undefined;
  readonly onRemoval: MemoryCacheOptions<V>['onRemoval'] | undefined;
};

/** How an entry is stored: its `SetOptions`, checked and complete. */
export interface EntryTerms {
  readonly ttl: Milliseconds;
  /** 0 when bytes are not counted. */
  readonly size: Bytes;
  /** Frozen and without repetition. */
  readonly tags: readonly string[];
}

export function memorySettings<V>(subject: string, options: MemoryCacheOptions<V>): MemorySettings<V> {
  objectOption(subject, 'the config', options);
  const maxBytes = numberOption(subject, 'maxBytes', options.maxBytes, Infinity, { min: 1, integer: true });
  const fallback = maxBytes === Infinity ? 1000 : MOST_ENTRIES;
  const maxSize = numberOption(subject, 'maxSize', options.maxSize, fallback, { min: 1, integer: true });
  functionOption(subject, 'sizeOf', options.sizeOf, true);
  functionOption(subject, 'onRemoval', options.onRemoval, true);
  return Object.freeze({
    maxSize: Math.min(maxSize, MOST_ENTRIES),
    maxBytes,
    defaultTTL: numberOption(subject, 'defaultTTL', options.defaultTTL, Infinity),
    sizeOf: options.sizeOf ?? (maxBytes === Infinity ? undefined : encodedLength),
    onRemoval: options.onRemoval,
    metricsEnabled: options.metricsEnabled ?? true,
    clock: clockOption(subject, options.clock),
  });
}

/** Calls `sizeOf` last, so that it is called only for what is right otherwise. @throws what `MemoryCache.set` throws */
export function entryTerms<V>(
  { defaultTTL, sizeOf }: MemorySettings<V>,
  key: string,
  value: V,
  options: SetOptions,
): EntryTerms {
  const subject = 'set an entry';
  stringOption(subject, 'the key', key);
  objectOption(subject, 'the options', options);
  const ttl = ttlOption(subject, options.ttl) ?? defaultTTL;
  const given = tagsOption(subject, options.tags);
  const tags = given.length === 0 ? NO_TAGS : Object.freeze([...new Set(given)]);
  const size = options.size ?? sizeOf?.(value, key);
  if (size === undefined && sizeOf === undefined) return { ttl, tags, size: 0 };
  if (Number.isSafeInteger(size) && size! >= 0) return { ttl, tags, size: Math.max(1, size!) };
  const ErrorClass = typeof size === 'number' ? RangeError : TypeError;
  throw new ErrorClass(`Cannot ${subject}: its size must be a whole number of bytes, got ${String(size)}`);
}

export function tagsOption(subject: string, tags: readonly string[] | undefined): readonly string[] {
  if (tags === undefined) return NO_TAGS;
  if (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')) return tags;
  throw new TypeError(`Cannot ${subject}: tags must be an array of strings, got ${String(tags)}`);
}

export function ttlOption(subject: string, ttl: Milliseconds | undefined): Milliseconds | undefined {
  return ttl === undefined ? undefined : numberOption(subject, 'ttl', ttl, ttl, { min: -Infinity });
}

/** The default `sizeOf`. */
function encodedLength(value: unknown): Bytes {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength;
  if (value === undefined) return 0;
  let cause: unknown;
  try {
    const json = JSON.stringify(value) as string | undefined;
    if (json !== undefined) return Buffer.byteLength(json);
  } catch (error) {
    cause = error;
  }
  throw new TypeError(
    `Cannot measure a value: it has no JSON form (give the cache a sizeOf), got a ${typeof value}`,
    cause === undefined ? undefined : { cause },
  );
}
