import { describe, expect, it } from 'vitest';
import { RequestBatcher } from '../src/index.ts';
import { controlled, echo, outcome, settled } from './support.ts';

const same = { dedupeBy: (request: string) => request };

describe('dedupeBy', () => {
  it('gives equal requests one place in the batch and each caller the result', async () => {
    const { batcher, batches } = echo(same);
    const results = await Promise.all(['a', 'b', 'a', 'a'].map((each) => batcher.addRequest(each)));
    expect(results).toEqual(['A', 'B', 'A', 'A']);
    expect(batches).toEqual([['a', 'b']]);
    expect(batcher.getMetrics()).toMatchObject({ totalRequests: 4, deduplicated: 2, averageBatchSize: 2 });
  });

  it('joins a request that is in flight', async () => {
    const { batcher, calls } = controlled(same);
    const first = batcher.addRequest('a');
    await settled();
    const second = batcher.addRequest('a');
    calls[0]?.resolve(['A']);
    await expect(Promise.all([first, second])).resolves.toEqual(['A', 'A']);
    expect(calls).toHaveLength(1);
  });

  it('shares no longer when the request has settled', async () => {
    const { batcher, batches } = echo(same);
    await batcher.addRequest('a');
    await batcher.addRequest('a');
    expect(batches).toEqual([['a'], ['a']]);
  });

  it('never merges requests of different groups, or those whose key is undefined', async () => {
    const { batcher, batches } = echo({
      groupBy: (request) => request.charAt(0),
      dedupeBy: (request) => (request.endsWith('!') ? undefined : request.slice(1)),
    });
    await Promise.all(['a1', 'b1', 'a!', 'a!'].map((each) => batcher.addRequest(each)));
    expect(batches).toEqual([['a1', 'a!', 'a!'], ['b1']]);
  });

  it('counts duplicates neither toward maxBatchSize nor toward maxQueueSize', async () => {
    const { batcher, batches } = echo({ ...same, maxBatchSize: 2, maxQueueSize: 2 });
    await Promise.all(['a', 'a', 'a', 'b', 'b'].map((each) => batcher.addRequest(each)));
    expect(batches).toEqual([['a', 'b']]);
  });

  it('rejects the one caller that aborts and serves the others', async () => {
    const { batcher, calls } = controlled(same);
    const controller = new AbortController();
    const leaves = outcome(batcher.addRequest('a', { signal: controller.signal }));
    const stays = outcome(batcher.addRequest('a'));
    const reason = new Error('left');
    controller.abort(reason);
    await settled();
    expect(leaves.reason).toBe(reason);
    calls[0]?.resolve(['A']);
    await settled();
    expect(stays.value).toBe('A');
  });

  it('frees the place in the queue when the last caller leaves, and not before', async () => {
    const { batcher, batches } = echo({ ...same, maxQueueSize: 1 });
    const first = new AbortController();
    const second = new AbortController();
    void outcome(batcher.addRequest('a', { signal: first.signal }));
    void outcome(batcher.addRequest('a', { signal: second.signal }));
    first.abort();
    await expect(batcher.addRequest('b')).rejects.toMatchObject({ code: 'BATCH_QUEUE_FULL' });
    void outcome(batcher.addRequest('a', { signal: second.signal }));
    second.abort();
    await expect(batcher.addRequest('b')).resolves.toBe('B');
    expect(batches).toEqual([['b']]);
  });

  it('asks anew when all callers of an equal request in the queue have left', async () => {
    const { batcher, batches } = echo(same);
    const controller = new AbortController();
    const gone = outcome(batcher.addRequest('a', { signal: controller.signal }));
    controller.abort();
    await expect(batcher.addRequest('a')).resolves.toBe('A');
    expect(gone.state).toBe('rejected');
    expect(batches).toEqual([['a']]);
  });

  it('awaits a request in flight again when somebody joins after all its callers have left', async () => {
    const { batcher, calls } = controlled(same);
    const forA = new AbortController();
    const forB = new AbortController();
    void outcome(batcher.addRequest('a', { signal: forA.signal }));
    void outcome(batcher.addRequest('b', { signal: forB.signal }));
    await settled();
    forA.abort();
    const joined = outcome(batcher.addRequest('a'));
    forB.abort();
    expect(calls[0]?.context.signal.aborted).toBe(false);
    calls[0]?.resolve(['A', 'B']);
    await settled();
    expect(joined.value).toBe('A');
    expect(calls).toHaveLength(1);
  });

  it('shares no place with a request whose batch was abandoned', async () => {
    const { batcher, calls } = controlled(same);
    const controller = new AbortController();
    void outcome(batcher.addRequest('a', { signal: controller.signal }));
    await settled();
    controller.abort();
    const again = outcome(batcher.addRequest('a'));
    await settled();
    expect(calls).toHaveLength(2);
    calls[0]?.resolve(['stale']);
    calls[1]?.resolve(['A']);
    await settled();
    expect(again.value).toBe('A');
  });

  it('lets a request that the then of a result adds ask anew', async () => {
    let calls = 0;
    let again: Promise<string> | undefined;
    const batcher: RequestBatcher<string, string> = new RequestBatcher<string, string>({
      ...same,
      process: (requests) =>
        requests.map((request) => {
          if (++calls > 1) return 'second';
          const result = { toString: () => request };
          // oxlint-disable-next-line unicorn/no-thenable -- what a resolve reads is the point
          Object.defineProperty(result, 'then', {
            get: () => {
              // Read when the response is checked, which joins, and last when the request is settled.
              again = batcher.addRequest(request);
              return undefined;
            },
          });
          return result as unknown as string;
        }),
    });
    await batcher.addRequest('a');
    await expect(again).resolves.toBe('second');
  });
});
