import { functionOption, monotonic, numberOption, type Clock } from '@forge/internal';

export type Milliseconds = number;
export type Bytes = number;
/** 0..100 */
export type Percent = number;
/** 0..1 */
export type Ratio = number;

/** What an {@link AlertThresholds} can watch; also the `type` of an alert. */
export type AlertType = 'latency' | 'errorRate' | 'throughput' | 'memoryUsage' | 'cpuUsage';

/** Each is watched when it is given. */
export interface AlertThresholds {
  /** `averageLatency` above this, in ms. */
  readonly latency?: Milliseconds;
  /** `errorRate` above this, in percent. */
  readonly errorRate?: Percent;
  /** `throughput` below this, in requests per second. */
  readonly throughput?: number;
  /** `memoryUsage` above this, in percent of the memory limit. */
  readonly memoryUsage?: Percent;
  /** `cpuUsage` above this, in percent of the cores. */
  readonly cpuUsage?: Percent;
}

export interface PerformanceConfig {
  /**
   * How often resources are sampled and thresholds checked, in ms. 0 = off: resources are sampled when they are read, and
   * no threshold is checked.
   *
   * @default 10_000
   */
  readonly metricsInterval?: Milliseconds;
  /**
   * How many raw latencies are kept. While the window holds no more requests than that, its quantiles are exact.
   *
   * @default 1000
   */
  readonly latencyHistorySize?: number;
  readonly alertThresholds?: AlertThresholds;
  /**
   * What `getMetrics()` and `snapshot()` look back on, in ms; at least 1000.
   *
   * @default 60_000
   */
  readonly window?: Milliseconds;
  /**
   * How many series a metric may have before new label values go to its overflow series.
   *
   * @default 1000
   */
  readonly maxSeries?: number;
  /** Monotonic time. @default performance.now */
  readonly clock?: { now(): Milliseconds };
}

export interface ResolvedConfig {
  readonly metricsInterval: Milliseconds;
  readonly latencyHistorySize: number;
  readonly alertThresholds: AlertThresholds;
  readonly window: Milliseconds;
  readonly maxSeries: number;
  readonly clock: Clock;
}

const SUBJECT = 'create a PerformanceMonitor';
/** Above this `setInterval` fires at once. */
const LONGEST_INTERVAL = 2 ** 31 - 1;

/** The most that each threshold may be; a percentage that is never reached would be a rule that never speaks. */
const THRESHOLD_MAX: Readonly<Record<AlertType, number>> = {
  latency: Infinity,
  errorRate: 100,
  throughput: Infinity,
  memoryUsage: 100,
  cpuUsage: 100,
};
export const ALERT_TYPES: readonly AlertType[] = Object.keys(THRESHOLD_MAX) as AlertType[];

/** @throws TypeError for a wrong type, RangeError for a wrong value */
export function resolveConfig(config: PerformanceConfig): ResolvedConfig {
  const integer = true;
  if (config.clock !== undefined) functionOption(SUBJECT, 'clock.now', Reflect.get(config.clock, 'now'));
  return Object.freeze({
    metricsInterval: numberOption(SUBJECT, 'metricsInterval', config.metricsInterval, 10_000, {
      max: LONGEST_INTERVAL,
    }),
    latencyHistorySize: numberOption(SUBJECT, 'latencyHistorySize', config.latencyHistorySize, 1000, {
      integer,
      max: 1_000_000,
    }),
    alertThresholds: resolveThresholds(config.alertThresholds ?? {}),
    window: numberOption(SUBJECT, 'window', config.window, 60_000, { min: 1000, max: LONGEST_INTERVAL }),
    maxSeries: numberOption(SUBJECT, 'maxSeries', config.maxSeries, 1000, { integer, min: 1 }),
    clock: config.clock ?? monotonic,
  });
}

function resolveThresholds(thresholds: AlertThresholds): AlertThresholds {
  for (const type of ALERT_TYPES) {
    numberOption(SUBJECT, `alertThresholds.${type}`, thresholds[type], 0, { max: THRESHOLD_MAX[type] });
  }
  return Object.freeze({ ...thresholds });
}
