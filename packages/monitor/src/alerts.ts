import type { PerformanceAlert } from './events.ts';
import type { PerformanceMetrics } from './metrics.ts';
import { ALERT_TYPES, type AlertThresholds, type AlertType } from './options.ts';

/** Fewer requests than this in the window start no alert on latency or errors: one slow request is no outage. */
const FEWEST_SAMPLES = 10;
/** How far back from its threshold a figure must come before the alert ends. */
const HYSTERESIS = 0.1;

interface Rule {
  readonly metric: keyof PerformanceMetrics & (AlertType | 'averageLatency');
  readonly breach: 'above' | 'below';
  readonly needs?: 'samples' | 'fullWindow';
  readonly title: string;
  readonly unit: string;
}

const RULES: Readonly<Record<AlertType, Rule>> = {
  latency: { metric: 'averageLatency', breach: 'above', needs: 'samples', title: 'Average latency', unit: ' ms' },
  errorRate: { metric: 'errorRate', breach: 'above', needs: 'samples', title: 'Error rate', unit: ' %' },
  throughput: { metric: 'throughput', breach: 'below', needs: 'fullWindow', title: 'Throughput', unit: ' req/s' },
  memoryUsage: { metric: 'memoryUsage', breach: 'above', title: 'Memory usage', unit: ' %' },
  cpuUsage: { metric: 'cpuUsage', breach: 'above', title: 'CPU usage', unit: ' %' },
};

/** What a check is made on. */
export interface AlertInput {
  readonly metrics: PerformanceMetrics;
  /** Requests in the window. */
  readonly samples: number;
  /** Whether the window has passed once: before that, little traffic only means a young process. */
  readonly windowFull: boolean;
}

/** What a check found to have changed. */
export interface AlertChange {
  readonly event: 'alert' | 'alertResolved';
  readonly alert: PerformanceAlert;
}

/**
 * The thresholds and which of them are crossed.
 *
 * An alert starts at the first check at which its figure is beyond the threshold, and ends at the first at which the
 * figure has come back by a tenth of the threshold (for a threshold of 80 % at 72 %, for one of 10 req/s at 11 req/s), so
 * that a figure that wavers around its threshold is one alert and not many. Starting needs enough requests to speak of,
 * for throughput a window that has passed once; ending needs neither: when the traffic is gone, so is its latency.
 */
export class Alerts {
  readonly #thresholds: AlertThresholds;
  readonly #firing = new Set<AlertType>();

  constructor(thresholds: AlertThresholds) {
    this.#thresholds = thresholds;
  }

  check(input: AlertInput): AlertChange[] {
    const changes: AlertChange[] = [];
    for (const type of ALERT_TYPES) {
      const threshold = this.#thresholds[type];
      if (threshold === undefined) continue;
      const value = input.metrics[RULES[type].metric];
      if (this.#firing.has(type)) {
        if (!holdsAgain(RULES[type], value, threshold)) continue;
        this.#firing.delete(type);
        changes.push({ event: 'alertResolved', alert: describe(type, value, threshold, 'is back at') });
      } else if (crosses(RULES[type], value, threshold) && isFounded(RULES[type], input)) {
        this.#firing.add(type);
        changes.push({ event: 'alert', alert: describe(type, value, threshold, 'is at') });
      }
    }
    return changes;
  }
}

function crosses({ breach }: Rule, value: number, threshold: number): boolean {
  return breach === 'above' ? value > threshold : value < threshold;
}

function holdsAgain({ breach }: Rule, value: number, threshold: number): boolean {
  return breach === 'above' ? value <= threshold * (1 - HYSTERESIS) : value >= threshold * (1 + HYSTERESIS);
}

function isFounded({ needs }: Rule, { samples, windowFull }: AlertInput): boolean {
  if (needs === 'samples') return samples >= FEWEST_SAMPLES;
  return needs === undefined || windowFull;
}

function describe(type: AlertType, value: number, threshold: number, verb: string): PerformanceAlert {
  const { title, unit, breach } = RULES[type];
  const limit = breach === 'above' ? 'at most' : 'at least';
  const message = `${title} ${verb} ${round(value)}${unit}, should be ${limit} ${threshold}${unit}`;
  return { type, value, threshold, message };
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
