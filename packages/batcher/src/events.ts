import type { Milliseconds } from './options.ts';

/** `process` answered: each request of the batch has its own result or its own error. */
export interface BatchProcessed {
  /** Counts the batches of one batcher from 1. */
  readonly id: number;
  readonly group: string;
  /** Requests in the batch; equal ones that were deduplicated count once. */
  readonly size: number;
  /** Requests to which `process` gave an `Error`. */
  readonly failed: number;
  readonly processingTime: Milliseconds;
}

/**
 * The batch as a whole came to nothing: `process` threw, rejected, took too long, gave a wrong number of results, or
 * lost its last caller; then `error` is the reason for which that caller left.
 */
export interface BatchFailed {
  readonly id: number;
  readonly group: string;
  readonly size: number;
  readonly error: unknown;
}

/** Each batch ends with exactly one of these, after its callers are settled. */
export interface BatcherEvents {
  batchProcessed: [event: BatchProcessed];
  batchError: [event: BatchFailed];
}
