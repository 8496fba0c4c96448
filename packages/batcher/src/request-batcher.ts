import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { Deadlines, emit, Measures, type MeasureListener } from '@forge/internal';
import { AbortWatch } from './abort-watch.ts';
import { Batch } from './batch.ts';
import { BatchError } from './errors.ts';
import type { BatcherEvents } from './events.ts';
import { Group, type Caller, type Slot } from './group.ts';
import { Counts, metricKinds, type BatcherMetrics, type MetricKinds } from './metrics.ts';
import {
  checkDeadline,
  checkKey,
  checkSignal,
  resolveConfig,
  type BatchConfig,
  type BatchResponse,
  type RequestOptions,
  type ResolvedConfig,
} from './options.ts';
import { afterPromiseJobs } from './promise-jobs.ts';
import { SettledResults, type SettledResult } from './settled-results.ts';

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
export class RequestBatcher<Req, Res> extends EventEmitter<BatcherEvents> {
  /** Which of the {@link getMetrics} only grow. */
  readonly metricKinds: MetricKinds = metricKinds;

  readonly #config: ResolvedConfig<Req, Res>;
  readonly #groups = new Map<string, Group<Req, Res>>();
  readonly #counts = new Counts();
  readonly #measures = new Measures();
  /** Runs a function in the async context of whoever constructed the batcher. */
  readonly #neutral = AsyncLocalStorage.snapshot();
  // One for each kind of delay: within a kind, deadlines are added in order of time, and so in O(1).
  readonly #windows: Deadlines<Slot<Req, Res>>;
  readonly #requestDeadlines: Deadlines<Caller<Req, Res>>;
  readonly #batchDeadlines: Deadlines<Batch<Req, Res>>;
  readonly #signals: AbortWatch<Caller<Req, Res>>;
  /** Slots in all queues. */
  #queued = 0;
  /** Groups to look at when the promise-job queue ends. */
  #scheduled: Group<Req, Res>[] = [];
  readonly #drains: (() => void)[] = [];
  #closing: Promise<void> | undefined;

