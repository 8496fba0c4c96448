import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RequestBatcher, type BatchConfig } from '../src/index.ts';
import { outcome, settled } from './support.ts';

const tenant = new AsyncLocalStorage<string>();

/** Records the tenant in each call of process; process never settles when the request says `hang`. */
function watched(config: Omit<BatchConfig<string, string>, 'process'> = {}): {
  batcher: RequestBatcher<string, string>;
  seen: (string | undefined)[];
} {
  const seen: (string | undefined)[] = [];
  const batcher = new RequestBatcher<string, string>({
    ...config,
    process: async (requests, { signal }) => {
      seen.push(tenant.getStore());
      signal.addEventListener('abort', () => seen.push(tenant.getStore()));
      await Promise.resolve();
      seen.push(tenant.getStore());
      if (requests.includes('hang')) await new Promise(() => {});
      return [...requests];
    },
  });
  return { batcher, seen };
}

describe('AsyncLocalStorage', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('shows process no caller, whoever came first or last', async () => {
    const { batcher, seen } = watched();
    await Promise.all(['a', 'b'].map((each) => tenant.run(each, () => batcher.addRequest(each))));
    expect(seen).toEqual([undefined, undefined]);
  });

  it('shows process what was there when the batcher was constructed', async () => {
    const { batcher, seen } = tenant.run('owner', () => watched());
    await tenant.run('caller', () => batcher.addRequest('a'));
    expect(seen).toEqual(['owner', 'owner']);
  });

  it('gives each caller its own context back', async () => {
    const { batcher } = watched();
    const resumed = await Promise.all(
      ['a', 'b'].map((each) =>
        tenant.run(each, async () => {
          await batcher.addRequest(each);
          return tenant.getStore();
        }),
      ),
    );
    expect(resumed).toEqual(['a', 'b']);
  });

  it('shows no caller to a batch that a window, a flush or a full batch sends', async () => {
    const { batcher, seen } = watched({ maxWaitTime: 10, maxBatchSize: 2 });
    const add = (each: string): void => {
      tenant.run(each, () => void outcome(batcher.addRequest(each)));
    };
    add('window');
    await vi.advanceTimersByTimeAsync(10);
    add('flush');
    tenant.run('flusher', () => {
      batcher.flush();
    });
    await settled();
    add('full');
    add('full');
    await settled();
    expect(seen).toEqual(Array.from({ length: 6 }, () => undefined));
  });

  it('shows no caller to the signal of process, to listeners or to the next batch when a batch is cut off', async () => {
    const { batcher, seen } = watched({ batchTimeout: 10 });
    batcher.on('batchError', () => seen.push(tenant.getStore()));
    const controller = new AbortController();
    tenant.run('leaves', () => void outcome(batcher.addRequest('hang', { signal: controller.signal })));
    await settled();
    tenant.run('next', () => void outcome(batcher.addRequest('hang')));
    tenant.run('aborter', () => {
      controller.abort();
    });
    await settled();
    await vi.advanceTimersByTimeAsync(10);
    // Twice: process before and after its await, its signal, the event.
    expect(seen).toEqual(Array.from({ length: 8 }, () => undefined));
  });
});
