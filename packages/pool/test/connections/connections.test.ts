import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Lease } from '../../src/index.ts';
import { deferred, flush, instant, lease, type Fake } from '../support.ts';

const ids = (leases: readonly (Lease<Fake> | undefined)[]): (number | undefined)[] =>
  leases.map((own) => own?.connection.id);

describe('order', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([
    { order: 'lifo', expected: [2, 3, 1] },
    { order: 'fifo', expected: [1, 3, 2] },
  ] as const)('leases idle connections $order', async ({ order, expected }) => {
    const { pool } = instant({ order });
    const [one, two, three] = await lease(pool, 3);
    for (const own of [one, three, two]) own?.release();
    expect(ids([pool.tryAcquire(), pool.tryAcquire(), pool.tryAcquire(), pool.tryAcquire()])).toEqual([
      ...expected,
      undefined,
    ]);
  });
});

describe('concurrency', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('fills the free places of a connection before another is made', async () => {
    const { pool } = instant({ concurrency: 3 });
    expect(ids([await pool.acquire(), await pool.acquire(), await pool.acquire(), await pool.acquire()])).toEqual([
      1, 1, 1, 2,
    ]);
    expect(pool.getMetrics()).toMatchObject({ totalConnections: 2, inUseConnections: 2, leases: 4 });
    expect(pool.getMetrics().utilizationRate).toBeCloseTo((4 / 6) * 100);
  });

  it('fills connections in use before idle ones', async () => {
    const { pool } = instant({ concurrency: 2 });
    const all = await lease(pool, 4);
    expect(ids(all)).toEqual([1, 1, 2, 2]);
    all[0]?.release();
    all[1]?.release();
    all[2]?.release();
    expect(ids([pool.tryAcquire(), pool.tryAcquire(), pool.tryAcquire(), pool.tryAcquire()])).toEqual([
      2,
      1,
      1,
      undefined,
    ]);
  });

  it('gives every place of a new connection to those who wait', async () => {
    const { pool } = instant({ concurrency: 3, max: 1 });
    expect(ids(await lease(pool, 3))).toEqual([1, 1, 1]);
    expect(pool.getMetrics()).toMatchObject({ totalConnections: 1, availableConnections: 0, leases: 3 });
  });
});

describe('onClosed', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const watched = (): { evict: ((error?: unknown) => void)[] } & ReturnType<typeof instant> => {
    const evict: ((error?: unknown) => void)[] = [];
    return { evict, ...instant({ max: 2, onClosed: (_, callback) => evict.push(callback) }) };
  };

  it('removes an idle connection that closed itself, once', async () => {
    const { pool, destroyed, evict } = watched();
    (await pool.acquire()).release();
    evict[0]?.();
    evict[0]?.(new Error('again'));
    expect(destroyed).toEqual([{ id: 1, reason: 'closed' }]);
    expect(pool.tryAcquire()).toBeUndefined();
    expect(pool.getMetrics()).toMatchObject({ totalConnections: 0, errors: 0 });
  });

  it('marks a leased connection, which is destroyed when its lease ends and never handed out again', async () => {
    const { pool, destroyed, evict } = watched();
    const onError = vi.fn();
    pool.on('connectionError', onError);
    const own = await pool.acquire();
    const error = new Error('reset');
    evict[0]?.(error);
    expect(onError).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ error, phase: 'use' }));
    expect(destroyed).toEqual([]);
    expect(own.connection.id).toBe(1);
    own.release();
    expect(destroyed).toEqual([{ id: 1, reason: 'error' }]);
    expect((await pool.acquire()).connection.id).toBe(2);
  });

  it('evicts with the error that it rejects with, and keeps the connection when it is fulfilled', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const watching = [deferred<void>(), deferred<void>()];
    const { pool, destroyed } = instant({ onClosed: ({ id }) => watching[id - 1]?.promise });
    const onError = vi.fn();
    pool.on('connectionError', onError);
    for (const own of await lease(pool, 2)) own.release();
    const error = new Error('reset');
    watching[0]?.resolve();
    watching[1]?.reject(error);
    await flush();
    expect(destroyed).toEqual([{ id: 2, reason: 'error' }]);
    expect(onError).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ error, phase: 'idle' }));
    expect(unhandled).not.toHaveBeenCalled();
    process.off('unhandledRejection', unhandled);
  });

  it('makes another connection for those who wait when a loss leaves room', async () => {
    const { pool, evict } = watched();
    const [one] = await lease(pool, 2);
    const waiting = pool.acquire();
    evict[0]?.();
    one?.release();
    expect((await waiting).connection.id).toBe(3);
  });
});
