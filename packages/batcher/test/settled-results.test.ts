import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { RequestBatcher, type SettledResult } from '../src/index.ts';
import { controlled, echo, settled } from './support.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('addRequests', () => {
  it('gives every result, failures too, with the index of its request', async () => {
    const { batcher, calls } = controlled();
    const results = batcher.addRequests(['a', 'b']);
    await settled();
    const error = new Error('no b');
    calls[0]?.resolve(['A', error]);
    const read: SettledResult<string>[] = [];
    for await (const result of results) read.push(result);
    expect(read).toEqual([
      { index: 0, status: 'fulfilled', value: 'A' },
      { index: 1, status: 'rejected', reason: error },
    ]);
  });

  it('gives a result as soon as it completes, whatever its index', async () => {
    const { batcher, calls } = controlled({ maxBatchSize: 1, maxConcurrency: 2 });
    const iterator = batcher.addRequests(['slow', 'fast'])[Symbol.asyncIterator]();
    const first = iterator.next();
    await settled();
    calls[1]?.resolve(['FAST']);
    await expect(first).resolves.toEqual({ done: false, value: { index: 1, status: 'fulfilled', value: 'FAST' } });
    calls[0]?.resolve(['SLOW']);
    await expect(iterator.next()).resolves.toMatchObject({ value: { index: 0, value: 'SLOW' } });
    await expect(iterator.next()).resolves.toEqual({ done: true, value: undefined });
  });

  it('sends the requests at once, in one batch with others, before anybody reads', async () => {
    const { batcher, batches } = echo();
    void batcher.addRequests(['a', 'b']);
    await batcher.addRequest('c');
    expect(batches).toEqual([['a', 'b', 'c']]);
  });

  it('needs nobody to handle its failures when it is never read', async () => {
    const { batcher, calls } = controlled();
    void batcher.addRequests(['a']);
    await settled();
    calls[0]?.reject(new Error('unread'));
    await settled();
    expect(batcher.getMetrics().errors).toBe(1);
  });

  it('aborts what is pending when the loop is left', async () => {
    const { batcher, calls } = controlled({ maxBatchSize: 1, maxConcurrency: 2 });
    const { signal } = new AbortController();
    const results = batcher.addRequests(['a', 'b', 'c'], { signal });
    await settled();
    calls[0]?.resolve(['A']);
    for await (const { index } of results) {
      expect(index).toBe(0);
      break;
    }
    expect(calls[1]?.context.signal.aborted).toBe(true);
    expect(batcher.getMetrics()).toMatchObject({ aborted: 2, pendingRequests: 0 });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    await expect(results[Symbol.asyncIterator]().next()).resolves.toEqual({ done: true, value: undefined });
  });

  it('does not keep a result that was read while others are pending', async () => {
    const batcher = new RequestBatcher<string, object>({
      maxBatchSize: 1,
      process: ([request]) => (request === 'a' ? [{}] : new Promise(() => {})),
    });
    const iterator = batcher.addRequests(['a', 'b'])[Symbol.asyncIterator]();
    await settled();
    const result = await iterator.next().then(({ value }) => new WeakRef(value as object));
    await settled();
    collectGarbage();
    expect(result.deref()).toBeUndefined();
    await iterator.return?.();
  });

  it('gives no more results when it is left, though some have come', async () => {
    const { batcher } = echo();
    const iterator = batcher.addRequests(['a', 'b'])[Symbol.asyncIterator]();
    await batcher.drain();
    await settled();
    await iterator.return?.();
    await expect(iterator.next()).resolves.toEqual({ done: true, value: undefined });
  });

  it('ends readers that wait when it is left', async () => {
    const { batcher } = controlled();
    const iterator = batcher.addRequests(['a'])[Symbol.asyncIterator]();
    const waiting = iterator.next();
    await iterator.return?.();
    await expect(waiting).resolves.toEqual({ done: true, value: undefined });
  });

  it('serves calls of next() that overlap, in their order, and ends those that are too many', async () => {
    const { batcher } = echo();
    const iterator = batcher.addRequests(['a', 'b'])[Symbol.asyncIterator]();
    const steps = await Promise.all([iterator.next(), iterator.next(), iterator.next()]);
    expect(steps.map((step) => (step.done === true ? 'done' : step.value.index))).toEqual([0, 1, 'done']);
  });

  it('rejects what is pending with the reason of its signal, and keeps no listener', async () => {
    const { batcher } = controlled();
    const controller = new AbortController();
    const results = batcher.addRequests(['a', 'b'], { signal: controller.signal });
    await settled();
    controller.abort('enough');
    const reasons: unknown[] = [];
    for await (const result of results) if (result.status === 'rejected') reasons.push(result.reason);
    expect(reasons).toEqual(['enough', 'enough']);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('rejects all when its signal is aborted before', async () => {
    const { batcher, batches } = echo();
    const read: unknown[] = [];
    for await (const result of batcher.addRequests(['a'], { signal: AbortSignal.abort('never') })) read.push(result);
    expect(read).toEqual([{ index: 0, status: 'rejected', reason: 'never' }]);
    expect(batches).toEqual([]);
  });

  it('gives the requests beyond the bound of the queue their rejection', async () => {
    const { batcher } = echo({ maxQueueSize: 1 });
    const statuses: string[] = [];
    for await (const { index, status } of batcher.addRequests(['a', 'b'])) statuses[index] = status;
    expect(statuses).toEqual(['fulfilled', 'rejected']);
  });

  it('is done at once when there are no requests', async () => {
    const { batcher } = echo();
    const { signal } = new AbortController();
    const iterator = batcher.addRequests([], { signal })[Symbol.asyncIterator]();
    await expect(iterator.next()).resolves.toEqual({ done: true, value: undefined });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('adds nothing when the iterable throws on the way', async () => {
    const { batcher, batches } = echo();
    const failing = function* (): Generator<string> {
      yield 'a';
      throw new Error('no more');
    };
    expect(() => batcher.addRequests(failing())).toThrow('no more');
    await settled();
    expect(batches).toEqual([]);
  });
});
