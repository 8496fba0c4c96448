import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { flush, instant, lease, manual } from '../support.ts';

describe('maxLifetime', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('replaces an idle connection by a successor that is made before it goes', async () => {
    const { pool, creates, destroyed } = manual({ maxLifetime: 1000, random: () => 0.5, idleTimeout: Infinity });
    const first = pool.acquire();
    creates[0]?.resolve({ id: 1 });
    (await first).release();
    await vi.advanceTimersByTimeAsync(949);
    expect(creates).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(creates).toHaveLength(2);
    expect(pool.tryAcquire()?.connection.id).toBe(1);
    creates[1]?.resolve({ id: 2 });
    await flush();
    expect(pool.tryAcquire()?.connection.id).toBe(2);
    expect(destroyed).toEqual([]);
  });

  it('ends the old one when the successor is there, and at its end in any case', async () => {
    const { pool, creates, destroyed } = manual({ maxLifetime: 1000, random: () => 0.5, idleTimeout: Infinity });
    const both = [pool.acquire(), pool.acquire()];
    creates[0]?.resolve({ id: 1 });
    creates[1]?.resolve({ id: 2 });
    for (const own of await Promise.all(both)) own.release();
    await vi.advanceTimersByTimeAsync(950);
    creates[2]?.resolve({ id: 3 });
    await flush();
    expect(destroyed).toEqual([{ id: 1, reason: 'expired' }]);
    await vi.advanceTimersByTimeAsync(50);
    expect(destroyed.map(({ id }) => id)).toEqual([1, 2]);
    expect(pool.getMetrics()).toMatchObject({ retired: 2 });
  });

  it('replaces an idle connection after its end where max has no room', async () => {
    const { pool, destroyed } = instant({ max: 1, maxLifetime: 1000, idleTimeout: Infinity });
    (await pool.acquire()).release();
    await vi.advanceTimersByTimeAsync(1000);
    expect(destroyed).toEqual([{ id: 1, reason: 'expired' }]);
    expect(pool.tryAcquire()?.connection.id).toBe(2);
  });

  it('destroys a leased connection when it comes back, and its lease stays valid', async () => {
    const { pool, destroyed } = instant({ max: 1, maxLifetime: 1000 });
    const own = await pool.acquire();
    await vi.advanceTimersByTimeAsync(2000);
    expect(own.connection.id).toBe(1);
    expect(destroyed).toEqual([]);
    own.release();
    expect(destroyed).toEqual([{ id: 1, reason: 'expired' }]);
  });

  it('ends connections that were made together at different times', async () => {
    const ratios = [0, 0.25, 0.5, 0.75];
    const { pool, destroyed } = instant({
      max: 4,
      maxLifetime: 1000,
      idleTimeout: Infinity,
      random: () => ratios.shift() ?? 0,
    });
    const times = new Map<number, number>();
    pool.on('connectionDestroyed', ({ connection }) => times.set(Number(connection.id), Math.round(performance.now())));
    const start = performance.now();
    for (const own of await lease(pool, 4)) own.release();
    await vi.advanceTimersByTimeAsync(1000);
    expect(destroyed.length).toBeGreaterThanOrEqual(4);
    expect([1, 2, 3, 4].map((id) => (times.get(id) ?? NaN) - Math.round(start))).toEqual([1000, 975, 950, 925]);
  });

  it('leaves no timer when the pool is closed', async () => {
    const { pool } = instant({ maxLifetime: 1000, leakThreshold: 1000 });
    (await pool.acquire()).release();
    await pool.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('maxUses', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('destroys a connection after so many leases', async () => {
    const { pool, destroyed } = instant({ max: 1, maxUses: 2 });
    for (const id of [1, 1, 2]) {
      const own = await pool.acquire();
      expect(own.connection.id).toBe(id);
      own.release();
    }
    expect(destroyed).toEqual([{ id: 1, reason: 'worn' }]);
    expect(pool.getMetrics().retired).toBe(1);
  });

  it('grants no lease beyond it on a shared connection', async () => {
    const { pool } = instant({ max: 2, maxUses: 2, concurrency: 3 });
    const all = await lease(pool, 4);
    expect(all.map(({ connection }) => connection.id)).toEqual([1, 1, 2, 2]);
  });
});
