import { getEventListeners } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { RequestBatcher, type BatchConfig, type RequestOptions } from '../src/index.ts';
import { controlled, echo, outcome, settled } from './support.ts';

const process = (requests: readonly string[]): string[] => [...requests];
const create = (config: unknown): RequestBatcher<string, string> =>
  new RequestBatcher(config as BatchConfig<string, string>);

describe('new RequestBatcher', () => {
  it.each([
    [undefined, TypeError, 'Cannot create a RequestBatcher: the config must be an object, got undefined'],
    [() => [], TypeError, 'Cannot create a RequestBatcher: the config must be an object, got a function'],
    [{}, TypeError, 'Cannot create a RequestBatcher: process must be a function, got undefined'],
    [{ process, maxSize: 5 }, TypeError, 'Cannot create a RequestBatcher: there is no option "maxSize"'],
    [{ process: 'x' }, TypeError, 'process must be a function, got "x"'],
    [{ process, groupBy: 'type' }, TypeError, 'groupBy must be a function, got "type"'],
    [{ process, dedupeBy: {} }, TypeError, 'dedupeBy must be a function, got an object'],
    [{ process, clock: {} }, TypeError, 'clock.now must be a function, got undefined'],
    [{ process, maxBatchSize: 0 }, RangeError, 'maxBatchSize must be an integer >= 1, got 0'],
    [{ process, maxBatchSize: 1.5 }, RangeError, 'maxBatchSize must be an integer >= 1, got 1.5'],
    [{ process, maxBatchSize: '10' }, TypeError, 'maxBatchSize must be a number, got "10"'],
    [{ process, maxWaitTime: -1 }, RangeError, 'maxWaitTime must be >= 0, got -1'],
    [{ process, maxWaitTime: Number.NaN }, TypeError, 'maxWaitTime must be a number, got NaN'],
    [{ process, batchTimeout: 0 }, RangeError, 'batchTimeout must be >= 1, got 0'],
    [{ process, requestTimeout: 0 }, RangeError, 'requestTimeout must be >= 1, got 0'],
    [{ process, maxConcurrency: 0 }, RangeError, 'maxConcurrency must be an integer >= 1, got 0'],
    [{ process, maxQueueSize: 0 }, RangeError, 'maxQueueSize must be an integer >= 1, got 0'],
  ])('refuses %o', (config, type, message) => {
    expect(() => create(config)).toThrow(type);
    expect(() => create(config)).toThrow(message);
  });

  it('is not affected when its options change afterwards', async () => {
    const config = { process, maxBatchSize: 1 };
    const batcher = create(config);
    config.process = () => [];
    await expect(batcher.addRequest('a')).resolves.toBe('a');
  });
});

describe('addRequest', () => {
  it.each([
    [{ signal: {} }, 'signal must be an AbortSignal, got an object'],
    [{ deadline: 'soon' }, 'deadline must be a number, got "soon"'],
    [{ deadline: Number.NaN }, 'deadline must be a number, got NaN'],
    [null, 'the options must be an object, got null'],
    [5, 'the options must be an object, got 5'],
  ])('throws a TypeError at once and queues nothing when its options are %o', (options, message) => {
    const { batcher } = echo();
    const add = (): unknown => batcher.addRequest('a', options as unknown as RequestOptions);
    expect(add).toThrow(TypeError);
    expect(add).toThrow(`Cannot add a request: ${message}`);
    expect(batcher.getMetrics()).toMatchObject({ totalRequests: 0, pendingRequests: 0, groups: 0 });
  });

  it.each(['groupBy', 'dedupeBy'])('throws the very error at once when %s throws', (option) => {
    const error = new Error('bad request');
    const batcher = create({
      process,
      [option]: () => {
        throw error;
      },
    });
    expect(() => batcher.addRequest('a')).toThrow(error);
    expect(batcher.getMetrics()).toMatchObject({ totalRequests: 0, pendingRequests: 0, groups: 0 });
  });

  it.each(['groupBy', 'dedupeBy'])('throws a TypeError at once when %s gives no string', (option) => {
    const batcher = create({ process, [option]: () => 7 });
    expect(() => batcher.addRequest('a')).toThrow(TypeError);
    expect(() => batcher.addRequest('a')).toThrow(
      `Cannot add a request: what ${option} returns must be a string, got 7`,
    );
  });

  it('throws for wrong options, and rejects for right ones, when the batcher is closed', async () => {
    const { batcher } = echo();
    await batcher.close();
    expect(() => batcher.addRequest('a', { deadline: Number.NaN })).toThrow(TypeError);
    await expect(batcher.addRequest('a')).rejects.toMatchObject({ code: 'BATCH_CLOSED' });
  });

  it('serves keys that are names of Object.prototype', async () => {
    const batcher = create({ process, groupBy: (request: string) => request, dedupeBy: (request: string) => request });
    const names = ['__proto__', 'constructor', 'toString', '__proto__'];
    await expect(Promise.all(names.map((each) => batcher.addRequest(each)))).resolves.toEqual(names);
  });
});

