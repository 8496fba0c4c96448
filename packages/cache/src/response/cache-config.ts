import { numberOption } from '@forge/internal';
import { memorySettings, type MemoryCacheOptions, type MemorySettings } from '../memory/memory-options.ts';
import type { Milliseconds } from '../units.ts';

/** Options of a `ResponseCache`. */
export interface CacheConfig<V = unknown> extends Omit<MemoryCacheOptions<V>, 'onRemoval'> {
  /**
   * How often expired entries are looked for, at least every 24.8 days; 0 and `Infinity` are never: they then leave when
   * they are read or evicted.
   *
   * @default 60000
   */
  readonly cleanupInterval?: Milliseconds;
}

/** What a loader gets. */
export interface LoaderContext {
  /** Aborts when the last caller that waited for this load has aborted. */
  readonly signal: AbortSignal;
}

/** Produces the value of a missing key. */
export type Loader<V> = (context: LoaderContext) => V | PromiseLike<V>;

/** What `getOrSet` takes besides the loader. */
export interface GetOrSetOptions<V> {
  /**
   * As in `set`, or a function that learns it from the loaded value; 0 or less gives the value to those who wait and
   * stores nothing.
   */
  readonly ttl?: Milliseconds | ((value: V) => Milliseconds) | undefined;
  readonly tags?: readonly string[] | undefined;
  /** Rejects this caller alone, with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

/** The options of a `ResponseCache`, checked and complete. */
export type CacheSettings<V> = MemorySettings<V> & Required<Pick<CacheConfig<V>, 'cleanupInterval'>>;

export function cacheSettings<V>(subject: string, config: CacheConfig<V>): CacheSettings<V> {
  const memory = memorySettings(subject, config);
  const interval = numberOption(subject, 'cleanupInterval', config.cleanupInterval, 60_000);
  return Object.freeze({ ...memory, cleanupInterval: interval === 0 ? Infinity : interval });
}

/** @throws TypeError when the ttl function returns no number, and what it throws */
export function lifetimeOf<V>(value: V, ttl: GetOrSetOptions<V>['ttl']): Milliseconds | undefined {
  if (typeof ttl !== 'function') return ttl;
  const lifetime: unknown = ttl(value);
  if (typeof lifetime === 'number') return lifetime;
  throw new TypeError(`Cannot store a loaded value: its ttl function must return a number, got ${typeof lifetime}`);
}
