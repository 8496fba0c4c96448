import { choiceOption, functionOption, numberOption, objectOption, signalOption, stringOption } from '@forge/internal';
import {
  memorySettings,
  tagsOption,
  ttlOption,
  type MemoryCacheOptions,
  type MemorySettings,
  type SetOptions,
} from '../memory/memory-options.ts';
import type { InvalidationBus } from '../tiers/bus.ts';
import type { CacheStore } from '../tiers/store.ts';
import type { OptionNames } from '../option-names.ts';
import type { Milliseconds, Ratio } from '../units.ts';
import { jsonCodec, type Codec } from './values/codec.ts';
import type { ValuePolicy } from './values/values.ts';

/** Options of a `ResponseCache`. */
export interface CacheConfig<V = unknown> extends Omit<MemoryCacheOptions<V>, 'onRemoval'> {
  /** How long a value may be served after its ttl while it is loaded anew in the background. @default 0 */
  readonly staleWhileRevalidate?: Milliseconds;
  /** How long after its ttl a value may be served when it cannot be loaded anew. @default 0 */
  readonly staleIfError?: Milliseconds;
  /** A second tier that several processes share, such as `redisStore(client)`. */
  readonly store?: CacheStore | undefined;
  /** Tells the caches of other processes of invalidations, and hears of theirs, such as `redisBus(client)`. */
  readonly bus?: InvalidationBus | undefined;
  /** After this long a caller gets the stale value, if there is one that may serve; the load goes on. @default Infinity */
  readonly softTimeout?: Milliseconds;
  /** After this long a load fails with `CACHE_LOAD_TIMEOUT`, and its signal aborts. @default Infinity */
  readonly hardTimeout?: Milliseconds;
  /** The ttl of a loaded or set `undefined` or `null`, which is then kept in a region of a tenth of the size. @default that of any value */
  readonly negativeTTL?: Milliseconds | undefined;
  /** For how long a loader's failure is given to later callers too, instead of loading again. @default 0 */
  readonly errorTTL?: Milliseconds;
  /**
   * A hit in the last part of the ttl loads the value anew in the background, so that a key in use never expires: 0.2 is
   * the last fifth.
   *
   * @default 0
   */
  readonly refreshAhead?: Ratio;
  /**
   * The same at random, the more likely the nearer the end is and the longer the load took, so that many processes do
   * not load at once (XFetch). 1 is the optimum of its paper, more is earlier.
   *
   * @default 0: off
   */
  readonly xfetchBeta?: number;
  /** What a reader may do to a value without harm to others. @default 'share', with `compressionEnabled` and without a store 'bytes' */
  readonly values?: ValuePolicy;
  /** Makes bytes of values, for `values: 'bytes'` and for the store. @default JSON; strings and bytes as they are */
  readonly codec?: Codec<V>;
  /** Compresses what is kept as bytes or sent to the store, from 1 KiB on and where that makes it shorter. @default false */
  readonly compressionEnabled?: boolean;
  /** After this long a call of the store counts as failed. @default 250 */
  readonly storeTimeout?: Milliseconds;
}

/** What `set` takes besides the value, and what a loader may say of the value that it returns. */
export interface EntryOptions extends Pick<SetOptions, 'tags' | 'ttl' | 'size'> {
  /** Names this very value: an equal one means that nothing has changed. @default values are compared */
  readonly etag?: string | undefined;
  /** Keys that the value was made from: it is invalidated when one of them changes or is invalidated. */
  readonly dependsOn?: readonly string[] | undefined;
  /** @default the cache's */
  readonly staleWhileRevalidate?: Milliseconds | undefined;
  /** @default the cache's */
  readonly staleIfError?: Milliseconds | undefined;
}

/** What `getOrSet` takes besides the loader. */
export interface GetOrSetOptions<V> extends Omit<EntryOptions, 'ttl' | 'etag'> {
  /**
   * As in `set`, or a function that learns it from the loaded value; 0 or less gives the value to those who wait and
   * stores nothing.
   */
  readonly ttl?: Milliseconds | ((value: V) => Milliseconds) | undefined;
  /** Rejects this caller alone, with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** @default the cache's */
  readonly softTimeout?: Milliseconds | undefined;
  /** Of the first caller of a load. @default the cache's */
  readonly hardTimeout?: Milliseconds | undefined;
}

/** The options of a `ResponseCache`, checked and complete. */
export type CacheSettings<V> = MemorySettings<V> &
  Required<Omit<CacheConfig<V>, keyof MemoryCacheOptions<V> | 'store' | 'bus' | 'negativeTTL'>> &
  Pick<CacheConfig<V>, 'store' | 'bus' | 'negativeTTL'>;

const NO_KEYS: readonly string[] = Object.freeze([]);

