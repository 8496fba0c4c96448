/**
 * Latency, throughput, errors and resources of a Node process, with true quantiles over a sliding window, and alerts.
 *
 * @example
 * import { PerformanceMonitor } from '@forge/monitor';
 *
 * const monitor = new PerformanceMonitor({ alertThresholds: { errorRate: 5 } });
 * monitor.on('alert', ({ message }) => console.warn(message));
 * const done = monitor.startRequest();
 * await work().then(() => done(), () => done({ error: true }));
 * console.log(monitor.getMetrics().p99Latency);
 * await monitor.close();
 *
 * @module
 */
export { PerformanceMonitor, type RequestOutcome } from './performance-monitor.ts';
export { MonitorError, type MonitorErrorCode } from './errors.ts';
export type { ReadonlyBins } from './bins.ts';
export type { PerformanceAlert, PerformanceEvents } from './events.ts';
export type { ExportedUnit, HistogramPoint, MetricFamily, Unit, ValueFamily, ValuePoint } from './families.ts';
export type {
  BoundCounter,
  BoundGauge,
  BoundHistogram,
  Counter,
  Gauge,
  Histogram,
  HistogramSnapshot,
  InstrumentOptions,
} from './instruments.ts';
export type { PerformanceMetrics } from './metrics.ts';
export type { AlertThresholds, AlertType, Bytes, Milliseconds, Percent, PerformanceConfig, Ratio } from './options.ts';
export type { MetricsSource, SourceLabels } from './sources.ts';
