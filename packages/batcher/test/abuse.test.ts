import { describe, expect, it, vi } from 'vitest';
import { RequestBatcher, type BatchConfig, type RequestOptions } from '../src/index.ts';
import { controlled, echo, outcome, settled } from './support.ts';

const process = (requests: readonly string[]): string[] => [...requests];
const create = (config: object): RequestBatcher<string, string> =>
  new RequestBatcher(config as BatchConfig<string, string>);

describe('new RequestBatcher', () => {
  it.each([
    [{}, TypeError, 'Cannot create a RequestBatcher: process must be a function, got undefined'],
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
    [{ signal: {} }, 'signal must be an AbortSignal, got object'],
    [{ deadline: 'soon' }, 'deadline must be a number, got soon'],
    [{ deadline: Number.NaN }, 'deadline must be a number, got NaN'],
    [null, 'null'],
  ])('rejects with a TypeError and queues nothing when its options are %o', async (options, message) => {
    const { batcher } = echo();
    const result = batcher.addRequest('a', options as unknown as RequestOptions);
    await expect(result).rejects.toThrow(TypeError);
    await expect(result).rejects.toThrow(message);
    expect(batcher.getMetrics()).toMatchObject({ totalRequests: 0, pendingRequests: 0, groups: 0 });
  });

  it.each(['groupBy', 'dedupeBy'])('rejects with the error when %s throws', async (option) => {
    const error = new Error('bad request');
    const batcher = create({
      process,
      [option]: () => {
        throw error;
      },
    });
    await expect(batcher.addRequest('a')).rejects.toBe(error);
    expect(batcher.getMetrics().pendingRequests).toBe(0);
  });

  it.each(['groupBy', 'dedupeBy'])('rejects with a TypeError when %s gives no string', async (option) => {
    const batcher = create({ process, [option]: () => 7 });
    await expect(batcher.addRequest('a')).rejects.toThrow(`${option} must return a string, got number`);
  });

  it('serves keys that are names of Object.prototype', async () => {
    const batcher = create({ process, groupBy: (request: string) => request, dedupeBy: (request: string) => request });
    const names = ['__proto__', 'constructor', 'toString', '__proto__'];
    await expect(Promise.all(names.map((each) => batcher.addRequest(each)))).resolves.toEqual(names);
  });
});

describe('addRequests', () => {
  it('throws a TypeError when its arguments are of a wrong type', () => {
    const { batcher } = echo();
    expect(() => batcher.addRequests(5 as unknown as string[])).toThrow(TypeError);
    expect(() => batcher.addRequests(['a'], { signal: {} as AbortSignal })).toThrow('signal must be an AbortSignal');
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
