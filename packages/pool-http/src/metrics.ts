import type { KeyedPoolMetrics } from '@forge/pool';

/** Counters since the pool was made and gauges of now: those of a KeyedPool of `@forge/pool`, and what only HTTP has. */
export interface HttpPoolMetrics extends KeyedPoolMetrics {
  /** Origins that are remembered. */
  readonly origins: number;
  /** Endpoints of these that are known. */
  readonly endpoints: number;
  /** Endpoints of these that get no requests for a while, because those that they got failed. */
  readonly ejected: number;
  /** Requests that left a connection which had closed before they were written, for another. */
  readonly moved: number;
}

/** Which of the metrics only grow and which move both ways. */
export type HttpMetricKinds = Readonly<Record<keyof HttpPoolMetrics, 'counter' | 'gauge'>>;

export const metricKinds: HttpMetricKinds = Object.freeze({
  totalConnections: 'gauge',
  availableConnections: 'gauge',
  inUseConnections: 'gauge',
  created: 'counter',
  destroyed: 'counter',
  acquired: 'counter',
  released: 'counter',
  timeouts: 'counter',
  errors: 'counter',
  utilizationRate: 'gauge',
  pending: 'gauge',
  creating: 'gauge',
  leases: 'gauge',
  rejected: 'counter',
  aborted: 'counter',
  retired: 'counter',
  leaked: 'counter',
  unavailable: 'gauge',
  recommendedSize: 'gauge',
  keys: 'gauge',
  waitingKeys: 'gauge',
  origins: 'gauge',
  endpoints: 'gauge',
  ejected: 'gauge',
  moved: 'counter',
});
