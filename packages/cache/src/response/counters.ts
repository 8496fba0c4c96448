import type { CacheMetrics, MemoryCacheMetrics } from '../metrics.ts';
import type { SizeEstimate } from '../policies/what-if.ts';
import type { Milliseconds } from '../units.ts';

/** What a `ResponseCache` counts. Plain fields: to ask whether they are wanted would cost more than to count. */
export class Counters {
  hits = 0;
  stale = 0;
  /** Reads that counted as a miss, or as coalesced, and were given a value out of date in the end. */
  fallbacks = 0;
  misses = 0;
  coalesced = 0;
  loads = 0;
  loadErrors = 0;
  loadTimeouts = 0;
  refreshes = 0;
  notModified = 0;
  storeErrors = 0;
  storeHits = 0;
  invalidations = 0;
  fenced = 0;
  audits = 0;
  outdated = 0;
  timeSaved: Milliseconds = 0;
}

/** What a cache without a second tier, or without a bus, shows of it: nothing that could raise an alarm. */
const NO_TIERS = {
  storeAvailable: 1,
  storeTimeouts: 0,
  storeFailures: 0,
  queuedInvalidations: 0,
  busHealthy: 1,
  busSuspicions: 0,
};
export type TierMetrics = Readonly<typeof NO_TIERS>;

export function cacheMetrics(
  { timeSaved, fallbacks, ...counters }: Counters,
  memory: MemoryCacheMetrics,
  pending: number,
  tiers: Partial<TierMetrics> = {},
  sizes?: SizeEstimate,
): CacheMetrics {
  const { hits, stale, misses, audits, outdated } = counters;
  return Object.freeze({
    ...memory,
    ...counters,
    stale: stale + fallbacks,
    hitRate: percent(hits + stale, hits + stale + misses),
    secondsSaved: timeSaved / 1000,
    pending,
    ...NO_TIERS,
    ...tiers,
    stalenessRate: percent(outdated, audits),
    hitRateAtHalf: sizes && 100 * sizes.half,
    hitRateAtDouble: sizes && 100 * sizes.double,
    hitRateAtQuadruple: sizes && 100 * sizes.quadruple,
  });
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : (100 * part) / whole;
}
