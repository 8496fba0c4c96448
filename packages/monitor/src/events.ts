import type { MonitorError } from './errors.ts';
import type { AlertType } from './options.ts';

/** A threshold that was crossed, or that holds again. */
export interface PerformanceAlert {
  readonly type: AlertType;
  /** The figure when it was checked, in the unit of the threshold. */
  readonly value: number;
  readonly threshold: number;
  readonly message: string;
}

export interface PerformanceEvents {
  /** A threshold was crossed; not repeated while it stays crossed. */
  alert: [PerformanceAlert];
  /** A threshold that was crossed holds again. */
  alertResolved: [PerformanceAlert];
  /** `reset()` was called. */
  metricsReset: [{ readonly requestCount: number }];
  /** An observed source began to fail; not repeated until it has worked again. */
  sourceError: [{ readonly source: string; readonly error: MonitorError }];
}
