import type { Milliseconds, Ratio } from '../../units.ts';

/** An entry that is fresh, in time. */
export interface Remaining {
  readonly left: Milliseconds;
  /** From its birth to its end. */
  readonly life: Milliseconds;
  /** What loading it took. */
  readonly loadTime: Milliseconds;
}

export interface EarlyRefresh {
  readonly refreshAhead: Ratio;
  readonly xfetchBeta: number;
}

/**
 * Whether a hit should load the value anew before it is stale.
 *
 * `refreshAhead` is a share of the life, the same for all. XFetch [1] draws lots: with a load that takes d ms, a hit t ms
 * before the end refreshes if −d·β·ln(u) ≥ t for a uniform u in (0, 1]. That is an exponential distribution of the moment
 * at which one process begins, so that of many the first begins early enough and hardly any with it; [1] shows β = 1 to be
 * optimal, and no form that looks at t alone to be better.
 *
 * 1. A. Vattani, F. Chierichetti, K. Lowenstein, Optimal Probabilistic Cache Stampede Prevention, VLDB 2015.
 *
 * @param random uniform in [0, 1)
 */
export function isDueEarly(
  { left, life, loadTime }: Remaining,
  { refreshAhead, xfetchBeta }: EarlyRefresh,
  random: () => number,
): boolean {
  if (left < life * refreshAhead) return true;
  return xfetchBeta > 0 && -loadTime * xfetchBeta * Math.log(1 - random()) >= left;
}