/** Those that a `MemoryCache` does not have. */
const NAMES: OptionNames<Omit<CacheConfig, keyof MemoryCacheOptions>> = {
  staleWhileRevalidate: true,
  staleIfError: true,
  store: true,
  bus: true,
  softTimeout: true,
  hardTimeout: true,
  negativeTTL: true,
  errorTTL: true,
  refreshAhead: true,
  xfetchBeta: true,
  values: true,
  codec: true,
  compressionEnabled: true,
  storeTimeout: true,
};

type DurationName =
  | 'staleWhileRevalidate'
  | 'staleIfError'
  | 'softTimeout'
  | 'hardTimeout'
  | 'negativeTTL'
  | 'errorTTL'
  | 'xfetchBeta'
  | 'storeTimeout';

export function cacheSettings<V>(config: CacheConfig<V>): CacheSettings<V> {
  const subject = 'create a ResponseCache';
  const memory = memorySettings(subject, config, NAMES);
  if (Object.hasOwn(config, 'onRemoval')) {
    throw new TypeError(`Cannot ${subject}: there is no option "onRemoval" (a ResponseCache has events)`);
  }
  const duration = (name: DurationName, fallback: Milliseconds): Milliseconds =>
    numberOption(subject, name, config[name], fallback);
  const { store, bus } = config;
  const compressionEnabled = choiceOption(subject, 'compressionEnabled', config.compressionEnabled, [false, true]);
  seam(subject, 'store', store, ['read', 'lease', 'write', 'release', 'invalidate']);
  seam(subject, 'bus', bus, ['publish', 'subscribe']);
  if (config.codec !== undefined) seam(subject, 'codec', config.codec, ['encode', 'decode']);
  const fallback = compressionEnabled && store === undefined ? 'bytes' : 'share';
  const values = choiceOption(subject, 'values', config.values ?? fallback, ['share', 'freeze', 'clone', 'bytes']);
  if (compressionEnabled && store === undefined && values !== 'bytes') {
    throw new TypeError(`Cannot ${subject}: compressionEnabled needs values: 'bytes' or a store, got '${values}'`);
  }
  return Object.freeze({
    ...memory,
    staleWhileRevalidate: duration('staleWhileRevalidate', 0),
    staleIfError: duration('staleIfError', 0),
    store,
    bus,
    softTimeout: duration('softTimeout', Infinity),
    hardTimeout: duration('hardTimeout', Infinity),
    negativeTTL: config.negativeTTL === undefined ? undefined : duration('negativeTTL', 0),
    errorTTL: duration('errorTTL', 0),
    refreshAhead: numberOption(subject, 'refreshAhead', config.refreshAhead, 0, { max: 1 }),
    xfetchBeta: duration('xfetchBeta', 0),
    values,
    codec: config.codec ?? (jsonCodec as Codec<V>),
    compressionEnabled,
    storeTimeout: duration('storeTimeout', 250),
  });
}

/** Checks what can be checked before there is a value; `ttl` and tags are checked with the entry. */
export function checkEntryOptions(subject: string, options: Omit<EntryOptions, 'ttl'>): void {
  objectOption(subject, 'the options', options);
  tagsOption(subject, options.tags);
  if (options.etag !== undefined) stringOption(subject, 'etag', options.etag);
  keysOption(subject, 'dependsOn', options.dependsOn);
  numberOption(subject, 'staleWhileRevalidate', options.staleWhileRevalidate, 0);
  numberOption(subject, 'staleIfError', options.staleIfError, 0);
}

export function checkLoadOptions<V>(subject: string, options: GetOrSetOptions<V>): void {
  checkEntryOptions(subject, options);
  if (typeof options.ttl !== 'function') ttlOption(subject, options.ttl);
  numberOption(subject, 'softTimeout', options.softTimeout, 0);
  numberOption(subject, 'hardTimeout', options.hardTimeout, 0);
  signalOption(subject, options.signal);
}

/** @throws TypeError when the ttl function returns no number, and what it throws */
export function lifetimeOf<V>(value: V, ttl: GetOrSetOptions<V>['ttl']): Milliseconds | undefined {
  if (typeof ttl !== 'function') return ttl;
  const lifetime: unknown = ttl(value);
  if (typeof lifetime === 'number') return lifetime;
  throw new TypeError(`Cannot store a loaded value: its ttl function must return a number, got ${typeof lifetime}`);
}

export function keysOption(subject: string, name: string, keys: readonly string[] | undefined): readonly string[] {
  if (keys === undefined) return NO_KEYS;
  if (Array.isArray(keys) && keys.every((key) => typeof key === 'string')) return keys;
  throw new TypeError(`Cannot ${subject}: ${name} must be an array of keys, got ${String(keys)}`);
}

/** What is plugged in has the methods that it needs. */
function seam(subject: string, name: string, value: unknown, methods: readonly string[]): void {
  if (value === undefined) return;
  objectOption(subject, name, value);
  for (const method of methods) functionOption(subject, `${name}.${method}`, Reflect.get(value as object, method));
}
