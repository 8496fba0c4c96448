/**
 * Groups concurrent requests into batches, with a result, an error, a deadline and a cancellation for each.
 *
 * @example
 *   const users = new RequestBatcher({
 *     process: async (ids: readonly number[], { signal }) => {
 *       const rows = await db.users({ where: { id: ids }, signal });
 *       return ids.map((id) => rows.get(id) ?? new Error(`No user ${id}`));
 *     },
 *     dedupeBy: String,
 *   });
 *   const user = await users.addRequest(7);
 *
 * @module
 */
export { BatchError, type BatchErrorCode } from './errors.ts';
export type { BatcherEvents, BatchFailed, BatchProcessed } from './events.ts';
export type { BatcherMetrics, MetricKinds } from './metrics.ts';
export type {
  BatchConfig,
  BatchContext,
  BatchRequest,
  BatchResponse,
  Milliseconds,
  RequestOptions,
} from './options.ts';
export { RequestBatcher } from './request-batcher.ts';
export type { SettledResult } from './settled-results.ts';
