import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ConnectionConfig } from '../../src/index.ts';
import { deferred, flush, instant, lease, type Deferred, type Fake } from '../support.ts';

interface Check extends Deferred<boolean> {
  readonly id: number;
  readonly signal: AbortSignal;
}

function checked(config: Partial<ConnectionConfig<Fake>> = {}): ReturnType<typeof instant> & { checks: Check[] } {
  const checks: Check[] = [];
  const validate = ({ id }: Fake, signal: AbortSignal): Promise<boolean> => {
    const check = { ...deferred<boolean>(), id, signal };
    checks.push(check);
    return check.promise;
  };
  return { checks, ...instant({ validate, healthCheckInterval: 100, idleTimeout: Infinity, ...config }) };
}

describe('validate', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('runs on connections without a lease, one at a time, each interval', async () => {
    const { pool, checks } = checked();
    const [, two, three] = await lease(pool, 3);
    two?.release();
    three?.release();
    await vi.advanceTimersByTimeAsync(100);
    expect(checks.map(({ id }) => id)).toEqual([2]);
    checks[0]?.resolve(true);
    await flush();
    expect(checks.map(({ id }) => id)).toEqual([2, 3]);
    checks[1]?.resolve(true);
    await vi.advanceTimersByTimeAsync(100);
    expect(checks.map(({ id }) => id)).toEqual([2, 3, 2]);
  });

  it('runs each 30 s when no interval is given', async () => {
    const validate = vi.fn(() => true);
    const { pool } = instant({ validate, idleTimeout: Infinity });
    (await pool.acquire()).release();
    await vi.advanceTimersByTimeAsync(29_999);
    expect(validate).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(validate).toHaveBeenCalledTimes(1);
  });

  it.each([0, Infinity])('is off when the interval is %d', async (healthCheckInterval) => {
    const { pool, checks } = checked({ healthCheckInterval });
    (await pool.acquire()).release();
    await vi.advanceTimersByTimeAsync(100_000);
    expect(checks).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits for an interval that is longer than a timer can be', async () => {
    const { pool, checks } = checked({ healthCheckInterval: 2 ** 31 + 1000 });
    (await pool.acquire()).release();
    await vi.advanceTimersByTimeAsync(2 ** 31 + 999);
    expect(checks).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(checks).toHaveLength(1);
  });

  it('keeps its connection from callers, and gives it to one who came meanwhile when it passes', async () => {
    const { pool, checks } = checked({ max: 1 });
    (await pool.acquire()).release();
    await vi.advanceTimersByTimeAsync(100);
    expect(pool.tryAcquire()).toBeUndefined();
    expect(pool.getMetrics()).toMatchObject({ availableConnections: 0, inUseConnections: 0, totalConnections: 1 });
    const waiting = pool.acquire();
    checks[0]?.resolve(true);
    expect((await waiting).connection.id).toBe(1);
  });

  it('destroys a connection after maxRetries failures in a row, whether it says false or throws', async () => {
    const { pool, checks, destroyed } = checked({ maxRetries: 2 });
    const onError = vi.fn();
    pool.on('connectionError', onError);
    (await pool.acquire()).release();
    const verdicts = [false, true, false, new Error('reset')];
    for (const [round, verdict] of verdicts.entries()) {
      await vi.advanceTimersByTimeAsync(100);
      expect(destroyed).toEqual([]);
      if (verdict instanceof Error) checks[round]?.reject(verdict);
      else checks[round]?.resolve(verdict);
      await flush();
    }
    expect(destroyed).toEqual([{ id: 1, reason: 'unhealthy' }]);
    expect(onError.mock.calls.map(([event]) => event as unknown)).toMatchObject([
      { phase: 'validate', error: { code: 'POOL_VALIDATE_FAILED' }, connection: { healthy: false, failedChecks: 1 } },
      { phase: 'validate', connection: { failedChecks: 1 } },
      { phase: 'validate', error: { cause: new Error('reset') }, connection: { failedChecks: 2 } },
    ]);
  });

  it('counts as failed when it throws at once, and the slot is not lost', async () => {
    const { pool } = checked({
      max: 1,
      validate: () => {
        throw new Error('bug');
      },
    });
    (await pool.acquire()).release();
    await vi.advanceTimersByTimeAsync(100);
    expect(pool.getMetrics()).toMatchObject({ errors: 1, availableConnections: 1 });
    expect(pool.tryAcquire()).toBeDefined();
  });

  it('counts as failed when it hangs for 5 s, aborts its signal, and the round goes on', async () => {
    const { pool, checks } = checked({ max: 2 });
    for (const own of await lease(pool, 2)) own.release();
    await vi.advanceTimersByTimeAsync(5_100);
    expect(checks.map(({ id }) => id)).toEqual([1, 2]);
    expect(checks[0]?.signal.reason).toMatchObject({ code: 'POOL_VALIDATE_TIMEOUT' });
    expect(pool.getMetrics()).toMatchObject({ errors: 1, availableConnections: 1 });
    checks[0]?.resolve(true);
    await flush();
    expect(pool.getMetrics()).toMatchObject({ totalConnections: 2, availableConnections: 1 });
  });

  it('changes nothing when its connection closed itself meanwhile', async () => {
    let evict: (error?: unknown) => void = () => {};
    const { pool, checks, destroyed } = checked({ onClosed: (_, callback) => (evict = callback) });
    (await pool.acquire()).release();
    await vi.advanceTimersByTimeAsync(100);
    evict(new Error('reset'));
    expect(destroyed).toEqual([{ id: 1, reason: 'error' }]);
    checks[0]?.resolve(true);
    await flush();
    expect(pool.getMetrics()).toMatchObject({ totalConnections: 0, availableConnections: 0, inUseConnections: 0 });
  });

  it('puts its connection back where its last use says, not first for the next caller', async () => {
    const { pool, checks } = checked();
    for (const own of await lease(pool, 3)) {
      await vi.advanceTimersByTimeAsync(10);
      own.release();
    }
    await vi.advanceTimersByTimeAsync(70);
    checks[0]?.resolve(true);
    await flush();
    expect(checks.map(({ id }) => id)).toEqual([1, 2]);
    expect(pool.tryAcquire()?.connection.id).toBe(3);
    expect(pool.tryAcquire()?.connection.id).toBe(1);
  });

  it('does not keep a connection from growing too old', async () => {
    const { pool, checks, destroyed } = checked({ idleTimeout: 150 });
    for (const own of await lease(pool, 2)) own.release();
    await vi.advanceTimersByTimeAsync(100);
    checks[0]?.resolve(true);
    await vi.advanceTimersByTimeAsync(50);
    expect(destroyed).toEqual([{ id: 1, reason: 'idle' }]);
    checks[1]?.resolve(true);
    await flush();
    await vi.advanceTimersByTimeAsync(1);
    expect(destroyed.map(({ id }) => id)).toEqual([1, 2]);
  });

  it('is aborted when the pool closes, and leaves no timer', async () => {
    const { pool, checks, destroyed } = checked();
    (await pool.acquire()).release();
    await vi.advanceTimersByTimeAsync(100);
    await pool.close();
    expect(checks[0]?.signal.aborted).toBe(true);
    expect(destroyed).toEqual([{ id: 1, reason: 'shutdown' }]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
