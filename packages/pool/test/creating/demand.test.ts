import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { flush, instant, lease, manual } from '../support.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('minIdle', () => {
  it('keeps so many ready beside those in use', async () => {
    const { pool } = instant({ minIdle: 2, max: 5 });
    await pool.ready();
    expect(pool.getMetrics()).toMatchObject({ created: 2, availableConnections: 2 });
    await lease(pool, 2);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(pool.getMetrics()).toMatchObject({ created: 4, availableConnections: 2, inUseConnections: 2 });
  });

  it('is bounded by max', async () => {
    const { pool } = instant({ minIdle: 2, max: 3 });
    await pool.ready();
    await lease(pool, 2);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(pool.getMetrics()).toMatchObject({ created: 3, availableConnections: 1 });
  });

  it('does not count what is made for callers who wait', async () => {
    const { pool, creates } = manual({ minIdle: 1, max: 5 });
    await flush();
    const waiting = Promise.all([pool.acquire(), pool.acquire()]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(creates).toHaveLength(3);
    for (const [index, create] of creates.entries()) create.resolve({ id: index });
    await waiting;
    expect(pool.getMetrics().availableConnections).toBe(1);
  });

  it('spares what it keeps from idleTimeout, and nothing else', async () => {
    const { pool } = instant({ minIdle: 1, max: 5, idleTimeout: 100 });
    await pool.ready();
    const leases = await lease(pool, 3);
    for (const each of leases) each.release();
    await vi.advanceTimersByTimeAsync(100);
    expect(pool.getMetrics().totalConnections).toBe(1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(pool.getMetrics().totalConnections).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('can be changed, and is checked', async () => {
    const { pool } = instant({ max: 3 });
    pool.resize({ minIdle: 2 });
    await flush();
    expect(pool.getMetrics().availableConnections).toBe(2);
    expect(() => pool.resize({ max: 1 })).toThrow('minIdle must be an integer >= 0 and <= 1, got 2');
    expect(() => instant({ minIdle: 11 })).toThrow('minIdle must be an integer >= 0 and <= 10, got 11');
  });
});

describe('maxConcurrentCreates', () => {
  it('bounds the creates for callers, and goes on as they end', async () => {
    const { pool, creates } = manual({ max: 5, maxConcurrentCreates: 2 });
    const leases = lease(pool, 5);
    expect(creates).toHaveLength(2);
    for (let made = 0; made < 5; made++) {
      expect(creates.length - made).toBeLessThanOrEqual(2);
      creates[made]?.resolve({ id: made });
      await flush();
    }
    expect(await leases).toHaveLength(5);
  });

  it('bounds those for the minimum, which go on without a pause', async () => {
    const { pool, creates } = manual({ min: 5, maxConcurrentCreates: 2 });
    const ready = pool.ready();
    for (let made = 0; made < 5; made++) {
      expect(creates.length - made).toBeLessThanOrEqual(2);
      creates[made]?.resolve({ id: made });
      await flush();
    }
    await ready;
    expect(creates).toHaveLength(5);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('goes on after creates that failed', async () => {
    const { pool, creates } = manual({ max: 3, maxConcurrentCreates: 1, createRetries: 5 });
    const leases = lease(pool, 3);
    creates[0]?.reject(new Error('no'));
    await vi.advanceTimersByTimeAsync(1_000);
    for (let tries = 1; tries < 4; tries++) {
      expect(creates).toHaveLength(tries + 1);
      creates[tries]?.resolve({ id: tries });
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(await leases).toHaveLength(3);
  });
});

describe('node-pool #256', () => {
  it('a pool that drains creates nothing that nobody waits for', async () => {
    const create = vi.fn(() => ({ id: create.mock.calls.length }));
    const { pool } = instant({ min: 2, minIdle: 1, max: 3, create });
    await pool.ready();
    const [one, two] = await lease(pool, 2);
    const { length } = create.mock.calls;
    const drained = pool.drain();
    one?.destroy();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(create).toHaveBeenCalledTimes(length);
    two?.release();
    expect(await drained).toEqual({ leaked: 0, leases: [] });
  });
});
