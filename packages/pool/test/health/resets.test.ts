import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deferred, flush, instant, lease } from '../support.ts';

describe('reset', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('runs when the last lease ends, and costs no turn when it is done at once', async () => {
    const reset = vi.fn();
    const { pool } = instant({ reset, concurrency: 2, max: 1 });
    const [one, two] = await lease(pool, 2);
    one?.release();
    expect(reset).not.toHaveBeenCalled();
    two?.release();
    expect(reset).toHaveBeenCalledExactlyOnceWith({ id: 1 });
    expect(pool.tryAcquire()?.connection.id).toBe(1);
  });

  it('keeps the place until its promise is fulfilled, then the next caller has it', async () => {
    const resets = [deferred<void>(), deferred<void>()];
    let started = 0;
    const { pool } = instant({ reset: () => resets[started++]?.promise, max: 1 });
    (await pool.acquire()).release();
    const waiting = pool.acquire();
    expect(pool.tryAcquire()).toBeUndefined();
    expect(pool.getMetrics()).toMatchObject({ leases: 0, availableConnections: 0, pending: 1 });
    resets[0]?.resolve();
    expect((await waiting).connection.id).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each(['throws', 'rejects', 'hangs for 5 s'])(
    'destroys the connection when it %s, and loses no place',
    async (how) => {
      const cause = new Error('cannot reset');
      const { pool, destroyed } = instant({
        max: 1,
        reset: () => {
          if (how === 'throws') throw cause;
          return how === 'rejects' ? Promise.reject(cause) : new Promise(() => {});
        },
      });
      const onError = vi.fn();
      pool.on('connectionError', onError);
      (await pool.acquire()).release();
      const waiting = pool.acquire();
      await vi.advanceTimersByTimeAsync(how === 'hangs for 5 s' ? 5_000 : 0);
      expect((await waiting).connection.id).toBe(2);
      expect(destroyed).toEqual([{ id: 1, reason: 'error' }]);
      const error = how === 'hangs for 5 s' ? { code: 'POOL_RESET_TIMEOUT' } : { code: 'POOL_RESET_FAILED', cause };
      expect(onError.mock.calls).toMatchObject([[{ phase: 'reset', error }]]);
    },
  );

  it('is not for a connection that is to be destroyed, and is not awaited by close', async () => {
    const reset = vi.fn(() => new Promise(() => {}));
    const { pool, destroyed } = instant({ reset });
    const [one, two] = await lease(pool, 2);
    one?.destroy();
    expect(reset).not.toHaveBeenCalled();
    two?.release();
    await expect(pool.close()).resolves.toEqual({ leaked: 0, leases: [] });
    expect(destroyed.map(({ reason }) => reason)).toEqual(['destroyed', 'shutdown']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('changes nothing when its connection was lost meanwhile', async () => {
    const done = deferred<void>();
    let evict: (error?: unknown) => void = () => {};
    const { pool, destroyed } = instant({ reset: () => done.promise, onClosed: (_, callback) => (evict = callback) });
    const onError = vi.fn();
    pool.on('connectionError', onError);
    (await pool.acquire()).release();
    evict(new Error('gone'));
    expect(onError).toHaveBeenCalledWith(expect.objectContaining({ phase: 'reset' }));
    done.resolve();
    await flush();
    expect(destroyed).toHaveLength(1);
    expect(pool.getMetrics()).toMatchObject({ totalConnections: 0, availableConnections: 0 });
  });
});
