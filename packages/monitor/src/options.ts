import {
  clockOption,
  LONGEST_DELAY,
  numberOption,
  objectOption,
  optionNames,
  type Clock,
  type OptionNames,
} from '@forge/internal';

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
   * How often resources are sampled and thresholds checked, in ms. 0 or Infinity = never: resources are then sampled when
   * they are read, over the time since whoever read before, and no threshold is checked. Several readers need an interval.
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
  /** Infinity = never. */
  readonly metricsInterval: Milliseconds;
  readonly latencyHistorySize: number;
  readonly alertThresholds: AlertThresholds;
  readonly window: Milliseconds;
  readonly maxSeries: number;
  readonly clock: Clock;
}

const SUBJECT = 'create a PerformanceMonitor';

const NAMES: OptionNames<PerformanceConfig> = {
  metricsInterval: true,
  latencyHistorySize: true,
  alertThresholds: true,
  window: true,
  maxSeries: true,
  clock: true,
};

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
  objectOption(SUBJECT, 'the config', config);
  optionNames(SUBJECT, config, NAMES);
  const integer = true;
  const { alertThresholds = {}, latencyHistorySize, maxSeries } = config;
  const interval = numberOption(SUBJECT, 'metricsInterval', config.metricsInterval, 10_000);
  return Object.freeze({
    metricsInterval: interval === 0 ? Infinity : interval,
    latencyHistorySize: numberOption(SUBJECT, 'latencyHistorySize', latencyHistorySize, 1000, {
      integer,
      max: 1_000_000,
    }),
    alertThresholds: resolveThresholds(alertThresholds),
    window: numberOption(SUBJECT, 'window', config.window, 60_000, { min: 1000, max: LONGEST_DELAY }),
    maxSeries: numberOption(SUBJECT, 'maxSeries', maxSeries, 1000, { integer, min: 1 }),
    clock: clockOption(SUBJECT, config.clock),
  });
}

function resolveThresholds(thresholds: AlertThresholds): AlertThresholds {
  objectOption(SUBJECT, 'alertThresholds', thresholds);
  optionNames(SUBJECT, thresholds, THRESHOLD_MAX);
  for (const type of ALERT_TYPES) {
    numberOption(SUBJECT, `alertThresholds.${type}`, thresholds[type], 0, { max: THRESHOLD_MAX[type] });
  }
  return Object.freeze({ ...thresholds });
}
