import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest';
import { RequestBatcher } from '../src/index.ts';
import { controlled, echo, outcome, settled } from './support.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('RequestBatcher results', () => {
  it('gives each caller the result in its own position', async () => {
    const { batcher, batches } = echo();
    await expect(Promise.all(['a', 'b', 'c'].map((each) => batcher.addRequest(each)))).resolves.toEqual([
      'A',
      'B',
      'C',
    ]);
    expect(batches).toEqual([['a', 'b', 'c']]);
  });

  it('infers the types of requests and results from process', () => {
    const batcher = new RequestBatcher({
      process: async (ids: readonly number[]) =>
        Promise.resolve(ids.map((id) => (id > 0 ? `user ${id}` : new Error()))),
    });
    expectTypeOf(batcher).toEqualTypeOf<RequestBatcher<number, string>>();
  });

  it('fails one request alone when process gives an Error in its position', async () => {
    const { batcher, calls } = controlled();
    const [a, b, c] = ['a', 'b', 'c'].map((each) => outcome(batcher.addRequest(each)));
    await settled();
    const error = new Error('no b');
    calls[0]?.resolve(['A', error, 'C']);
    await settled();
    expect(a?.value).toBe('A');
    expect(b?.reason).toBe(error);
    expect(c?.value).toBe('C');
  });

  it.each([
    ['too few results', ['A'], 'an array of 1'],
    ['too many results', ['A', 'B', 'C'], 'an array of 3'],
    // oxlint-disable-next-line no-sparse-arrays
    ['a hole', [, 'B'], 'a hole at 0'],
    ['a promise', ['A', Promise.resolve('B')], 'a promise at 1: await Promise.all() of them'],
    ['an object', { a: 'A' }, 'a value of type object'],
    ['nothing', undefined, 'a value of type undefined'],
    ['null', null, 'null'],
  ])('rejects each request of a batch when process gives %s', async (_, response, got) => {
    const { batcher, calls } = controlled();
    const callers = ['a', 'b'].map((each) => outcome(batcher.addRequest(each)));
    await settled();
    calls[0]?.resolve(response as string[]);
    await settled();
    const message = `Cannot settle batch 1: process must give an array of 2, one result for each request, got ${got}`;
    for (const { reason } of callers) {
      expect(reason).toMatchObject({ name: 'BatchError', code: 'BATCH_RESULT_MISMATCH', group: '', message });
    }
    expect(batcher.getMetrics()).toMatchObject({ errors: 2, inFlightBatches: 0 });
  });

  it.each(['while callers wait', 'when none is left'])(
    'leaves no rejection unhandled when process gives promises %s',
    async (when) => {
      const unhandled: unknown[] = [];
      const note = (reason: unknown): void => void unhandled.push(reason);
      process.on('unhandledRejection', note);
      const { batcher, calls } = controlled();
      const controller = new AbortController();
      const callers = ['a', 'b'].map((each) => outcome(batcher.addRequest(each, { signal: controller.signal })));
      await settled();
      if (when === 'when none is left') controller.abort();
      const failing = ['a', 'b'].map((each) => Promise.reject(new Error(`no ${each}`)));
      calls[0]?.resolve(failing as unknown as string[]);
      await settled();
      expect(callers.map(({ state }) => state)).toEqual(['rejected', 'rejected']);
      expect(unhandled).toEqual([]);
      process.off('unhandledRejection', note);
    },
  );

  it('fails one request alone when process gives an Error of another realm', async () => {
    const { batcher, calls } = controlled();
    const [a, b] = ['a', 'b'].map((each) => outcome(batcher.addRequest(each)));
    await settled();
    const foreign = runInNewContext('new RangeError("foreign")') as Error;
    expect(foreign).not.toBeInstanceOf(Error);
    calls[0]?.resolve([foreign, 'B']);
    await settled();
    expect([a?.reason, b?.value]).toEqual([foreign, 'B']);
    expect(batcher.getMetrics().errors).toBe(1);
  });

  it('rejects each request with the very reason when process rejects', async () => {
    const { batcher, calls } = controlled();
    const callers = ['a', 'b'].map((each) => outcome(batcher.addRequest(each)));
    await settled();
    const error = new Error('backend down');
    calls[0]?.reject(error);
    await settled();
    expect(callers.map(({ reason }) => reason)).toEqual([error, error]);
    expect(callers[0]?.reason).toBe(error);
  });

  it('takes a mutated requests array for what it was when process answers', async () => {
    const batcher = new RequestBatcher<string, string>({
      process: (requests) => {
        const own = requests as string[];
        return own.splice(0).map((request) => request.toUpperCase());
      },
    });
    await expect(Promise.all([batcher.addRequest('a'), batcher.addRequest('b')])).resolves.toEqual(['A', 'B']);
  });
});

