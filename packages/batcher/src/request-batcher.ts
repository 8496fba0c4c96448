import { AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import {
  Deadlines,
  emit,
  functionOption,
  Measures,
  numberOption,
  objectOption,
  signalOption,
  stringOption,
  type MeasureListener,
} from '@forge/internal';
import { Batch } from './batch.ts';
import { Callers, requestTimedOut } from './callers.ts';
import { BatchError } from './errors.ts';
import type { BatcherEvents } from './events.ts';
import { Group, type Slot } from './group.ts';
import { Counts, metricKinds, type BatcherMetrics, type MetricKinds } from './metrics.ts';
import {
  resolveConfig,
  type BatchConfig,
  type BatchResponse,
  type Milliseconds,
  type RequestOptions,
} from './options.ts';
import { afterPromiseJobs, asPromiseJob } from './promise-jobs.ts';
import { SettledResults, type SettledResult } from './settled-results.ts';

const ADD = 'add a request';
const ANY_INSTANT = { min: -Infinity };

/**
 * Groups concurrent requests into batches, and gives each caller its own result.
 *
 * It clocks itself: a batch leaves at the end of the promise-job queue when its group has a call of `process` free, so
 * that a lonely request loses no time; otherwise it collects until one returns, so that batches grow with the load.
 * Each operation is O(1) for each request; a deadline that is earlier than k pending ones costs k steps.
 *
 * A batch is in flight until `process` settles or its `signal` fires: a `process` that ignores the signal runs on
 * beside the next batch.
 *
 * @example
 *   const users = new RequestBatcher({ process: (ids: readonly number[]) => db.usersByIds(ids) });
 *   const [ada, alan] = await Promise.all([users.addRequest(1), users.addRequest(2)]); // one query
 */
export class RequestBatcher<Req, Res> extends EventEmitter<BatcherEvents> implements AsyncDisposable {
  /** Which of the {@link getMetrics} only grow. */
  readonly metricKinds: MetricKinds = metricKinds;

  readonly #config: Readonly<Required<BatchConfig<Req, Res>>>;
  readonly #groups = new Map<string, Group<Req, Res>>();
  readonly #counts = new Counts();
  readonly #measures = new Measures();
  /** The async context of whoever constructed the batcher: what `AsyncLocalStorage.snapshot()` keeps, entered cheaper. */
  readonly #neutral = new AsyncResource('RequestBatcher');
  readonly #callers: Callers<Req, Res>;
  // Apart, for within one kind of delay deadlines are added in order of time, and so in O(1).
  readonly #windows: Deadlines<Slot<Req, Res>>;
  readonly #batchDeadlines: Deadlines<Batch<Req, Res>>;
  /** Slots in all queues. */
  #queued = 0;
  /** Groups that `#dispatch` will look at. */
  #scheduled: Group<Req, Res>[] = [];
  readonly #drains: (() => void)[] = [];
  #closing: Promise<void> | undefined;

  /** @throws TypeError or RangeError when an option is of a wrong type or out of its range */
  constructor(config: BatchConfig<Req, Res>) {
    super();
    this.#config = resolveConfig(config);
    const { clock } = this.#config;
    this.#callers = new Callers(clock, this.#counts, (slot, reason) => {
      this.#desert(slot, reason);
    });
    this.#windows = new Deadlines(clock, (slot) => {
      this.#schedule(slot.group);
    });
    this.#batchDeadlines = new Deadlines(clock, (batch) => {
      this.#timeOut(batch);
    });
  }

  /**
   * Adds one request and gives its result. The promise rejects with a BatchError (any of its codes), with the `Error` in
   * the position of the request, with what `process` threw, or with `signal.reason`.
   *
   * @throws TypeError when an option is of a wrong type, or `groupBy` or `dedupeBy` gives no string; what these two throw
   */
  addRequest(request: Req, options: RequestOptions = {}): Promise<Res> {
    objectOption(ADD, 'the options', options);
    const { signal } = options;
    signalOption(ADD, signal);
    const deadline = numberOption(ADD, 'deadline', options.deadline, Infinity, ANY_INSTANT);
    const { clock, groupBy, dedupeBy, maxQueueSize, maxWaitTime, requestTimeout } = this.#config;
    // The user's functions come first: they may call the batcher, and what they leave is what is looked at below.
    const group = groupBy(request);
    stringOption(ADD, 'what groupBy returns', group);
    const key = dedupeBy(request);
    if (key !== undefined) stringOption(ADD, 'what dedupeBy returns', key);

    if (this.#closing !== undefined) return this.#refuse('BATCH_CLOSED', 'the batcher is closed', group);
    const timed = maxWaitTime > 0 || requestTimeout < Infinity || deadline < Infinity || this.#measures.active;
    const now = timed ? clock.now() : undefined;
    const at = now === undefined ? Infinity : Math.min(deadline, now + requestTimeout);
    if (signal?.aborted === true) return this.#callers.turnAway(signal.reason, 'aborted');
    if (now !== undefined && at <= now) {
      return this.#callers.turnAway(requestTimedOut(group, 'before it was added'), 'timeouts');
    }
    const shared = this.#join(group, key);
    if (shared === undefined && this.#queued >= maxQueueSize) {
      return this.#refuse('BATCH_QUEUE_FULL', `maxQueueSize is ${maxQueueSize}`, group);
    }
    return this.#callers.add(shared ?? this.#enqueue(request, group, key, now), signal, at);
  }

  /**
   * Adds all of `requests` at once and gives each result as it completes, failures too; `index` tells which it is.
   * It can be read once; leaving the loop early aborts the requests that are still pending.
   *
   * @throws TypeError when `requests` is no iterable or `signal` no AbortSignal; what {@link addRequest} throws, and then
   *   it adds none of them
   */
  addRequests(
    requests: Iterable<Req>,
    options: Pick<RequestOptions, 'signal'> = {},
  ): AsyncIterable<SettledResult<Res>> {
    const subject = 'add requests';
    functionOption(subject, 'the iterator of requests', (requests as Iterable<Req> | undefined)?.[Symbol.iterator]);
    objectOption(subject, 'the options', options);
    signalOption(subject, options.signal);
    return new SettledResults([...requests], options.signal, (request, signal) => this.addRequest(request, { signal }));
  }

  /** Sends what is queued without waiting for its window, as soon as its group has a call of `process` free. */
  flush(): void {
    for (const group of this.#groups.values()) {
      group.flush();
      this.#schedule(group);
    }
  }

  /** Resolves when nothing is queued or in flight; it hurries nothing and keeps nobody from adding. */
  drain(): Promise<void> {
    return new Promise((resolve) => {
      this.#drains.push(resolve);
      this.#announceIdle();
    });
  }

  /** Refuses new requests, sends the queued ones and resolves when all are settled. Idempotent. */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.flush();
      this.#closing = this.drain();
    }
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A frozen snapshot. */
  getMetrics(): BatcherMetrics {
    return this.#counts.snapshot(this.#groups.size);
  }

  /**
   * Calls `listener` with `batchSize` and, for each request, `wait` (queued, ms) when a batch leaves, and with
   * `process` (ms) when it ends. Returns the function that removes the listener.
   *
   * @throws TypeError when `listener` is no function
   */
  onMeasure(listener: MeasureListener): () => void {
    return this.#measures.add(listener);
  }

  #refuse(code: 'BATCH_CLOSED' | 'BATCH_QUEUE_FULL', reason: string, group: string): Promise<never> {
    this.#counts.rejected++;
    return Promise.reject(new BatchError(code, `Cannot add a request: ${reason}`, group));
  }

  /** The slot of an equal request; one in flight that all had left is awaited again. */
  #join(name: string, key: string | undefined): Slot<Req, Res> | undefined {
    const slot = key === undefined ? undefined : this.#groups.get(name)?.shared(key);
    if (slot === undefined) return undefined;
    if (slot.callers.size === 0 && slot.batch !== undefined) slot.batch.awaited++;
    this.#counts.deduplicated++;
    return slot;
  }

  #enqueue(request: Req, name: string, key: string | undefined, now: Milliseconds | undefined): Slot<Req, Res> {
    const { maxBatchSize, maxConcurrency, maxWaitTime } = this.#config;
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = new Group(name);
      this.#groups.set(name, group);
    }
    const slot = group.add(request, key, now);
    this.#queued++;
    if (maxWaitTime > 0 && now !== undefined) slot.window = this.#windows.add(slot, now + maxWaitTime);
    const leaves = maxWaitTime === 0 || group.queue.size >= maxBatchSize;
    if (leaves && group.inFlightBatches < maxConcurrency) this.#schedule(group);
    return slot;
  }

  /** Takes a slot out of its queue, into a batch or for good. */
  #dequeue(slot: Slot<Req, Res>): void {
    slot.group.queue.remove(slot);
    this.#queued--;
    if (slot.window !== undefined) this.#windows.remove(slot.window);
  }

  /** What nobody waits for any more goes with its last caller. */
  #desert(slot: Slot<Req, Res>, reason: unknown): void {
    const { group, batch } = slot;
    if (batch === undefined) {
      this.#dequeue(slot);
      group.unshare(slot);
      if (group.idle) this.#groups.delete(group.name);
      this.#announceIdle();
    } else if (--batch.awaited === 0) {
      this.#neutral.runInAsyncScope(() => {
        this.#fail(batch, reason, 'abandoned');
      });
    }
  }

  #schedule(group: Group<Req, Res>): void {
    if (group.scheduled) return;
    group.scheduled = true;
    if (this.#scheduled.push(group) > 1) return;
    // A batch that one request fills has nothing to collect.
    const soon = this.#config.maxBatchSize === 1 ? asPromiseJob : afterPromiseJobs;
    this.#neutral.runInAsyncScope(soon, undefined, this.#dispatch);
  }

  readonly #dispatch = (): void => {
    const groups = this.#scheduled;
    this.#scheduled = [];
    for (const group of groups) {
      group.scheduled = false;
      this.#serve(group);
    }
  };

  /** Sends what may leave, until `process` adds a request: that is scheduled, to collect like any other. */
  #serve(group: Group<Req, Res>): void {
    const { clock, maxBatchSize, maxConcurrency, maxWaitTime } = this.#config;
    while (!group.scheduled && group.inFlightBatches < maxConcurrency) {
      const now = clock.now();
      if (!group.isDue(maxBatchSize, maxWaitTime, now)) break;
      const slots = this.#take(group, now);
      if (slots.length > 0) this.#start(group, slots, now);
    }
  }

  /** The next slots of a group, less the callers whose deadline has passed. */
  #take(group: Group<Req, Res>, now: Milliseconds): Slot<Req, Res>[] {
    const slots: Slot<Req, Res>[] = [];
    let slot = group.queue.first;
    while (slot !== undefined && slots.length < this.#config.maxBatchSize) {
      const { next } = slot;
      this.#callers.expire(slot, now);
      if (slot.callers.size > 0) slots.push(slot);
      slot = next;
    }
    // Not before: a group whose queue is empty while its batch is not yet in flight would pass for idle.
    for (const taken of slots) this.#dequeue(taken);
    return slots;
  }

  #start(group: Group<Req, Res>, slots: readonly Slot<Req, Res>[], now: Milliseconds): void {
    const batch = new Batch(++this.#counts.totalBatches, group, slots, now);
    for (const slot of slots) slot.batch = batch;
    group.inFlightBatches++;
    this.#counts.inFlightBatches++;
    this.#counts.batchedRequests += slots.length;
    const { batchTimeout } = this.#config;
    if (batchTimeout < Infinity) batch.deadline = this.#batchDeadlines.add(batch, now + batchTimeout);
    void this.#run(batch);
    // After the call: a listener that aborts the callers finds a batch that has begun, with a signal to fire.
    if (!this.#measures.active) return;
    this.#measures.record('batchSize', slots.length);
    for (const { addedAt } of slots) if (addedAt !== undefined) this.#measures.record('wait', now - addedAt);
  }

  async #run(batch: Batch<Req, Res>): Promise<void> {
    const requests = batch.slots.map((slot) => slot.request);
    let results: BatchResponse<Res>;
    try {
      results = batch.checked(await this.#config.process(requests, batch.context));
    } catch (error) {
      this.#fail(batch, error, 'errors');
      return;
    }
    if (!batch.ended) this.#settle(batch, results);
  }

  #settle(batch: Batch<Req, Res>, results: BatchResponse<Res>): void {
    const { id, group, slots } = batch;
    const processingTime = this.#end(batch);
    let failed = 0;
    for (const [index, slot] of slots.entries()) {
      const result = results[index] as Res | Error;
      if (isError(result)) {
        failed++;
        this.#callers.reject(slot, result, 'errors');
      } else {
        this.#callers.resolve(slot, result);
      }
    }
    emit(this, 'batchProcessed', () => ({ id, group: group.name, size: slots.length, failed, processingTime }));
    this.#announceIdle();
  }

  /** Ends a batch that came to nothing. */
  #fail(batch: Batch<Req, Res>, error: unknown, why: 'errors' | 'timeouts' | 'abandoned'): void {
    if (batch.ended) return;
    const { id, group, slots } = batch;
    this.#end(batch);
    if (why !== 'abandoned') for (const slot of slots) this.#callers.reject(slot, error, why);
    if (why !== 'errors') batch.abort(error);
    emit(this, 'batchError', () => ({ id, group: group.name, size: slots.length, error }));
    this.#announceIdle();
  }

  #timeOut(batch: Batch<Req, Res>): void {
    const message = `Cannot complete batch ${batch.id}: batchTimeout, ${this.#config.batchTimeout} ms, has passed`;
    this.#fail(batch, new BatchError('BATCH_TIMEOUT', message, batch.group.name), 'timeouts');
  }

  /**
   * Frees the place of a batch and returns its processing time. It comes before the callers are settled: `resolve`
   * reads the `then` of a result, and a request that this adds must not join a slot that is being settled.
   */
  #end(batch: Batch<Req, Res>): Milliseconds {
    const { group, slots, startedAt, deadline } = batch;
    batch.ended = true;
    if (deadline !== undefined) this.#batchDeadlines.remove(deadline);
    for (const slot of slots) group.unshare(slot);
    group.inFlightBatches--;
    this.#counts.inFlightBatches--;
    if (group.idle) this.#groups.delete(group.name);
    else if (group.queue.size > 0) this.#schedule(group);
    const processingTime = this.#config.clock.now() - startedAt;
    this.#counts.processingTime += processingTime;
    if (this.#measures.active) this.#measures.record('process', processingTime);
    return processingTime;
  }

  #announceIdle(): void {
    if (this.#drains.length === 0 || this.#queued > 0 || this.#counts.inFlightBatches > 0) return;
    for (const resolve of this.#drains.splice(0)) resolve();
  }
}

/** An error of another realm, such as a vm context, is no instance of this realm's class. */
function isError(result: unknown): result is Error {
  if (typeof result !== 'object' || result === null) return false;
  return result instanceof Error || Object.prototype.toString.call(result) === '[object Error]';
}
