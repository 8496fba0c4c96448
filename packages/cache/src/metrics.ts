import type { Bytes, Percent } from './units.ts';

/** What a `MemoryCache` counts and holds. */
export interface MemoryCacheMetrics {
  /** Entries held. */
  readonly size: number;
  /** The bound on them. */
  readonly maxSize: number;
  /** Reads that found a value. */
  readonly hits: number;
  /** Reads that found none. */
  readonly misses: number;
  /** Entries that left for room. */
  readonly evictions: number;
  /** Entries that left by time. */
  readonly expirations: number;
  /** hits of hits + misses; 0 before the first read. */
  readonly hitRate: Percent;
  /** Bytes held; 0 when bytes are not counted. */
  readonly totalSize: Bytes;
  /** Bytes per entry. */
  readonly averageSize: Bytes;
}

/** What a `ResponseCache` counts and holds. */
export interface CacheMetrics extends MemoryCacheMetrics {
  /** Calls of `getOrSet` that shared a load which another had started; neither hits nor misses. */
  readonly coalesced: number;
  /** Loaders called. */
  readonly loads: number;
  /** Loads that failed while somebody waited; one that every caller has left is given up, and its end no failure. */
  readonly loadErrors: number;
  /** Loaded values that could not be stored because `ttl` or `sizeOf` failed; each is a `cacheError` too. */
  readonly storeErrors: number;
  /** Entries removed by `invalidate`, `invalidateTag` and `invalidatePattern`. */
  readonly invalidations: number;
  /** Loads that somebody waits for now. */
  readonly pending: number;
}

/** Whether each metric only grows or goes up and down. */
export type MetricKinds<Metrics> = Readonly<Record<keyof Metrics, 'counter' | 'gauge'>>;

export const MEMORY_METRIC_KINDS: MetricKinds<MemoryCacheMetrics> = Object.freeze({
  size: 'gauge',
  maxSize: 'gauge',
  hits: 'counter',
  misses: 'counter',
  evictions: 'counter',
  expirations: 'counter',
  hitRate: 'gauge',
  totalSize: 'gauge',
  averageSize: 'gauge',
});

export const METRIC_KINDS: MetricKinds<CacheMetrics> = Object.freeze({
  ...MEMORY_METRIC_KINDS,
  coalesced: 'counter',
  loads: 'counter',
  loadErrors: 'counter',
  storeErrors: 'counter',
  invalidations: 'counter',
  pending: 'gauge',
});