  /** @throws TypeError or RangeError when an option is of a wrong type or out of its range */
  constructor(config: BatchConfig<Req, Res>) {
    super();
    this.#config = resolveConfig(config);
    const { clock } = this.#config;
    this.#windows = new Deadlines(clock, (slot) => {
      this.#schedule(slot.group);
    });
    this.#requestDeadlines = new Deadlines(clock, (caller) => {
      this.#timeOut(caller);
    });
    this.#batchDeadlines = new Deadlines(clock, (batch) => {
      this.#timeOutBatch(batch);
    });
    this.#signals = new AbortWatch((caller, reason) => {
      this.#leave(caller, reason, 'aborted');
    });
  }

  /**
   * Adds one request and gives its result. Whatever is wrong, it rejects and never throws.
   *
   * @throws BatchError BATCH_CLOSED, BATCH_QUEUE_FULL, BATCH_REQUEST_TIMEOUT, BATCH_TIMEOUT, BATCH_RESULT_MISMATCH;
   *   the `Error` in the position of the request; what `process`, `groupBy` or `dedupeBy` threw; `signal.reason`
   */
  addRequest(request: Req, options: RequestOptions = {}): Promise<Res> {
    return new Promise((resolve, reject) => {
      this.#admit(request, options, resolve, reject);
    });
  }

  /**
   * Adds all of `requests` at once and gives each result as it completes, failures too; `index` tells which it is.
   * It can be read once; leaving the loop early aborts the requests that are still pending.
   *
   * @throws TypeError when `requests` is no iterable or `signal` no AbortSignal
   */
  addRequests(
    requests: Iterable<Req>,
    { signal }: Pick<RequestOptions, 'signal'> = {},
  ): AsyncIterable<SettledResult<Res>> {
    checkSignal('add requests', signal);
    return new SettledResults([...requests], signal, (request, own) => this.addRequest(request, { signal: own }));
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
    if (this.#idle) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drains.push(resolve);
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
   */
  onMeasure(listener: MeasureListener): () => void {
    return this.#measures.add(listener);
  }

  get #idle(): boolean {
    return this.#queued === 0 && this.#counts.inFlightBatches === 0;
  }

  #admit(
    request: Req,
    { signal, deadline = Infinity }: RequestOptions,
    resolve: (value: Res) => void,
    reject: (reason: unknown) => void,
  ): void {
    const { clock, groupBy, dedupeBy, maxWaitTime, requestTimeout } = this.#config;
    checkSignal('add a request', signal);
    checkDeadline('add a request', deadline);
    // The user's functions come first: they may call the batcher, and what they leave is what is looked at below.
    const name = groupBy === undefined ? '' : checkKey('groupBy', groupBy(request));
    const key = dedupeBy?.(request);
    if (key !== undefined) checkKey('dedupeBy', key);
    if (this.#closing !== undefined) this.#refuse('BATCH_CLOSED', 'the batcher is closed', name);

    const timed = maxWaitTime > 0 || requestTimeout < Infinity || deadline < Infinity || this.#measures.active;
    const now = timed ? clock.now() : undefined;
    const at = now === undefined ? Infinity : Math.min(deadline, now + requestTimeout);
    if (signal?.aborted === true) {
      this.#counts.totalRequests++;
      this.#counts.aborted++;
      reject(signal.reason);
      return;
    }
    if (now !== undefined && at <= now) {
      this.#counts.totalRequests++;
      this.#counts.timeouts++;
      reject(requestTimedOut(name, 'before it was added'));
      return;
    }
    const slot = this.#join(name, key) ?? this.#enqueue(request, name, key, now);
    const caller = { slot, resolve, reject, signal, deadline: undefined, previous: undefined, next: undefined };
    this.#addCaller(caller, at);
  }

  #addCaller(caller: Caller<Req, Res>, at: number): void {
    caller.slot.callers.push(caller);
    if (at < Infinity) caller.deadline = this.#requestDeadlines.add(caller, at);
    if (caller.signal !== undefined) this.#signals.add(caller.signal, caller);
    this.#counts.totalRequests++;
    this.#counts.pendingRequests++;
  }

  #refuse(code: 'BATCH_CLOSED' | 'BATCH_QUEUE_FULL', reason: string, group: string): never {
    this.#counts.rejected++;
    throw new BatchError(code, `Cannot add a request: ${reason}`, group);
  }

  /** The slot of an equal request; one in flight that all had left is awaited again. */
  #join(name: string, key: string | undefined): Slot<Req, Res> | undefined {
    const slot = key === undefined ? undefined : this.#groups.get(name)?.shared(key);
    if (slot === undefined) return undefined;
    if (slot.callers.size === 0 && slot.batch !== undefined) slot.batch.awaited++;
    this.#counts.deduplicated++;
    return slot;
  }

  #enqueue(request: Req, name: string, key: string | undefined, now: number | undefined): Slot<Req, Res> {
    const { maxBatchSize, maxConcurrency, maxQueueSize, maxWaitTime } = this.#config;
    if (this.#queued >= maxQueueSize) this.#refuse('BATCH_QUEUE_FULL', `maxQueueSize is ${maxQueueSize}`, name);
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

  #schedule(group: Group<Req, Res>): void {
    if (group.scheduled) return;
    group.scheduled = true;
    if (this.#scheduled.push(group) === 1) this.#neutral(afterPromiseJobs, this.#dispatch);
  }

  readonly #dispatch = (): void => {
    const { clock, maxBatchSize, maxConcurrency, maxWaitTime } = this.#config;
    const groups = this.#scheduled;
    this.#scheduled = [];
    for (const group of groups) {
      group.scheduled = false;
      while (group.inFlightBatches < maxConcurrency && group.queue.size > 0) {
        const now = clock.now();
        if (!group.isDue(maxBatchSize, maxWaitTime, now)) break;
        const slots = this.#take(group, now);
        if (slots.length > 0) this.#start(group, slots, now);
      }
    }
  };

  /** The next slots of a group, less the callers whose deadline has passed though its timer is late. */
  #take(group: Group<Req, Res>, now: number): Slot<Req, Res>[] {
    const slots: Slot<Req, Res>[] = [];
    let slot = group.queue.first;
    while (slot !== undefined && slots.length < this.#config.maxBatchSize) {
      const { next } = slot;
      for (let caller = slot.callers.first; caller !== undefined;) {
        const other = caller.next;
        if (caller.deadline !== undefined && caller.deadline.at <= now) this.#timeOut(caller);
        caller = other;
      }
      if (slot.callers.size > 0) slots.push(slot);
      slot = next;
    }
    // Not before: a group whose queue is empty while its batch is not yet in flight would pass for idle.
    for (const taken of slots) this.#dequeue(taken);
    return slots;
  }

  #start(group: Group<Req, Res>, slots: readonly Slot<Req, Res>[], now: number): void {
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
      if (result instanceof Error) {
        failed++;
        this.#reject(slot, result, 'errors');
      } else {
        this.#resolve(slot, result);
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
    if (why !== 'abandoned') for (const slot of slots) this.#reject(slot, error, why);
    if (why !== 'errors') batch.abort(error);
    emit(this, 'batchError', () => ({ id, group: group.name, size: slots.length, error }));
    this.#announceIdle();
  }

  /**
   * Frees the place of a batch and returns its processing time. It comes before the callers are settled: `resolve`
   * reads the `then` of a result, and a request that this adds must not join a slot that is being settled.
   */
  #end(batch: Batch<Req, Res>): number {
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

  #resolve({ callers }: Slot<Req, Res>, value: Res): void {
    for (let caller = callers.first; caller !== undefined; caller = callers.first) {
      this.#release(caller);
      caller.resolve(value);
    }
  }

  #reject({ callers }: Slot<Req, Res>, reason: unknown, counter: 'errors' | 'timeouts'): void {
    for (let caller = callers.first; caller !== undefined; caller = callers.first) {
      this.#release(caller);
      this.#counts[counter]++;
      caller.reject(reason);
    }
  }

  #timeOut(caller: Caller<Req, Res>): void {
    const { batch, group } = caller.slot;
    const reason = requestTimedOut(group.name, batch === undefined ? 'in the queue' : 'in flight');
    this.#leave(caller, reason, 'timeouts');
  }

  #timeOutBatch(batch: Batch<Req, Res>): void {
    const message = `Cannot complete batch ${batch.id}: batchTimeout, ${this.#config.batchTimeout} ms, has passed`;
    this.#fail(batch, new BatchError('BATCH_TIMEOUT', message, batch.group.name), 'timeouts');
  }

  /** One caller goes without a result; what nobody waits for any more goes with the last. */
  #leave(caller: Caller<Req, Res>, reason: unknown, counter: 'aborted' | 'timeouts'): void {
    const { slot } = caller;
    const { group, batch } = slot;
    this.#release(caller);
    this.#counts[counter]++;
    caller.reject(reason);
    if (slot.callers.size > 0) return;
    if (batch !== undefined) {
      batch.awaited--;
      if (batch.awaited > 0) return;
      this.#neutral(() => {
        this.#fail(batch, reason, 'abandoned');
      });
      return;
    }
    this.#dequeue(slot);
    group.unshare(slot);
    if (group.idle) this.#groups.delete(group.name);
    this.#announceIdle();
  }

  /** Takes a caller from its slot, with all that could still reach it. */
  #release(caller: Caller<Req, Res>): void {
    caller.slot.callers.remove(caller);
    if (caller.deadline !== undefined) this.#requestDeadlines.remove(caller.deadline);
    if (caller.signal !== undefined) this.#signals.remove(caller.signal, caller);
    this.#counts.pendingRequests--;
  }

  #announceIdle(): void {
    if (this.#drains.length === 0 || !this.#idle) return;
    for (const resolve of this.#drains.splice(0)) resolve();
  }
}

function requestTimedOut(group: string, when: 'before it was added' | 'in the queue' | 'in flight'): BatchError {
  return new BatchError('BATCH_REQUEST_TIMEOUT', `Cannot answer a request: its deadline passed ${when}`, group);
}
