import type { PoolMetrics } from '@forge/pool';

/** Those of the pool, and its bounds. */
export type PgPoolMetrics = PoolMetrics & {
  /** Infinity where it is `auto`. */
  readonly max: number;
  readonly min: number;
};

/** Which of the metrics only grow and which move both ways. */
export type PgMetricKinds = Readonly<Record<keyof PgPoolMetrics, 'counter' | 'gauge'>>;
