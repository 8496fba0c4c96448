/**
 * - `BATCH_CLOSED`: the request came after `close()`
 * - `BATCH_QUEUE_FULL`: `maxQueueSize` requests were queued already
 * - `BATCH_REQUEST_TIMEOUT`: `requestTimeout` or the request's own `deadline` passed before its result came
 * - `BATCH_TIMEOUT`: `process` took longer than `batchTimeout`
 * - `BATCH_RESULT_MISMATCH`: `process` did not return one result for each request
 */
export type BatchErrorCode =
  | 'BATCH_CLOSED'
  | 'BATCH_QUEUE_FULL'
  | 'BATCH_REQUEST_TIMEOUT'
  | 'BATCH_TIMEOUT'
  | 'BATCH_RESULT_MISMATCH';

/**
 * A failure of the batcher itself. What `process` throws, and a caller's `signal.reason`, reach the caller untouched.
 *
 * Test `error.code`, not `instanceof`: the ESM and the CommonJS copy may both be loaded.
 */
export class BatchError extends Error {
  override readonly name = 'BatchError';
  readonly code: BatchErrorCode;
  /** The group of the request or of the batch. */
  readonly group: string;

  constructor(code: BatchErrorCode, message: string, group: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.group = group;
  }
}