describe('RequestBatcher dispatch', () => {
  it('never calls process inside addRequest', async () => {
    const { batcher, batches } = echo({ maxBatchSize: 1 });
    const result = batcher.addRequest('a');
    expect(batches).toEqual([]);
    await result;
    expect(batches).toEqual([['a']]);
  });

  it('collects what promise jobs add when they run before the queue of promise jobs is empty', async () => {
    const { batcher, batches } = echo();
    const first = batcher.addRequest('a');
    const chained = Promise.resolve()
      .then(() => Promise.resolve())
      .then(() => Promise.resolve())
      .then(() => batcher.addRequest('b'));
    await Promise.all([first, chained]);
    expect(batches).toEqual([['a', 'b']]);
  });

  it('leaves before the promise jobs that follow when one request fills a batch', async () => {
    const { batcher, batches } = echo({ maxBatchSize: 1 });
    const result = batcher.addRequest('a');
    await Promise.resolve();
    expect(batches).toEqual([['a']]);
    await result;
  });

  it('needs no timer when no bound on time is set', async () => {
    const { batcher, calls } = controlled({ batchTimeout: Infinity });
    const caller = outcome(batcher.addRequest('a'));
    await settled();
    expect(vi.getTimerCount()).toBe(0);
    calls[0]?.resolve(['A']);
    await settled();
    expect(caller.value).toBe('A');
  });

  it('collects while the only call is in flight, and sends all that came when it returns', async () => {
    const { batcher, calls } = controlled();
    void batcher.addRequest('a');
    await settled();
    for (const each of ['b', 'c', 'd']) void batcher.addRequest(each);
    await settled();
    expect(calls).toHaveLength(1);
    calls[0]?.resolve(['A']);
    await settled();
    expect(calls.map(({ requests }) => requests)).toEqual([['a'], ['b', 'c', 'd']]);
  });

  it('lets a caller that has its result add to the next batch before it leaves', async () => {
    const { batcher, calls } = controlled();
    const follow = batcher.addRequest('a').then((value) => batcher.addRequest(`${value}2`));
    await settled();
    void batcher.addRequest('b');
    calls[0]?.resolve(['A']);
    await settled();
    expect(calls[1]?.requests).toEqual(['b', 'A2']);
    calls[1]?.resolve(['B', 'done']);
    await expect(follow).resolves.toBe('done');
  });

  it('runs maxConcurrency calls of a group at a time, and of each group its own', async () => {
    const { batcher, calls } = controlled({
      maxBatchSize: 1,
      maxConcurrency: 2,
      groupBy: (request) => request.charAt(0),
    });
    for (const each of ['a1', 'a2', 'a3', 'b1']) void batcher.addRequest(each);
    await settled();
    expect(calls.map(({ requests }) => requests[0])).toEqual(['a1', 'a2', 'b1']);
    calls[1]?.resolve(['A2']);
    await settled();
    expect(calls[3]?.requests).toEqual(['a3']);
  });

  it('keeps the requests of different groups apart and tells process the group', async () => {
    const { batcher, calls } = controlled({ groupBy: (request) => request.charAt(0) });
    for (const each of ['a1', 'b1', 'a2', 'b2']) void batcher.addRequest(each);
    await settled();
    expect(calls.map(({ requests, context }) => [context.group, ...requests])).toEqual([
      ['a', 'a1', 'a2'],
      ['b', 'b1', 'b2'],
    ]);
  });
});

