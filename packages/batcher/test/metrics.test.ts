import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RequestBatcher, type BatchFailed, type BatchProcessed } from '../src/index.ts';
import { controlled, echo, outcome, settled } from './support.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('getMetrics', () => {
  it('is a frozen snapshot of zeros when nothing has happened, with a kind for each name', () => {
    const { batcher } = echo();
    const metrics = batcher.getMetrics();
    expect(Object.isFrozen(metrics)).toBe(true);
    expect(new Set(Object.values(metrics))).toEqual(new Set([0]));
    expect(Object.keys(batcher.metricKinds).sort()).toEqual(Object.keys(metrics).sort());
  });

  it('counts what became of the callers, and averages over the batches', async () => {
    const { batcher, calls } = controlled({ batchTimeout: 50, maxQueueSize: 3 });
    const controller = new AbortController();
    void outcome(batcher.addRequest('a'));
    void outcome(batcher.addRequest('b'));
    void outcome(batcher.addRequest('c', { signal: controller.signal }));
    void outcome(batcher.addRequest('refused'));
    await settled();
    void outcome(batcher.addRequest('d'));
    expect(batcher.getMetrics()).toMatchObject({ pendingRequests: 4, inFlightBatches: 1, groups: 1 });
    controller.abort();
    await vi.advanceTimersByTimeAsync(10);
    calls[0]?.resolve(['A', new Error('b'), 'C']);
    await settled();
    await vi.advanceTimersByTimeAsync(50);
    expect(batcher.getMetrics()).toEqual({
      totalBatches: 2,
      totalRequests: 4,
      averageBatchSize: 2,
      averageProcessingTime: 30,
      timeouts: 1,
      errors: 1,
      pendingRequests: 0,
      deduplicated: 0,
      aborted: 1,
      rejected: 1,
      inFlightBatches: 0,
      groups: 0,
    });
  });
});

describe('onMeasure', () => {
  it('tells the size of a batch, the wait of each request and the time of process, until it is removed', async () => {
    const { batcher, calls } = controlled();
    const measured: [string, number][] = [];
    const remove = batcher.onMeasure((name, value) => measured.push([name, value]));
    void batcher.addRequest('a');
    await settled();
    void batcher.addRequest('b');
    await vi.advanceTimersByTimeAsync(7);
    calls[0]?.resolve(['A']);
    await settled();
    expect(measured).toEqual([
      ['batchSize', 1],
      ['wait', 0],
      ['process', 7],
      ['batchSize', 1],
      ['wait', 7],
    ]);
    remove();
    calls[1]?.resolve(['B']);
    await settled();
    expect(measured).toHaveLength(5);
  });

  it('tells of a batch when process has begun, so that a listener that aborts its callers reaches its signal', async () => {
    const { batcher, calls } = controlled();
    const controller = new AbortController();
    const began: number[] = [];
    batcher.onMeasure(() => {
      began.push(calls.length);
      controller.abort();
    });
    const caller = outcome(batcher.addRequest('a', { signal: controller.signal }));
    await settled();
    expect(caller.state).toBe('rejected');
    expect(new Set(began)).toEqual(new Set([1]));
    expect(calls[0]?.context.signal.aborted).toBe(true);
    expect(batcher.getMetrics()).toMatchObject({ aborted: 1, pendingRequests: 0, inFlightBatches: 0, groups: 0 });
  });

  it('tells no wait of requests that were added before anybody listened', async () => {
    const { batcher } = echo();
    const result = batcher.addRequest('a');
    const names: string[] = [];
    batcher.onMeasure((name) => names.push(name));
    await result;
    expect(names).toEqual(['batchSize', 'process']);
  });
});

describe('events', () => {
  it('emits one frozen batchProcessed, after the state has changed, when process answers', async () => {
    const { batcher, calls } = controlled({ groupBy: () => 'g' });
    const events: BatchProcessed[] = [];
    let inFlight = -1;
    batcher.on('batchProcessed', (event) => {
      events.push(event);
      inFlight = batcher.getMetrics().inFlightBatches;
    });
    for (const each of ['a', 'b']) void outcome(batcher.addRequest(each));
    await vi.advanceTimersByTimeAsync(5);
    calls[0]?.resolve(['A', new Error('b')]);
    await settled();
    expect(events).toEqual([{ id: 1, group: 'g', size: 2, failed: 1, processingTime: 5 }]);
    expect(Object.isFrozen(events[0])).toBe(true);
    expect(inFlight).toBe(0);
  });

  it('emits one batchError when a batch rejects, throws, times out or is abandoned', async () => {
    const errors: BatchFailed[] = [];
    const batcher = new RequestBatcher<string, string>({
      batchTimeout: 10,
      process: ([request]) => {
        if (request === 'throw') throw new Error('thrown');
        return request === 'reject' ? Promise.reject(new Error('rejected')) : new Promise(() => {});
      },
    });
    batcher.on('batchError', (event) => errors.push(event));
    batcher.on('batchProcessed', () => errors.push({ id: 0, group: '', size: 0, error: 'not processed' }));
    for (const request of ['throw', 'reject', 'hang']) {
      void outcome(batcher.addRequest(request));
      await vi.advanceTimersByTimeAsync(10);
    }
    const controller = new AbortController();
    void outcome(batcher.addRequest('abandon', { signal: controller.signal }));
    await settled();
    controller.abort('left');
    expect(errors).toMatchObject([
      { id: 1, size: 1, error: { message: 'thrown' } },
      { id: 2, error: { message: 'rejected' } },
      { id: 3, error: { code: 'BATCH_TIMEOUT' } },
      { id: 4, group: '', error: 'left' },
    ]);
  });
});
