import type { Milliseconds, Percent, Ratio } from './options.ts';

/** What `getMetrics()` returns. Where there is nothing to speak of yet, a figure is 0. */
export interface PerformanceMetrics {
  /** Requests since the start or the last `reset()`; all other request figures are over the window. */
  readonly requestCount: number;
  readonly averageLatency: Milliseconds;
  readonly p50Latency: Milliseconds;
  readonly p95Latency: Milliseconds;
  readonly p99Latency: Milliseconds;
  readonly errorRate: Percent;
  /**
   * Requests per second over the window, or over the time since the start while that is shorter, but never over less than
   * a second: the first request after 1 ms is no 1000 requests per second.
   */
  readonly throughput: number;
  /** Resident memory as a share of what the container or the machine gives. */
  readonly memoryUsage: Percent;
  /** CPU time over the last sample as a share of all cores that the process may use. */
  readonly cpuUsage: Percent;
  /** What `recordConnectionCount` last said. */
  readonly activeConnections: number;
  /** How long the event loop kept others waiting, over the last sample. */
  readonly p50EventLoopDelay: Milliseconds;
  readonly p99EventLoopDelay: Milliseconds;
  readonly maxEventLoopDelay: Milliseconds;
  /** The share of the last sample in which the event loop was not idle. */
  readonly eventLoopUtilization: Ratio;
}

/** What is not named is a gauge. */
export const METRIC_KINDS: Readonly<Partial<Record<keyof PerformanceMetrics, 'counter' | 'gauge'>>> = Object.freeze({
  requestCount: 'counter',
});
