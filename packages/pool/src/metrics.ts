/**
 * Counters since the pool was made and gauges of now. Every `acquire`, and every `tryAcquire` that does not return
 * undefined, ends in exactly one of `acquired`, `timeouts`, `aborted` and `rejected`, every lease in `released`, every
 * connection of `created` in `destroyed`.
 */
export type PoolMetrics = {
  readonly totalConnections: number;
  /** Connections without a lease, ready to be leased: one under check is not. */
  readonly availableConnections: number;
  /** Connections with at least one lease. */
  readonly inUseConnections: number;
  readonly created: number;
  readonly destroyed: number;
  readonly acquired: number;
  /** Leases that ended, by release or by destroy. */
  readonly released: number;
  /** Callers that waited longer than their timeout. */
  readonly timeouts: number;
  /** Errors of connections and of the functions that make, check and end them: the number of connectionError events. */
  readonly errors: number;
  /** Leases / (connections × concurrency), 0..100. */
  readonly utilizationRate: number;
  /** Callers that wait now. */
  readonly pending: number;
  readonly creating: number;
  readonly leases: number;
  /** Callers refused: the queue was full, the pool closed, or a create failed on them. */
  readonly rejected: number;
  /** Callers that aborted. */
  readonly aborted: number;
  /** Connections destroyed for their age or their number of uses. */
  readonly retired: number;
  /** Leases held for longer than `leakThreshold`, and forgotten ones. */
  readonly leaked: number;
  /** 1 while creates are not even tried, since too many failed, else 0. */
  readonly unavailable: number;
  /** Connections that the load of the last seconds needs, with what chance adds to it; 0 until that is known. */
  readonly recommendedSize: number;
};

/** Called with each measured duration, in ms. */
export type MeasureListener = (name: string, value: number) => void;

/** Which of the metrics only grow and which move both ways. */
export type MetricKinds = Readonly<Record<keyof PoolMetrics, 'counter' | 'gauge'>>;

export const metricKinds: MetricKinds = Object.freeze({
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
});
