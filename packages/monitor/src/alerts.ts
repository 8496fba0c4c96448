import type { PerformanceAlert } from './events.ts';
import type { PerformanceMetrics } from './metrics.ts';
import { ALERT_TYPES, type AlertThresholds, type AlertType } from './options.ts';

/** Fewer requests than this in the window start no alert on latency or errors: one slow request is no outage. */
const FEWEST_SAMPLES = 10;
/** How far back from its threshold a figure must come before the alert ends. */
const HYSTERESIS = 0.1;

interface Rule {
  readonly metric: keyof PerformanceMetrics & (AlertType | 'averageLatency');
  /** 1 where the figure should be at most the threshold, -1 where at least. */
  readonly sign: 1 | -1;
  readonly needs?: 'samples' | 'fullWindow';
  readonly title: string;
  readonly unit: string;
}

const RULES: Readonly<Record<AlertType, Rule>> = {
  latency: { metric: 'averageLatency', sign: 1, needs: 'samples', title: 'Average latency', unit: ' ms' },
  errorRate: { metric: 'errorRate', sign: 1, needs: 'samples', title: 'Error rate', unit: ' %' },
  throughput: { metric: 'throughput', sign: -1, needs: 'fullWindow', title: 'Throughput', unit: ' req/s' },
  memoryUsage: { metric: 'memoryUsage', sign: 1, title: 'Memory usage', unit: ' %' },
  cpuUsage: { metric: 'cpuUsage', sign: 1, title: 'CPU usage', unit: ' %' },
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

  check({ metrics, samples, windowFull }: AlertInput): AlertChange[] {
    const changes: AlertChange[] = [];
    for (const type of ALERT_TYPES) {
      const threshold = this.#thresholds[type];
      if (threshold === undefined) continue;
      const { metric, sign, needs } = RULES[type];
      const value = metrics[metric];
      if (this.#firing.has(type)) {
        if (sign * value > sign * threshold * (1 - sign * HYSTERESIS)) continue;
        this.#firing.delete(type);
        changes.push({ event: 'alertResolved', alert: describe(type, value, threshold, 'is back at') });
      } else if (sign * value > sign * threshold) {
        if (needs === 'samples' ? samples < FEWEST_SAMPLES : needs === 'fullWindow' && !windowFull) continue;
        this.#firing.add(type);
        changes.push({ event: 'alert', alert: describe(type, value, threshold, 'is at') });
      }
    }
    return changes;
  }
}

function describe(type: AlertType, value: number, threshold: number, verb: string): PerformanceAlert {
  const { title, unit, sign } = RULES[type];
  const rounded = Number(value.toPrecision(4));
  const limit = sign === 1 ? 'at most' : 'at least';
  const message = `${title} ${verb} ${rounded}${unit}, should be ${limit} ${threshold}${unit}`;
  return { type, value, threshold, message };
}
