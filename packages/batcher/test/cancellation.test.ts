import { getEventListeners } from 'node:events';
import { stat } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RequestBatcher } from '../src/index.ts';
import { controlled, echo, outcome, settled } from './support.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('signal', () => {
  it('rejects with its reason and nothing is queued when it is aborted before', async () => {
    const { batcher, batches } = echo();
    const reason = { any: 'value' };
    await expect(batcher.addRequest('a', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await settled();
    expect(batches).toEqual([]);
    expect(batcher.getMetrics()).toMatchObject({ totalRequests: 1, aborted: 1, pendingRequests: 0 });
  });

  it('lets process run on when some callers of a batch abort', async () => {
    const { batcher, calls } = controlled();
    const controller = new AbortController();
    const leaves = outcome(batcher.addRequest('a', { signal: controller.signal }));
    const stays = outcome(batcher.addRequest('b'));
    await settled();
    controller.abort();
    await settled();
    expect(leaves.state).toBe('rejected');
    expect(calls[0]?.context.signal.aborted).toBe(false);
    calls[0]?.resolve(['A', 'B']);
    await settled();
    expect(stays.value).toBe('B');
  });

  it('fires the signal of process in the same tick, with the last reason, when all callers abort', async () => {
    const { batcher, calls } = controlled();
    const controllers = [new AbortController(), new AbortController()];
    const callers = controllers.map(({ signal }, each) => outcome(batcher.addRequest(String(each), { signal })));
    await settled();
    const signal = calls[0]?.context.signal;
    controllers[0]?.abort('first');
    expect(signal?.aborted).toBe(false);
    controllers[1]?.abort('last');
    expect(signal?.aborted).toBe(true);
    expect(signal?.reason).toBe('last');
    await settled();
    expect(callers.map(({ reason }) => reason)).toEqual(['first', 'last']);
  });

  it('frees the place of an abandoned batch and ignores what becomes of it', async () => {
    const { batcher, calls } = controlled();
    const controller = new AbortController();
    void outcome(batcher.addRequest('a', { signal: controller.signal }));
    await settled();
    const next = outcome(batcher.addRequest('b'));
    controller.abort();
    await settled();
    expect(calls[1]?.requests).toEqual(['b']);
    calls[0]?.reject(new Error('too late to matter'));
    calls[1]?.resolve(['B']);
    await settled();
    expect(next.value).toBe('B');
  });

  it('is aborted already when process reads it only after the batch was abandoned', async () => {
    let read: (() => AbortSignal) | undefined;
    const batcher = new RequestBatcher<string, string>({
      process: (_, context) => {
        read = () => context.signal;
        return new Promise(() => {});
      },
    });
    const controller = new AbortController();
    void outcome(batcher.addRequest('a', { signal: controller.signal }));
    await settled();
    controller.abort('gone');
    expect(read?.().aborted).toBe(true);
    expect(read?.().reason).toBe('gone');
  });

  it('does not fire for process when process itself has settled, well or badly', async () => {
    const { batcher, calls } = controlled();
    void outcome(batcher.addRequest('a'));
    await settled();
    calls[0]?.reject(new Error('a'));
    await settled();
    void outcome(batcher.addRequest('b'));
    await settled();
    calls[1]?.resolve(['B']);
    await settled();
    expect(calls.map(({ context }) => context.signal.aborted)).toEqual([false, false]);
  });

  it('has one listener for any number of requests and none when they are settled', async () => {
    const { batcher, calls } = controlled();
    const { signal } = new AbortController();
    const all = Array.from({ length: 100 }, (_, each) => batcher.addRequest(String(each), { signal }));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await settled();
    calls[0]?.resolve(Array.from({ length: 100 }, () => 'done'));
    await Promise.all(all);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('rejects all its requests, queued and in flight, when it aborts', async () => {
    const { batcher } = controlled({ maxBatchSize: 1 });
    const controller = new AbortController();
    const callers = ['a', 'b'].map((each) => outcome(batcher.addRequest(each, { signal: controller.signal })));
    await settled();
    controller.abort('all');
    await settled();
    expect(callers.map(({ reason }) => reason)).toEqual(['all', 'all']);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('ends the batch when process aborts its callers and throws', async () => {
    const controller = new AbortController();
    const batcher = new RequestBatcher<string, string>({
      process: () => {
        controller.abort('inside');
        throw new Error('after');
      },
    });
    await expect(batcher.addRequest('a', { signal: controller.signal })).rejects.toBe('inside');
    expect(batcher.getMetrics()).toMatchObject({ aborted: 1, errors: 0, inFlightBatches: 0, groups: 0 });
  });
});

describe('requestTimeout', () => {
  it('rejects a request that is still in the queue, which then never starts', async () => {
    const { batcher, calls } = controlled({ requestTimeout: 50 });
    void outcome(batcher.addRequest('a'));
    await settled();
    const queued = outcome(batcher.addRequest('b', { deadline: performance.now() + 30 }));
    await vi.advanceTimersByTimeAsync(30);
    expect(queued.reason).toMatchObject({ code: 'BATCH_REQUEST_TIMEOUT' });
    expect((queued.reason as Error).message).toContain('in the queue');
    calls[0]?.resolve(['A']);
    await settled();
    expect(calls).toHaveLength(1);
  });

  it('counts the time in the queue', async () => {
    const { batcher, calls } = controlled({ requestTimeout: 50 });
    void outcome(batcher.addRequest('a', { deadline: Infinity }));
    await settled();
    await vi.advanceTimersByTimeAsync(20);
    const late = outcome(batcher.addRequest('b'));
    await vi.advanceTimersByTimeAsync(20);
    calls[0]?.resolve(['A']);
    await vi.advanceTimersByTimeAsync(29);
    expect(late.state).toBe('pending');
    await vi.advanceTimersByTimeAsync(1);
    expect(late.reason).toMatchObject({ code: 'BATCH_REQUEST_TIMEOUT' });
    expect(calls[1]?.context.signal.aborted).toBe(true);
  });

  it('serves the queue after a hung process has lost all its callers', async () => {
    const { batcher, calls } = controlled({ requestTimeout: 50, batchTimeout: Infinity });
    const hung = outcome(batcher.addRequest('a'));
    await vi.advanceTimersByTimeAsync(40);
    const next = outcome(batcher.addRequest('b'));
    await vi.advanceTimersByTimeAsync(10);
    expect(hung.state).toBe('rejected');
    calls[1]?.resolve(['B']);
    await settled();
    expect(next.value).toBe('B');
  });
});

describe('deadline', () => {
  it('is an instant of the clock, and the earlier of it and requestTimeout counts', async () => {
    const { batcher } = controlled({ requestTimeout: 50 });
    const soon = outcome(batcher.addRequest('a', { deadline: performance.now() + 10 }));
    const later = outcome(batcher.addRequest('b', { deadline: performance.now() + 1000 }));
    await vi.advanceTimersByTimeAsync(10);
    expect([soon.state, later.state]).toEqual(['rejected', 'pending']);
    await vi.advanceTimersByTimeAsync(40);
    expect(later.reason).toMatchObject({ code: 'BATCH_REQUEST_TIMEOUT' });
  });

  it('rejects at once when it has passed', async () => {
    const { batcher, calls } = controlled();
    await expect(batcher.addRequest('a', { deadline: performance.now() })).rejects.toMatchObject({
      code: 'BATCH_REQUEST_TIMEOUT',
    });
    await settled();
    expect(calls).toEqual([]);
    expect(batcher.getMetrics()).toMatchObject({ totalRequests: 1, timeouts: 1, pendingRequests: 0 });
  });

  it('keeps a request from starting when it has passed though its timer has not fired', async () => {
    const clock = { time: 0, now: () => clock.time };
    const { batcher, calls } = controlled({ clock });
    const late = outcome(batcher.addRequest('a', { deadline: 10 }));
    const alive = outcome(batcher.addRequest('b', { deadline: 11 }));
    clock.time = 10;
    await settled();
    expect(late.reason).toMatchObject({ code: 'BATCH_REQUEST_TIMEOUT' });
    expect(calls[0]?.requests).toEqual(['b']);
    calls[0]?.resolve(['B']);
    await settled();
    expect(alive.value).toBe('B');
  });

  it('sends nothing when it has passed for all that is queued', async () => {
    const clock = { time: 0, now: () => clock.time };
    const { batcher, calls } = controlled({ clock });
    void outcome(batcher.addRequest('a', { deadline: 10 }));
    const drained = outcome(batcher.drain());
    clock.time = 10;
    await settled();
    expect(calls).toEqual([]);
    expect(drained.state).toBe('fulfilled');
    expect(batcher.getMetrics()).toMatchObject({ totalBatches: 0, groups: 0 });
  });
});

describe('batchTimeout', () => {
  it('rejects the callers, fires the signal and frees the place, and a late result is ignored', async () => {
    const { batcher, calls } = controlled({ batchTimeout: 100 });
    const hung = outcome(batcher.addRequest('a'));
    await settled();
    const next = outcome(batcher.addRequest('b'));
    await vi.advanceTimersByTimeAsync(99);
    expect(hung.state).toBe('pending');
    await vi.advanceTimersByTimeAsync(1);
    expect(hung.reason).toMatchObject({ code: 'BATCH_TIMEOUT', group: '' });
    expect(calls[0]?.context.signal.reason).toBe(hung.reason);
    expect(calls[1]?.requests).toEqual(['b']);
    calls[0]?.resolve(['too late']);
    await settled();
    calls[1]?.resolve(['B']);
    await settled();
    expect(next.value).toBe('B');
    expect(batcher.getMetrics()).toMatchObject({ timeouts: 1, errors: 0, inFlightBatches: 0 });
  });

  it('is 30 seconds by default', async () => {
    const { batcher } = controlled();
    const hung = outcome(batcher.addRequest('a'));
    await settled();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(hung.reason).toMatchObject({ code: 'BATCH_TIMEOUT' });
  });

  it('leaves no timer behind a batch that came in time', async () => {
    const { batcher } = echo({ batchTimeout: 100, requestTimeout: 100 });
    await batcher.addRequest('a');
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a stall of the event loop', () => {
  it.each(['requestTimeout', 'batchTimeout'])(
    'rejects no request whose answer has come in when it is longer than %s',
    async (bound) => {
      vi.useRealTimers();
      const { batcher, calls } = controlled({ [bound]: 20 });
      const callers = ['a', 'b'].map((each) => outcome(batcher.addRequest(each)));
      const drained = batcher.drain();
      setImmediate(() => {
        // The answer comes in during the stall, but timers run before the loop reads it.
        void stat(import.meta.filename).then(() => calls[0]?.resolve(['A', 'B']));
        const until = performance.now() + 200;
        while (performance.now() < until);
      });
      await drained;
      expect(callers.map(({ value }) => value)).toEqual(['A', 'B']);
    },
  );
});
