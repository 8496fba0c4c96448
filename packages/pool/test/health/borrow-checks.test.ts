import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ConnectionConfig } from '../../src/index.ts';
import { deferred, flush, instant, lease, outcome, type Deferred, type Fake } from '../support.ts';

interface Check extends Deferred<boolean> {
  readonly id: number;
}

function checked(config: Partial<ConnectionConfig<Fake>> = {}): ReturnType<typeof instant> & { checks: Check[] } {
  const checks: Check[] = [];
  const validate = ({ id }: Fake): Promise<boolean> => {
    const check = { ...deferred<boolean>(), id };
    checks.push(check);
    return check.promise;
  };
  return { checks, ...instant({ validate, healthCheckInterval: 0, idleTimeout: Infinity, ...config }) };
}

describe('validateAfter', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('has a connection checked before it is leased when nobody has used it for longer', async () => {
    const { pool, checks } = checked();
    (await pool.acquire()).release();
    await vi.advanceTimersByTimeAsync(500);
    (await pool.acquire()).release();
    expect(checks).toEqual([]);
    await vi.advanceTimersByTimeAsync(501);
    const waiting = pool.acquire();
    expect(checks.map(({ id }) => id)).toEqual([1]);
    expect(pool.getMetrics()).toMatchObject({ pending: 1, creating: 0 });
    checks[0]?.resolve(true);
    expect((await waiting).connection.id).toBe(1);
  });

  it('destroys what fails at once, and the caller gets the next one or a new one', async () => {
    const { pool, checks, destroyed } = checked({ max: 2 });
    for (const own of await lease(pool, 2)) own.release();
    await vi.advanceTimersByTimeAsync(501);
    const waiting = pool.acquire();
    checks[0]?.resolve(false);
    await flush();
    expect(destroyed).toEqual([{ id: 2, reason: 'unhealthy' }]);
    expect(checks.map(({ id }) => id)).toEqual([2, 1]);
    // What one check has found may hold for all: nobody waits for the second.
    expect((await waiting).connection.id).toBe(3);
    checks[1]?.resolve(true);
    await flush();
    expect(pool.getMetrics()).toMatchObject({ totalConnections: 2, availableConnections: 1, errors: 1 });
  });

  it('lets a caller leave without the check, whose connection serves the next one', async () => {
    const { pool, checks } = checked({ max: 1 });
    (await pool.acquire()).release();
    await vi.advanceTimersByTimeAsync(501);
    const waiting = outcome(pool.acquire({ timeout: 10 }));
    await vi.advanceTimersByTimeAsync(10);
    expect(await waiting).toHaveProperty('error.code', 'POOL_ACQUIRE_TIMEOUT');
    checks[0]?.resolve(true);
    await flush();
    expect(pool.tryAcquire()?.connection.id).toBe(1);
  });

  it('makes tryAcquire start the check and return nothing until it has passed', async () => {
    const { pool, checks } = checked();
    (await pool.acquire()).release();
    await vi.advanceTimersByTimeAsync(501);
    expect(pool.tryAcquire()).toBeUndefined();
    checks[0]?.resolve(true);
    await flush();
    expect(pool.tryAcquire()?.connection.id).toBe(1);
  });

  it('does not count a caller who waits for a check as one who fills the queue', async () => {
    const { pool, checks } = checked({ max: 1, maxPending: 0 });
    (await pool.acquire()).release();
    await vi.advanceTimersByTimeAsync(501);
    const waiting = pool.acquire();
    checks[0]?.resolve(true);
    await expect(waiting).resolves.toBeDefined();
  });

  it('is never when it is Infinity, and needs validate', async () => {
    const { pool, checks } = checked({ validateAfter: Infinity });
    (await pool.acquire()).release();
    await vi.advanceTimersByTimeAsync(1e6);
    await pool.acquire();
    expect(checks).toEqual([]);
    expect(() => instant({ validateAfter: 5 })).toThrow('validateAfter needs a validate function, got undefined');
  });
});