describe('addRequests', () => {
  it.each([
    [5, {}, 'Cannot add requests: the iterator of requests must be a function, got undefined'],
    [undefined, {}, 'Cannot add requests: the iterator of requests must be a function, got undefined'],
    [['a'], null, 'Cannot add requests: the options must be an object, got null'],
    [['a'], { signal: {} }, 'Cannot add requests: signal must be an AbortSignal, got an object'],
  ])('throws a TypeError at once for %o with %o', (requests, options, message) => {
    const { batcher } = echo();
    const add = (): unknown => batcher.addRequests(requests as string[], options as { signal: AbortSignal });
    expect(add).toThrow(TypeError);
    expect(add).toThrow(message);
  });

  it('throws at once and sends none when one of its requests has no key', async () => {
    const calls: unknown[] = [];
    const batcher = create({
      process: (requests: readonly string[]) => calls.push(requests),
      dedupeBy: (request: string) => (request === 'bad' ? 7 : request),
    });
    const { signal } = new AbortController();
    expect(() => batcher.addRequests(['a', 'bad', 'b'], { signal })).toThrow('what dedupeBy returns must be a string');
    await settled();
    expect(calls).toEqual([]);
    expect(batcher.getMetrics()).toMatchObject({ pendingRequests: 0, groups: 0 });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('onMeasure', () => {
  it('throws a TypeError at once when its listener is no function', () => {
    const { batcher } = echo();
    expect(() => batcher.onMeasure(5 as unknown as () => void)).toThrow(TypeError);
  });
});

describe('a listener that throws', () => {
  it('breaks neither the batch nor the next when it hears events or measures', async () => {
    const warning = vi.spyOn(globalThis.process, 'emitWarning').mockImplementation(() => {});
    const { batcher, calls } = controlled();
    const fail = (): never => {
      throw new Error('listener');
    };
    batcher.on('batchProcessed', fail).on('batchError', fail);
    batcher.onMeasure(fail);
    const first = outcome(batcher.addRequest('a'));
    await settled();
    const second = outcome(batcher.addRequest('b'));
    calls[0]?.resolve(['A']);
    await settled();
    calls[1]?.reject(new Error('b'));
    await settled();
    expect([first.value, (second.reason as Error).message]).toEqual(['A', 'b']);
    await expect(batcher.drain()).resolves.toBeUndefined();
    expect(warning).toHaveBeenCalled();
    warning.mockRestore();
  });
});

describe('process that calls its batcher', () => {
  it('may add requests, which collect with those that follow though calls of process are free', async () => {
    const batches: string[][] = [];
    const batcher: RequestBatcher<string, string> = new RequestBatcher<string, string>({
      maxConcurrency: 4,
      process: async (requests) => {
        batches.push([...requests]);
        if (requests.includes('outer')) {
          void batcher.addRequest('a');
          void batcher.addRequest('b');
          await Promise.resolve();
          void batcher.addRequest('c');
        }
        return [...requests];
      },
    });
    await batcher.addRequest('outer');
    await batcher.drain();
    expect(batches).toEqual([['outer'], ['a', 'b', 'c']]);
  });

  it('may add requests, which make the next batch', async () => {
    const batches: string[][] = [];
    const inner: Promise<string>[] = [];
    const batcher: RequestBatcher<string, string> = new RequestBatcher<string, string>({
      process: (requests) => {
        batches.push([...requests]);
        if (requests.includes('outer')) inner.push(batcher.addRequest('inner'));
        batcher.flush();
        return [...requests];
      },
    });
    await batcher.addRequest('outer');
    await Promise.all(inner);
    expect(batches).toEqual([['outer'], ['inner']]);
  });

  it('may close it', async () => {
    const batcher: RequestBatcher<string, string> = new RequestBatcher<string, string>({
      process: (requests) => {
        void batcher.close();
        return [...requests];
      },
    });
    await expect(batcher.addRequest('a')).resolves.toBe('a');
    await batcher.close();
  });
});
