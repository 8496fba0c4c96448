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

/** What a `ResponseCache` counts and holds. A read is a hit, stale, coalesced or a miss. */
export interface CacheMetrics extends MemoryCacheMetrics {
  /** Reads that were given a value out of date. */
  readonly stale: number;
  /** Calls of `getOrSet` that shared a load which another had started. */
  readonly coalesced: number;
  /** hits + stale of hits + stale + misses; 0 before the first read. */
  readonly hitRate: Percent;
  /** Loaders called. */
  readonly loads: number;
  /** Of these, ones that began while a value was served: in the background. */
  readonly refreshes: number;
  /** Of these, ones that confirmed the previous value. */
  readonly notModified: number;
  /** Loads that failed while somebody waited; one that every caller has left is given up, and its end no failure. */
  readonly loadErrors: number;
  /** Of these, ones that took longer than `hardTimeout`. */
  readonly loadTimeouts: number;
  /** Loaded values that were not stored because an invalidation came while they loaded. */
  readonly fenced: number;
  /** Loaded values that could not be stored because `ttl`, `sizeOf` or the codec failed; each is a `cacheError` too. */
  readonly storeErrors: number;
  /** Entries removed by an invalidation. */
  readonly invalidations: number;
  /** What loading the values took that were served from here, once for each hit. */
  readonly secondsSaved: number;
  /** Loads that somebody waits for, and writes to the second tier, that run now. */
  readonly pending: number;
  /** Misses that the second tier answered. */
  readonly storeHits: number;
  /** 1 while the second tier is asked, 0 while it is given up. */
  readonly storeAvailable: number;
  /** Calls of the second tier that took longer than `storeTimeout`. */
  readonly storeTimeouts: number;
  /** Calls of the second tier that failed otherwise. */
  readonly storeFailures: number;
  /** Invalidations that wait until the second tier can be told. */
  readonly queuedInvalidations: number;
  /** 1 while the bus is whole, 0 while invalidations of others may be missed. */
  readonly busHealthy: number;
  /** Times that invalidations of others may have been missed. */
  readonly busSuspicions: number;
  /** Hits that were compared with the second tier: 1 in 1000. */
  readonly audits: number;
  /** Of these, ones that differed from it. */
  readonly outdated: number;
  /** outdated of audits: how much of what is served is stale unawares. */
  readonly stalenessRate: Percent;
  /** What the hit rate would be with half the room, told by a simulation of a sample of the keys; undefined until it can tell. */
  readonly hitRateAtHalf: Percent | undefined;
  readonly hitRateAtDouble: Percent | undefined;
  readonly hitRateAtQuadruple: Percent | undefined;
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
  stale: 'counter',
  coalesced: 'counter',
  loads: 'counter',
  refreshes: 'counter',
  notModified: 'counter',
  loadErrors: 'counter',
  loadTimeouts: 'counter',
  fenced: 'counter',
  storeErrors: 'counter',
  invalidations: 'counter',
  secondsSaved: 'counter',
  pending: 'gauge',
  storeHits: 'counter',
  storeAvailable: 'gauge',
  storeTimeouts: 'counter',
  storeFailures: 'counter',
  queuedInvalidations: 'gauge',
  busHealthy: 'gauge',
  busSuspicions: 'counter',
  audits: 'counter',
  outdated: 'counter',
  stalenessRate: 'gauge',
  hitRateAtHalf: 'gauge',
  hitRateAtDouble: 'gauge',
  hitRateAtQuadruple: 'gauge',
});
