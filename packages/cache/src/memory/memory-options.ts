import {
  choiceOption,
  clockOption,
  functionOption,
  numberOption,
  objectOption,
  randomRatios,
  stringOption,
  type Clock,
} from '@forge/internal';
import type { PolicyName } from '../policies/policy-by-name.ts';
import { optionNames, type OptionNames } from '../option-names.ts';
import type { Bytes, Milliseconds, Ratio } from '../units.ts';

/** Why an entry left: `evicted` for room, `expired` by time, `deleted` on request, `replaced` by a newer value. */
export type RemovalReason = 'evicted' | 'expired' | 'deleted' | 'replaced';

/** Options of a `MemoryCache`. At least one bound always holds: `maxSize` has a default. */
export interface MemoryCacheOptions<V = unknown> {
  /**
   * The most entries held, from 1. Above 2^26 it counts as 2^26; `getMetrics().maxSize` shows the bound that applies.
   *
   * @default 1000, so that a cache made without thought cannot grow without end; 2^26 when `maxBytes` is given, for then
   * the bytes are the bound that was chosen
   */
  readonly maxSize?: number;
  /** The most bytes held, as `sizeOf` counts them. @default Infinity: bytes are neither counted nor bound */
  readonly maxBytes?: Bytes;
  /** The most bytes of one entry; a larger one is refused before anything is evicted for it. @default maxBytes */
  readonly maxEntrySize?: Bytes;
  /** How long an entry lives when `set` names no `ttl`. @default Infinity: until it is evicted */
  readonly defaultTTL?: Milliseconds;
  /** How long an entry lives after its last `get`, within its ttl, when `set` names no `idleTTL`. @default Infinity */
  readonly idleTTL?: Milliseconds;
  /**
   * Shortens the ttl of each entry, given or default, at random by up to this share of it, so that entries which came
   * together do not all have to be loaded again at once. Never lengthens one.
   *
   * @default 0
   */
  readonly ttlJitter?: Ratio;
  /**
   * Which entry leaves when the cache is full: `adaptive` tells entries that are used again from a scan, `gdsf` keeps
   * what saves the most cost per byte, `lru` keeps what was used last.
   *
   * @default 'adaptive'; 'gdsf' when `maxBytes` is given
   */
  readonly policy?: PolicyName;
  /**
   * The bytes of a value: a whole number from 0. An entry counts as one byte at least, so that `maxBytes` alone bounds
   * the number of entries too. Given here, it is called for each `set` without `size`, with or without `maxBytes`.
   *
   * @default with `maxBytes` or `maxEntrySize`: the length of a Buffer, typed array or ArrayBuffer; the UTF-8 length of a
   * string; of anything else the UTF-8 length of its JSON, which a `Map`, `Set` or class instance may not show (give a
   * `sizeOf` then). Keys and the table itself are not counted.
   */
  readonly sizeOf?: (value: V, key: string) => Bytes;
  /**
   * Called after an entry has left and the cache is consistent again, so that it may call the cache. What it throws, or
   * what a promise that it returns rejects with, becomes a process warning.
   */
  readonly onRemoval?: (key: string, value: V, reason: RemovalReason) => void;
  /** Counts hits, misses, evictions and so on; off, each counter stays 0. @default true */
  readonly metricsEnabled?: boolean;
  /**
   * How long after its time, at most, an expired entry leaves that nobody asks for: the tick of one timer, which runs only
   * while something is to expire and does not keep the process open. 0 and `Infinity` are never: such entries then leave
   * when they are read, evicted or swept. What is expired is never read in either case.
   *
   * @default 1000
   */
  readonly cleanupInterval?: Milliseconds;
  /** Monotonic time in ms. @default performance.now */
  readonly clock?: Clock;
}

/** What `set` takes besides the value. */
export interface SetOptions {
  /** How long the entry lives; 0 or less stores nothing. @default the cache's defaultTTL */
  readonly ttl?: Milliseconds | undefined;
  /** How long the entry lives after its last `get`, within its ttl; 0 or less stores nothing. @default the cache's idleTTL */
  readonly idleTTL?: Milliseconds | undefined;
  /** Names under which entries are invalidated together. */
  readonly tags?: readonly string[] | undefined;
  /** The bytes of this value, in place of `sizeOf`. */
  readonly size?: Bytes | undefined;
  /** What it took to make this value, from 0, in the unit of all others, such as ms: what policy `gdsf` saves. @default 1 */
  readonly cost?: number | undefined;
}

/** One entry as `load()` takes it: what is not said is as with `set`. */
export interface LoadableEntry<V = unknown> extends SetOptions {
  readonly key: string;
  readonly value: V;
}

/** One entry as `entries()` shows it; `set(entry.key, entry.value, entry)` puts it back. */
export interface CacheEntry<V = unknown> extends LoadableEntry<V> {
  /** What is left of its life; `Infinity` when it does not expire. */
  readonly ttl: Milliseconds;
  /** The bytes that it counts for; undefined when bytes are not counted. */
  readonly size: Bytes | undefined;
  readonly cost: number;
  readonly tags: readonly string[];
}

/** Slots are small integers everywhere; an index of so many keys is far from its own end. */
const MOST_ENTRIES = 2 ** 26;
const NO_OPTIONS: SetOptions = Object.freeze({});
export const NO_TAGS: readonly string[] = Object.freeze([]);
const ADAPTIVE_FIRST = ['adaptive', 'gdsf', 'lru'] as const;
const GDSF_FIRST = ['gdsf', 'adaptive', 'lru'] as const;

