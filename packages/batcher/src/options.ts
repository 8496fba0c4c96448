import {
  clockOption,
  functionOption,
  numberOption,
  objectOption,
  optionNames,
  type Clock,
  type OptionNames,
} from '@forge/internal';

/** A duration or, where it is called so, an instant of a monotonic clock, in ms. */
export type Milliseconds = number;

/** The requests of one batch, in the order in which they were added. */
export type BatchRequest<Req> = readonly Req[];

/**
 * The results of one batch, by position, and no promises of them; an `Error`, of any realm, fails the request in its
 * position and no other.
 */
export type BatchResponse<Res> = readonly (Res | Error)[];

/** What `process` is told beside the requests. */
export interface BatchContext {
  /** Fires when the result is of no use any more: `batchTimeout` has passed or no caller of the batch is left. */
  readonly signal: AbortSignal;
  /** What `groupBy` gave for each of the requests; the empty string without it. */
  readonly group: string;
}

export interface BatchConfig<Req, Res> {
  /**
   * Answers a batch: one result for each request, by position. What it throws or rejects with rejects each of them.
   * It never runs inside a call of the batcher, and sees no caller's `AsyncLocalStorage`, but the state in which the
   * batcher was constructed.
   */
  process(
    this: void,
    requests: BatchRequest<Req>,
    context: BatchContext,
  ): BatchResponse<Res> | PromiseLike<BatchResponse<Res>>;
  /** Only requests with the same group share a batch. @default one group */
  groupBy?(this: void, request: Req): string;
  /**
   * Requests of one group with the same key share one place in a batch, and its result, from the moment the first is
   * queued until it is settled; undefined shares with nobody. @default undefined for each
   */
  dedupeBy?(this: void, request: Req): string | undefined;
  /**
   * Requests in one call of `process`; a batch that is full leaves without waiting for its window, and with 1 in the next
   * promise job. @default 1000
   */
  readonly maxBatchSize?: number;
  /**
   * Window in which a batch collects, counted from its first request. 0 collects until the end of the promise-job
   * queue, at no cost in time; `Infinity` collects until the batch is full or flushed. @default 0
   */
  readonly maxWaitTime?: Milliseconds;
  /** Bound on one call of `process`. @default 30_000 */
  readonly batchTimeout?: Milliseconds;
  /** Bound on one request, its time in the queue included. @default Infinity */
  readonly requestTimeout?: Milliseconds;
  /**
   * Calls of `process` at a time, for each group. With all taken, requests collect until one returns: the busier
   * `process` is, the larger its batches. @default 1
   */
  readonly maxConcurrency?: number;
  /** Queued requests over all groups, those in flight and deduplicated ones not counted. @default 10_000 */
  readonly maxQueueSize?: number;
  /** Monotonic time. @default performance.now() */
  readonly clock?: Clock;
}

/** What one caller may say about a request. */
export interface RequestOptions {
  /** Its abort rejects this caller with `signal.reason`; the request itself is dropped with its last caller. */
  readonly signal?: AbortSignal | undefined;
  /**
   * An instant of the batcher's clock, not a duration, after which the result is of no use; `requestTimeout` may come
   * earlier. @default Infinity
   */
  readonly deadline?: Milliseconds | undefined;
}

const NAMES: OptionNames<BatchConfig<never, never>> = {
  process: true,
  groupBy: true,
  dedupeBy: true,
  maxBatchSize: true,
  maxWaitTime: true,
  batchTimeout: true,
  requestTimeout: true,
  maxConcurrency: true,
  maxQueueSize: true,
  clock: true,
};

export function resolveConfig<Req, Res>(config: BatchConfig<Req, Res>): Readonly<Required<BatchConfig<Req, Res>>> {
  const subject = 'create a RequestBatcher';
  objectOption(subject, 'the config', config);
  optionNames(subject, config, NAMES);
  const { process, groupBy = () => '', dedupeBy = () => undefined } = config;
  functionOption(subject, 'process', process);
  functionOption(subject, 'groupBy', groupBy);
  functionOption(subject, 'dedupeBy', dedupeBy);
  const count = { min: 1, integer: true };
  return Object.freeze({
    process,
    groupBy,
    dedupeBy,
    maxBatchSize: numberOption(subject, 'maxBatchSize', config.maxBatchSize, 1000, count),
    maxWaitTime: numberOption(subject, 'maxWaitTime', config.maxWaitTime, 0),
    batchTimeout: numberOption(subject, 'batchTimeout', config.batchTimeout, 30_000, { min: 1 }),
    requestTimeout: numberOption(subject, 'requestTimeout', config.requestTimeout, Infinity, { min: 1 }),
    maxConcurrency: numberOption(subject, 'maxConcurrency', config.maxConcurrency, 1, count),
    maxQueueSize: numberOption(subject, 'maxQueueSize', config.maxQueueSize, 10_000, count),
    clock: clockOption(subject, config.clock),
  });
}
