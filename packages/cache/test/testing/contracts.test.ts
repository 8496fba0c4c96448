import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { CacheStore } from '../../src/index.ts';
import { busContract, memoryBus, memoryStore, storeContract } from '../../src/testing/index.ts';

describe('memoryStore', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    return () => vi.useRealTimers();
  });

  const create = () => {
    const store = memoryStore();
    const wait = async (duration: number): Promise<void> => void (await vi.advanceTimersByTimeAsync(duration));
    return { connect: () => store.connect(), wait };
  };
  it.each(storeContract(create))('$name', async ({ run }) => expect(run()).resolves.toBeUndefined());
});

describe('memoryBus', () => {
  const create = () => {
    const bus = memoryBus();
    return { connect: () => bus.connect() };
  };
  it.each(busContract(create))('$name', async ({ run }) => expect(run()).resolves.toBeUndefined());
});

describe('storeContract', () => {
  it.each<[string, (store: CacheStore) => Partial<CacheStore>]>([
    ['forgets to invalidate', () => ({ invalidate: async () => {} })],
    ['invalidates too much', (store) => ({ invalidate: async () => store.invalidate([{ kind: 'all' }]) })],
    ['gives a lease to everyone', () => ({ lease: async () => ({ token: 'anyone' }) })],
    ['never gives a lease', () => ({ lease: async () => undefined })],
    ['writes whatever the lease', (store) => ({ write: async (key, record) => store.write(key, record, undefined) })],
    ['keeps a released lease', () => ({ release: async () => {} })],
    [
      'loses tags',
      (store) => ({ write: async (key, record, lease) => store.write(key, { ...record, tags: [] }, lease) }),
    ],
    [
      'never ends a life',
      (store) => ({ write: async (key, record, lease) => store.write(key, { ...record, ttl: 1e9 }, lease) }),
    ],
  ])('fails a store that %s', async (_, broken) => {
    const create = () => {
      const shared = memoryStore();
      const connect = (): CacheStore => ({ ...shared, ...broken(shared) });
      return { connect, wait: async () => {} };
    };
    const runs = await Promise.allSettled(storeContract(create).map(({ run }) => run()));
    expect(runs.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0);
  });
});

describe('busContract', () => {
  it('fails a bus that refuses frames', async () => {
    const create = () => {
      const bus = memoryBus();
      return { connect: () => bus.connect({ publish: () => ({ fail: true }) }) };
    };
    const runs = await Promise.allSettled(busContract(create).map(({ run }) => run()));
    expect(runs.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0);
  });
});