/** The options of a `MemoryCache`, checked and complete. */
export type MemorySettings<V> = Required<Omit<MemoryCacheOptions<V>, 'sizeOf' | 'onRemoval' | 'ttlJitter'>> & {
  /** What is left of a ttl when the jitter is taken off. */
  readonly jitter: (ttl: Milliseconds) => Milliseconds;
  /** Those of an entry without options, where they are the same for all. */
  readonly plainTerms: EntryTerms | undefined;
  readonly sizeOf: MemoryCacheOptions<V>['sizeOf'] | undefined;
  readonly onRemoval: MemoryCacheOptions<V>['onRemoval'] | undefined;
};

/** How an entry is stored: its `SetOptions`, checked and complete. */
export interface EntryTerms {
  /** Its jitter taken off. */
  readonly ttl: Milliseconds;
  readonly idleTTL: Milliseconds;
  /** 0 when bytes are not counted. */
  readonly size: Bytes;
  readonly cost: number;
  /** Frozen and without repetition. */
  readonly tags: readonly string[];
}

const NAMES: OptionNames<MemoryCacheOptions> = {
  maxSize: true,
  maxBytes: true,
  maxEntrySize: true,
  defaultTTL: true,
  idleTTL: true,
  ttlJitter: true,
  policy: true,
  sizeOf: true,
  onRemoval: true,
  metricsEnabled: true,
  cleanupInterval: true,
  clock: true,
};

/** @param further names that the subject has besides those of a `MemoryCache` */
export function memorySettings<V>(
  subject: string,
  options: MemoryCacheOptions<V>,
  further: object = {},
): MemorySettings<V> {
  objectOption(subject, 'the config', options);
  optionNames(subject, options, NAMES, further);
  const { sizeOf, onRemoval, ttlJitter } = options;
  const maxBytes = numberOption(subject, 'maxBytes', options.maxBytes, Infinity, { min: 1, integer: true });
  const given = numberOption(subject, 'maxEntrySize', options.maxEntrySize, Infinity, { min: 1, integer: true });
  const maxEntrySize = Math.min(given, maxBytes);
  const fallback = maxBytes === Infinity ? 1000 : MOST_ENTRIES;
  const maxSize = numberOption(subject, 'maxSize', options.maxSize, fallback, { min: 1, integer: true });
  functionOption(subject, 'sizeOf', sizeOf, true);
  functionOption(subject, 'onRemoval', onRemoval, true);
  const policies = maxBytes === Infinity ? ADAPTIVE_FIRST : GDSF_FIRST;
  const tick = numberOption(subject, 'cleanupInterval', options.cleanupInterval, 1000);
  const defaultTTL = numberOption(subject, 'defaultTTL', options.defaultTTL, Infinity);
  const idleTTL = numberOption(subject, 'idleTTL', options.idleTTL, Infinity);
  const share = numberOption(subject, 'ttlJitter', ttlJitter, 0, { max: 1 });
  return Object.freeze({
    maxSize: Math.min(maxSize, MOST_ENTRIES),
    maxBytes,
    maxEntrySize,
    defaultTTL,
    idleTTL,
    jitter: jitterBy(share),
    plainTerms: share === 0 ? Object.freeze({ ttl: defaultTTL, idleTTL, tags: NO_TAGS, cost: 1, size: 0 }) : undefined,
    policy: choiceOption(subject, 'policy', options.policy, policies),
    sizeOf: sizeOf ?? (maxEntrySize === Infinity ? undefined : encodedLength),
    onRemoval,
    metricsEnabled: choiceOption(subject, 'metricsEnabled', options.metricsEnabled, [true, false]),
    cleanupInterval: tick === 0 ? Infinity : tick,
    clock: clockOption(subject, options.clock),
  });
}

/** Calls `sizeOf` last, so that it is called only for what is right otherwise. @throws what `MemoryCache.set` throws */
export function entryTerms<V>(
  { defaultTTL, idleTTL: defaultIdleTTL, jitter, sizeOf, plainTerms }: MemorySettings<V>,
  key: string,
  value: V,
  options: SetOptions = NO_OPTIONS,
): EntryTerms {
  const subject = 'set an entry';
  if (typeof key !== 'string') stringOption(subject, 'the key', key);
  if (options === NO_OPTIONS && sizeOf === undefined && plainTerms !== undefined) return plainTerms;
  objectOption(subject, 'the options', options);
  const ttl = jitter(ttlOption(subject, options.ttl) ?? defaultTTL);
  const idleTTL = idleOption(subject, options.idleTTL) ?? defaultIdleTTL;
  const tags = distinct(tagsOption(subject, options.tags));
  const cost = costOption(subject, options.cost);
  const size = options.size ?? sizeOf?.(value, key);
  if (size === undefined && sizeOf === undefined) return { ttl, idleTTL, tags, cost, size: 0 };
  if (Number.isSafeInteger(size) && size! >= 0) return { ttl, idleTTL, tags, cost, size: Math.max(1, size!) };
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

function idleOption(subject: string, idleTTL: Milliseconds | undefined): Milliseconds | undefined {
  return idleTTL === undefined ? undefined : numberOption(subject, 'idleTTL', idleTTL, idleTTL, { min: -Infinity });
}

function costOption(subject: string, cost: number | undefined): number {
  return cost === undefined ? 1 : numberOption(subject, 'cost', cost, 1, { max: Number.MAX_VALUE });
}

function distinct(tags: readonly string[]): readonly string[] {
  return tags.length === 0 ? NO_TAGS : Object.freeze([...new Set(tags)]);
}

function jitterBy(share: Ratio): (ttl: Milliseconds) => Milliseconds {
  if (share === 0) return (ttl) => ttl;
  const random = randomRatios();
  return (ttl) => (ttl === Infinity ? ttl : ttl * (1 - share * random()));
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
