import type { Milliseconds } from './options.ts';

/**
 * At any moment `totalRequests` is the sum of the fulfilled, `errors`, `timeouts`, `aborted` and `pendingRequests`. It
 * counts callers, also those whose request was deduplicated.
 */
export interface BatcherMetrics {
  /** Calls of `process`. */
  readonly totalBatches: number;
  /** Callers that were let in. */
  readonly totalRequests: number;
  readonly averageBatchSize: number;
  /** Over the batches that have ended. */
  readonly averageProcessingTime: Milliseconds;
  /** Callers rejected because their request or its batch ran out of time. */
  readonly timeouts: number;
  /** Callers rejected because `process` failed, for their request or as a whole. */
  readonly errors: number;
  /** Callers that wait, queued or in flight. */
  readonly pendingRequests: number;
  /** Callers that joined an equal request. */
  readonly deduplicated: number;
  /** Callers that left by their signal. */
  readonly aborted: number;
  /** Callers that were refused: the queue was full or the batcher closed. */
  readonly rejected: number;
  readonly inFlightBatches: number;
  /** Groups that have a request queued or in flight. */
  readonly groups: number;
}

export type MetricKinds = Readonly<Record<keyof BatcherMetrics, 'counter' | 'gauge'>>;

export const metricKinds: MetricKinds = Object.freeze({
  totalBatches: 'counter',
  totalRequests: 'counter',
  averageBatchSize: 'gauge',
  averageProcessingTime: 'gauge',
  timeouts: 'counter',
  errors: 'counter',
  pendingRequests: 'gauge',
  deduplicated: 'counter',
  aborted: 'counter',
  rejected: 'counter',
  inFlightBatches: 'gauge',
  groups: 'gauge',
});

/** What the batcher counts as it goes, under the names of {@link BatcherMetrics}, and the sums behind the averages. */
export class Counts {
  totalBatches = 0;
  totalRequests = 0;
  timeouts = 0;
  errors = 0;
  pendingRequests = 0;
  deduplicated = 0;
  aborted = 0;
  rejected = 0;
  inFlightBatches = 0;
  batchedRequests = 0;
  processingTime = 0;

  snapshot(groups: number): BatcherMetrics {
    const { batchedRequests, processingTime, ...counts } = this;
    const ended = counts.totalBatches - counts.inFlightBatches;
    return Object.freeze({
      ...counts,
      groups,
      averageBatchSize: counts.totalBatches === 0 ? 0 : batchedRequests / counts.totalBatches,
      averageProcessingTime: ended === 0 ? 0 : processingTime / ended,
    });
  }
}
