import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RequestBatcher } from '../src/index.ts';
import { controlled, echo, outcome, settled } from './support.ts';

describe('flush', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('sends what is queued without waiting for the window', async () => {
    const { batcher, batches } = echo({ maxWaitTime: 1000, groupBy: (request) => request.charAt(0) });
    const all = ['a1', 'b1', 'a2'].map((each) => batcher.addRequest(each));
    batcher.flush();
    await Promise.all(all);
    expect(batches).toEqual([['a1', 'a2'], ['b1']]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('sends what it found queued as soon as a call is free, and leaves later requests their window', async () => {
    const { batcher, calls } = controlled({ maxWaitTime: 1000, maxBatchSize: 2 });
    for (const each of ['a', 'b', 'c']) void batcher.addRequest(each);
    await settled();
    batcher.flush();
    calls[0]?.resolve(['A', 'B']);
    await settled();
    expect(calls[1]?.requests).toEqual(['c']);
    void batcher.addRequest('d');
    calls[1]?.resolve(['C']);
    await settled();
    expect(calls).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1000);
    expect(calls[2]?.requests).toEqual(['d']);
  });

  it('does nothing when nothing is queued', async () => {
    const { batcher, batches } = echo({ maxWaitTime: 1000 });
    batcher.flush();
    const later = outcome(batcher.addRequest('a'));
    await settled();
    expect(later.state).toBe('pending');
    expect(batches).toEqual([]);
    batcher.flush();
    await settled();
    expect(later.value).toBe('A');
  });
});

describe('drain', () => {
  it('resolves at once when the batcher is idle', async () => {
    await expect(echo().batcher.drain()).resolves.toBeUndefined();
  });

  it('resolves for all that wait when nothing is queued or in flight', async () => {
    const { batcher, calls } = controlled({ maxBatchSize: 1 });
    const results = ['a', 'b'].map((each) => outcome(batcher.addRequest(each)));
    const drains = [outcome(batcher.drain()), outcome(batcher.drain())];
    await settled();
    calls[0]?.resolve(['A']);
    await settled();
    expect(drains.map(({ state }) => state)).toEqual(['pending', 'pending']);
    calls[1]?.reject(new Error('b failed'));
    await settled();
    expect(results.map(({ state }) => state)).toEqual(['fulfilled', 'rejected']);
    expect(drains.map(({ state }) => state)).toEqual(['fulfilled', 'fulfilled']);
  });

  it('resolves when the last queued request is aborted', async () => {
    const { batcher } = echo({ maxWaitTime: Infinity });
    const controller = new AbortController();
    void outcome(batcher.addRequest('a', { signal: controller.signal }));
    const drained = batcher.drain();
    controller.abort();
    await expect(drained).resolves.toBeUndefined();
  });
});

describe('close', () => {
  it('refuses new requests, sends the queued ones without their window, and resolves when they are settled', async () => {
    const { batcher, calls } = controlled({ maxWaitTime: Infinity });
    const result = outcome(batcher.addRequest('a'));
    const closed = outcome(batcher.close());
    await expect(batcher.addRequest('b')).rejects.toMatchObject({ code: 'BATCH_CLOSED' });
    await settled();
    expect(closed.state).toBe('pending');
    calls[0]?.resolve(['A']);
    await settled();
    expect(result.value).toBe('A');
    expect(closed.state).toBe('fulfilled');
    expect(batcher.getMetrics()).toMatchObject({ rejected: 1, totalRequests: 1 });
  });

  it('gives the same promise when it is called again', () => {
    const { batcher } = echo();
    expect(batcher.close()).toBe(batcher.close());
  });

  it('is what await using calls', async () => {
    const { batcher } = echo();
    {
      await using own = batcher;
      void own.addRequest('a');
    }
    await expect(batcher.addRequest('b')).rejects.toMatchObject({ code: 'BATCH_CLOSED' });
    expect(batcher.getMetrics().pendingRequests).toBe(0);
  });

  it('counts when groupBy calls it', async () => {
    const batcher: RequestBatcher<string, string> = new RequestBatcher<string, string>({
      process: (requests) => [...requests],
      groupBy: () => {
        void batcher.close();
        return 'a';
      },
    });
    await expect(batcher.addRequest('a')).rejects.toMatchObject({ code: 'BATCH_CLOSED' });
  });
});

describe('a process with a batcher', { timeout: 30_000 }, () => {
  const run = (name: string): Promise<{ stdout: string }> =>
    promisify(execFile)(process.execPath, [
      '--conditions=@forge/source',
      '--disable-warning=ExperimentalWarning',
      new URL(`fixtures/${name}.ts`, import.meta.url).pathname,
    ]);

  it('exits when the batcher is idle', async () => {
    await expect(run('idle')).resolves.toMatchObject({ stdout: 'served A\n' });
  });

  it('stays until a window has passed and its requests are served', async () => {
    await expect(run('window')).resolves.toMatchObject({ stdout: 'served A\n' });
  });
});
