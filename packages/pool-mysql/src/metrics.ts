import type { MetricKinds as PoolMetricKinds, PoolMetrics } from '@forge/pool';

/** The metrics of `@forge/pool`, and what is MySQL's. */
export interface MysqlPoolMetrics extends PoolMetrics {
  /** `connectionLimit`. */
  readonly maxConnections: number;
  /** `maxIdle`. */
  readonly maxIdleConnections: number;
  /** `min`. */
  readonly minConnections: number;
  /** Transactions that were open when their connection came back. */
  readonly abandonedTransactions: number;
  /** Statements that ended by their time or signal. */
  readonly stoppedQueries: number;
  /** Statements that were sent again, since they had provably not reached the server. */
  readonly retriedQueries: number;
  /** Times when the server was found read-only and all connections were replaced. */
  readonly failovers: number;
}

export type MetricKinds = Readonly<Record<keyof MysqlPoolMetrics, 'counter' | 'gauge'>>;

export function metricKindsOf(kinds: PoolMetricKinds): MetricKinds {
  return Object.freeze({
    ...kinds,
    maxConnections: 'gauge',
    maxIdleConnections: 'gauge',
    minConnections: 'gauge',
    abandonedTransactions: 'counter',
    stoppedQueries: 'counter',
    retriedQueries: 'counter',
    failovers: 'counter',
  });
}