describe('RequestBatcher window', () => {
  it('counts maxWaitTime from the first request, however many follow', async () => {
    const { batcher, batches } = echo({ maxWaitTime: 20 });
    for (let each = 0; each < 4; each++) {
      void batcher.addRequest(String(each));
      await vi.advanceTimersByTimeAsync(6);
    }
    expect(batches).toEqual([['0', '1', '2', '3']]);
  });

  it('sends a full batch without waiting, and the rest in its own window', async () => {
    const { batcher, batches } = echo({ maxWaitTime: 20, maxBatchSize: 2 });
    for (const each of ['a', 'b', 'c']) void batcher.addRequest(each);
    await settled();
    expect(batches).toEqual([['a', 'b']]);
    await vi.advanceTimersByTimeAsync(19);
    expect(batches).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(batches).toEqual([['a', 'b'], ['c']]);
  });

  it('starts with the next request when the first is aborted', async () => {
    const { batcher, batches } = echo({ maxWaitTime: 20 });
    const controller = new AbortController();
    const first = outcome(batcher.addRequest('a', { signal: controller.signal }));
    await vi.advanceTimersByTimeAsync(10);
    void batcher.addRequest('b');
    controller.abort();
    await vi.advanceTimersByTimeAsync(19);
    expect(first.state).toBe('rejected');
    expect(batches).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(batches).toEqual([['b']]);
  });

  it('is over for requests whose window passed while no call was free', async () => {
    const { batcher, calls } = controlled({ maxWaitTime: 20, batchTimeout: 1000 });
    void batcher.addRequest('a');
    await vi.advanceTimersByTimeAsync(20);
    void batcher.addRequest('b');
    await vi.advanceTimersByTimeAsync(30);
    calls[0]?.resolve(['A']);
    await settled();
    expect(calls[1]?.requests).toEqual(['b']);
  });

  it('leaves no timer when all its requests are gone', async () => {
    const { batcher } = echo({ maxWaitTime: 20, maxBatchSize: 2 });
    await Promise.all([batcher.addRequest('a'), batcher.addRequest('b')]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('RequestBatcher queue', () => {
  it('refuses a request when maxQueueSize requests are queued over all groups, those in flight not counted', async () => {
    const { batcher, calls } = controlled({ maxQueueSize: 2, groupBy: (request) => request.charAt(0) });
    void batcher.addRequest('a1');
    await settled();
    void batcher.addRequest('a2');
    void batcher.addRequest('b1');
    await expect(batcher.addRequest('c1')).rejects.toMatchObject({ code: 'BATCH_QUEUE_FULL', group: 'c' });
    await settled();
    expect(calls).toHaveLength(2);
    void batcher.addRequest('c1');
    await settled();
    expect(calls[2]?.requests).toEqual(['c1']);
  });

  it('gives the place of an aborted request to the next at once', async () => {
    const { batcher, batches } = echo({ maxQueueSize: 1 });
    const controller = new AbortController();
    const first = batcher.addRequest('a', { signal: controller.signal });
    controller.abort(new Error('changed my mind'));
    const second = batcher.addRequest('b');
    await expect(first).rejects.toThrow('changed my mind');
    await expect(second).resolves.toBe('B');
    expect(batches).toEqual([['b']]);
  });

  it('forgets a group when it has nothing queued or in flight', async () => {
    const { batcher } = echo({ groupBy: (request) => request });
    const all = Array.from({ length: 100 }, (_, each) => batcher.addRequest(String(each)));
    expect(batcher.getMetrics().groups).toBe(100);
    await Promise.all(all);
    expect(batcher.getMetrics().groups).toBe(0);
  });

  it('forgets a group when its last queued request is aborted, and serves it again afterwards', async () => {
    const { batcher, batches } = echo();
    const controller = new AbortController();
    const gone = outcome(batcher.addRequest('a', { signal: controller.signal }));
    controller.abort();
    expect(batcher.getMetrics().groups).toBe(0);
    await expect(batcher.addRequest('b')).resolves.toBe('B');
    expect(gone.state).toBe('rejected');
    expect(batches).toEqual([['b']]);
    expect(batcher.getMetrics().groups).toBe(0);
  });
});
