/** Faults seen in other batchers, and known bugs of theirs, that this one must not have. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RequestBatcher } from '../src/index.ts';
import { controlled, echo, outcome, settled } from './support.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('unlike dataloader, RequestBatcher', () => {
  it('does not hang for ever when the batch function hangs', async () => {
    const { batcher } = controlled({ batchTimeout: 1000 });
    const caller = outcome(batcher.addRequest('a'));
    await vi.advanceTimersByTimeAsync(1000);
    expect(caller.reason).toMatchObject({ code: 'BATCH_TIMEOUT' });
  });

  it('does not make a shared request wait for the slow batch of another', async () => {
    const { batcher, calls } = controlled({ maxBatchSize: 1, maxConcurrency: 2, dedupeBy: (request) => request });
    void batcher.addRequest('1');
    void batcher.addRequest('2');
    await settled();
    const hit = outcome(batcher.addRequest('1'));
    calls[0]?.resolve(['one']);
    await settled();
    expect(hit.value).toBe('one');
    expect(calls).toHaveLength(2);
  });

  it('does not remember an Error for the next equal request', async () => {
    const { batcher, calls } = controlled({ dedupeBy: (request) => request });
    const first = outcome(batcher.addRequest('a'));
    await settled();
    calls[0]?.resolve([new Error('once')]);
    await settled();
    const second = outcome(batcher.addRequest('a'));
    await settled();
    calls[1]?.resolve(['A']);
    await settled();
    expect([first.state, second.value]).toEqual(['rejected', 'A']);
  });

  it('does not resolve a hole with undefined', async () => {
    const { batcher, calls } = controlled();
    const caller = outcome(batcher.addRequest('a'));
    await settled();
    // oxlint-disable-next-line unicorn/no-new-array
    calls[0]?.resolve(new Array<string>(1));
    await settled();
    expect(caller.reason).toMatchObject({ code: 'BATCH_RESULT_MISMATCH' });
  });

  it('does not run the batch in the AsyncLocalStorage of the first caller', async () => {
    const tenant = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const batcher = new RequestBatcher<string, string>({
      process: (requests) => {
        seen.push(tenant.getStore());
        return [...requests];
      },
    });
    await Promise.all(['first', 'last'].map((each) => tenant.run(each, () => batcher.addRequest(each))));
    expect(seen).toEqual([undefined]);
  });

  it('does not send chunks in parallel beyond its limit (dataloader#172)', async () => {
    const { batcher, calls } = controlled({ maxBatchSize: 2 });
    for (const each of ['a', 'b', 'c', 'd']) void batcher.addRequest(each);
    await settled();
    expect(calls.map(({ requests }) => requests)).toEqual([['a', 'b']]);
  });

  it('does not let shared requests shrink a batch (dataloader#294)', async () => {
    const { batcher, batches } = echo({ maxBatchSize: 3, dedupeBy: (request) => request });
    await Promise.all(['a', 'a', 'b', 'a', 'c'].map((each) => batcher.addRequest(each)));
    expect(batches).toEqual([['a', 'b', 'c']]);
  });

  it('does not crash the process when the batch function throws (dataloader#318)', async () => {
    const batcher = new RequestBatcher<string, string>({
      process: () => {
        throw new Error('thrown');
      },
    });
    await expect(batcher.addRequest('a')).rejects.toThrow('thrown');
  });
});

describe('unlike batshit, RequestBatcher', () => {
  it('does not give stale or missing results after the first batch', async () => {
    const { batcher } = echo();
    for (const round of ['a', 'b', 'c']) {
      const all = [1, 2].map((each) => batcher.addRequest(`${round}${each}`));
      await expect(Promise.all(all)).resolves.toEqual([`${round}1`, `${round}2`].map((each) => each.toUpperCase()));
    }
  });

  it('does not hang later requests when the batch function throws', async () => {
    let calls = 0;
    const batcher = new RequestBatcher<string, string>({
      process: (requests) => {
        if (++calls === 1) throw new Error('first');
        return [...requests];
      },
    });
    await expect(batcher.addRequest('a')).rejects.toThrow('first');
    await expect(batcher.addRequest('b')).resolves.toBe('b');
  });

  it('does not call process with nothing, or too early, after a flush', async () => {
    const { batcher, batches } = echo({ maxWaitTime: 20 });
    void batcher.addRequest('a');
    await vi.advanceTimersByTimeAsync(5);
    batcher.flush();
    await settled();
    void batcher.addRequest('b');
    await vi.advanceTimersByTimeAsync(19);
    expect(batches).toEqual([['a']]);
    await vi.advanceTimersByTimeAsync(1);
    expect(batches).toEqual([['a'], ['b']]);
  });

  it('does not strand a tail that is smaller than maxBatchSize', async () => {
    const { batcher, batches } = echo({ maxBatchSize: 2 });
    await Promise.all(['a', 'b', 'c'].map((each) => batcher.addRequest(each)));
    expect(batches).toEqual([['a', 'b'], ['c']]);
  });

  it('does not set a timer for a window of 0', async () => {
    const setTimeout = vi.spyOn(globalThis, 'setTimeout');
    const { batcher } = echo({ maxWaitTime: 0, batchTimeout: Infinity });
    await batcher.addRequest('a');
    expect(setTimeout).not.toHaveBeenCalled();
  });
});

describe('unlike pacer, RequestBatcher', () => {
  it('gives every caller its own value, not the whole array to the one that filled the batch', async () => {
    const { batcher } = echo({ maxBatchSize: 3 });
    const all = ['a', 'b', 'c'].map((each) => batcher.addRequest(each));
    await expect(Promise.all(all)).resolves.toEqual(['A', 'B', 'C']);
  });

  it('does not push the end of the window back with each request', async () => {
    const { batcher, batches } = echo({ maxWaitTime: 20 });
    for (let each = 0; each < 20; each++) {
      void batcher.addRequest(String(each));
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(batches.map(({ length }) => length)).toEqual([2, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
  });

  it('rejects the callers, and nobody else, when a batch that a timer sent fails', async () => {
    const { batcher, calls } = controlled({ maxWaitTime: 20 });
    const caller = outcome(batcher.addRequest('a'));
    await vi.advanceTimersByTimeAsync(20);
    const error = new Error('timer batch');
    calls[0]?.reject(error);
    await settled();
    expect(caller.reason).toBe(error);
  });

  it('keeps the count of what failed when the next batch succeeds', async () => {
    const { batcher, calls } = controlled();
    void outcome(batcher.addRequest('a'));
    await settled();
    calls[0]?.reject(new Error('a'));
    await settled();
    void batcher.addRequest('b');
    await settled();
    calls[1]?.resolve(['B']);
    await settled();
    expect(batcher.getMetrics().errors).toBe(1);
  });

  it('loses no request or result that is falsy (pacer#246)', async () => {
    const falsy = [0, '', null, undefined, false, Number.NaN];
    const batcher = new RequestBatcher<unknown, unknown>({ process: (requests) => [...requests] });
    await expect(Promise.all(falsy.map((each) => batcher.addRequest(each)))).resolves.toEqual(falsy);
  });
});

describe('unlike other queues, RequestBatcher', () => {
  it('does not leak a place when a call times out (p-ratelimit#25, trigger.dev#2907)', async () => {
    const { batcher, calls } = controlled({ batchTimeout: 10, maxConcurrency: 2, maxBatchSize: 1 });
    for (let each = 0; each < 6; each++) void outcome(batcher.addRequest(String(each)));
    for (let round = 0; round < 3; round++) await vi.advanceTimersByTimeAsync(10);
    expect(calls).toHaveLength(6);
    expect(batcher.getMetrics()).toMatchObject({ timeouts: 6, inFlightBatches: 0, groups: 0 });
  });

  it('does not send more than maxBatchSize when a burst comes (osv.dev#5617)', async () => {
    const { batcher, batches } = echo({ maxBatchSize: 3, maxWaitTime: 5 });
    const burst = Array.from({ length: 10 }, (_, each) => batcher.addRequest(String(each)));
    await vi.advanceTimersByTimeAsync(5);
    await Promise.all(burst);
    expect(batches.map(({ length }) => length)).toEqual([3, 3, 3, 1]);
  });

  it('stops the call when the only subscriber leaves (trpc#7468)', async () => {
    const { batcher, calls } = controlled();
    const controller = new AbortController();
    void outcome(batcher.addRequest('a', { signal: controller.signal }));
    await settled();
    controller.abort();
    expect(calls[0]?.context.signal.aborted).toBe(true);
  });

  it(
    'costs each request the same in a batch of 32 000 as in one of 1000 (trpc, pacer: quadratic)',
    { timeout: 60_000 },
    async () => {
      const cost = async (size: number): Promise<number> => {
        let best = Infinity;
        for (let sample = 0; sample < 3; sample++) {
          const { batcher } = echo({ maxBatchSize: size, maxQueueSize: size, dedupeBy: (request) => request });
          const { signal } = new AbortController();
          const before = process.cpuUsage();
          await Promise.all(Array.from({ length: size }, (_, each) => batcher.addRequest(String(each), { signal })));
          const { user, system } = process.cpuUsage(before);
          best = Math.min(best, (user + system) / size);
        }
        return best;
      };
      await cost(1000);
      // A quadratic step would make it 32; caches and the collector are worth up to 3.
      expect((await cost(32_000)) / (await cost(1000))).toBeLessThan(8);
    },
  );
});
