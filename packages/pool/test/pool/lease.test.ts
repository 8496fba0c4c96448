import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { flush, instant, lease } from '../support.ts';

const stale: unknown = expect.objectContaining({ name: 'PoolError', code: 'POOL_LEASE_STALE' });
const foreign: unknown = expect.objectContaining({ name: 'PoolError', code: 'POOL_LEASE_FOREIGN' });

describe('Lease', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('gives its connection until it ends and refuses it after', async () => {
    const { pool } = instant();
    const own = await pool.acquire();
    expect(own.connection).toEqual({ id: 1 });
    own.release();
    expect(() => own.connection).toThrow(stale);
  });

  it('refuses to be released or destroyed twice, and the next owner keeps the connection', async () => {
    const { pool, destroyed } = instant({ max: 1 });
    const old = await pool.acquire();
    old.release();
    const next = await pool.acquire();
    for (const again of [() => old.release(), () => old.destroy(), () => pool.release(old), () => pool.destroy(old)]) {
      expect(again).toThrow(stale);
    }
    expect(pool.tryAcquire()).toBeUndefined();
    expect(next.connection).toEqual({ id: 1 });
    expect(destroyed).toEqual([]);
    expect(pool.getMetrics()).toMatchObject({ leases: 1, released: 1 });
  });

  it('is refused by another pool and stays valid for its own', async () => {
    const [home, away] = [instant().pool, instant().pool];
    const own = await home.acquire();
    expect(() => away.release(own)).toThrow(foreign);
    expect(() => away.destroy(own)).toThrow(foreign);
    home.release(own);
    expect([home.getMetrics().leases, away.getMetrics().released]).toEqual([0, 0]);
  });

  it('destroys its connection, and the pool makes another for the next caller', async () => {
    const { pool, destroyed } = instant({ max: 1 });
    const broken = await pool.acquire();
    const next = pool.acquire();
    broken.destroy();
    expect((await next).connection).toEqual({ id: 2 });
    expect(destroyed).toEqual([{ id: 1, reason: 'destroyed' }]);
  });

  it('tells the error that it was destroyed with', async () => {
    const { pool, destroyed } = instant();
    const onError = vi.fn();
    pool.on('connectionError', onError);
    const broken = await pool.acquire();
    const error = new Error('reset');
    broken.destroy(error);
    expect(destroyed).toEqual([{ id: 1, reason: 'error' }]);
    expect(onError).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ error, phase: 'use' }));
    expect(pool.getMetrics().errors).toBe(1);
  });

  it('leaves a shared connection to its other leases when it destroys it, and ends it with the last', async () => {
    const { pool, destroyed } = instant({ concurrency: 2, max: 1 });
    const [one, two] = await lease(pool, 2);
    one?.destroy();
    expect(destroyed).toEqual([]);
    expect(two?.connection).toEqual({ id: 1 });
    expect(pool.tryAcquire()).toBeUndefined();
    two?.release();
    expect(destroyed).toEqual([{ id: 1, reason: 'destroyed' }]);
  });

  it('releases at the end of a using block, also when that throws', async () => {
    const { pool } = instant();
    const work = async (): Promise<void> => {
      using own = await pool.acquire();
      throw new Error(`failed on ${own.connection.id}`);
    };
    await expect(work()).rejects.toThrow('failed on 1');
    expect(pool.getMetrics()).toMatchObject({ leases: 0, released: 1 });
  });

  it('releases at the end of an await using block', async () => {
    const { pool } = instant();
    {
      await using own = await pool.acquire();
      expect(own.connection.id).toBe(1);
    }
    expect(pool.getMetrics()).toMatchObject({ leases: 0, released: 1 });
  });

  it('does nothing at the end of a using block when it has ended before', async () => {
    const { pool } = instant();
    {
      using own = await pool.acquire();
      own.destroy();
      await using other = await pool.acquire();
      other.release();
    }
    await flush();
    expect(pool.getMetrics()).toMatchObject({ leases: 0, released: 2, destroyed: 1 });
  });
});
