import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionPool } from '../../src/index.ts';
import { instant, lease } from '../support.ts';

describe('leakThreshold', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('tells once of each lease that is held for longer, with where it was acquired', async () => {
    const { pool } = instant({ leakThreshold: 100 });
    const leaked = vi.fn();
    pool.on('leaseLeaked', leaked);
    const [own, other] = await lease(pool, 2);
    other?.release();
    await vi.advanceTimersByTimeAsync(99);
    expect(leaked).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1000);
    expect(leaked).toHaveBeenCalledTimes(1);
    expect(leaked.mock.calls[0]?.[0]).toMatchObject({ connection: { id: '1', leases: 1 }, held: 100 });
    expect(leaked.mock.calls[0]?.[0]).toHaveProperty('stack', expect.stringContaining('leaks.test.ts'));
    expect(pool.getMetrics().leaked).toBe(1);
    own?.release();
    expect(pool.getMetrics()).toMatchObject({ leases: 0, availableConnections: 2 });
  });

  it('looks at one call in 64 for its place until the first leak, at each after it', async () => {
    const { pool } = instant({ leakThreshold: 100, max: 70 });
    const stacks: boolean[] = [];
    pool.on('leaseLeaked', ({ stack }) => stacks.push(stack !== undefined));
    await lease(pool, 65);
    await vi.advanceTimersByTimeAsync(100);
    expect(stacks.flatMap((known, index) => (known ? [index] : []))).toEqual([0, 64]);
    stacks.length = 0;
    await lease(pool, 3);
    await vi.advanceTimersByTimeAsync(100);
    expect(stacks).toEqual([true, true, true]);
  });

  it('has close say which leases leaked, for how long they were held and where they were acquired', async () => {
    const { pool } = instant({ leakThreshold: 1000 });
    await pool.acquire();
    await vi.advanceTimersByTimeAsync(50);
    const closing = pool.close({ deadline: 10 });
    await vi.advanceTimersByTimeAsync(10);
    const { leases } = await closing;
    expect(leases).toMatchObject([{ connection: { id: '1' }, held: 60 }]);
    expect(leases[0]?.stack).toContain('leaks.test.ts');
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a lease that is garbage collected', () => {
  it('is told, and its connection is destroyed, so that its place returns', { timeout: 30_000 }, async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const destroyed = vi.fn();
    const pool = new ConnectionPool({ create: () => ({}), destroy: destroyed, max: 1, leakThreshold: 60_000 });
    const leaked = vi.fn();
    pool.on('leaseLeaked', leaked);
    await (async () => {
      await pool.acquire();
    })();
    const waiting = pool.acquire();
    await vi.waitFor(() => {
      collect();
      expect(leaked).toHaveBeenCalledTimes(1);
    });
    expect(destroyed).toHaveBeenCalledExactlyOnceWith({}, 'leaked');
    (await waiting).release();
    expect(pool.getMetrics()).toMatchObject({ leaked: 1, leases: 0, acquired: 2, released: 2 });
  });
});
