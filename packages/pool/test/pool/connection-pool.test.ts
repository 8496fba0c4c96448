import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionPool, type PooledConnection } from '../../src/index.ts';
import { deferred, flush, instant, lease, manual, outcome } from '../support.ts';

const closed: unknown = expect.objectContaining({ code: 'POOL_CLOSED' });

describe('ConnectionPool', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('makes a connection for the first caller and reuses it for the next', async () => {
    const create = vi.fn(() => ({ id: 1 }));
    const { pool } = instant({ create });
    (await pool.acquire()).release();
    (await pool.acquire()).release();
    expect(create).toHaveBeenCalledTimes(1);
  });

  it('works without destroy', async () => {
    const pool = new ConnectionPool({ create: () => 'a connection' });
    (await pool.acquire()).destroy();
    expect(pool.getMetrics()).toMatchObject({ created: 1, destroyed: 1, totalConnections: 0 });
  });

  describe('tryAcquire', () => {
    it('leases what is ready and never starts a create', async () => {
      const { pool } = instant();
      expect(pool.tryAcquire()).toBeUndefined();
      expect(pool.getMetrics().creating).toBe(0);
      (await pool.acquire()).release();
      expect(pool.tryAcquire()?.connection.id).toBe(1);
    });
  });

  describe('use', () => {
    it('returns what fn returns and releases', async () => {
      const { pool } = instant();
      await expect(pool.use(async ({ id }) => `used ${id}`)).resolves.toBe('used 1');
      await expect(pool.use(({ id }) => id)).resolves.toBe(1);
      expect(pool.getMetrics()).toMatchObject({ leases: 0, released: 2, created: 1 });
    });

    it('rejects with the error of fn itself and keeps the connection', async () => {
      const { pool } = instant();
      const error = new Error('no such table');
      await expect(pool.use(() => Promise.reject(error))).rejects.toBe(error);
      expect(pool.getMetrics()).toMatchObject({ leases: 0, availableConnections: 1, errors: 0 });
    });

    it('leaves it to fn to destroy the connection', async () => {
      const { pool, destroyed } = instant();
      await pool.use((_, own) => own.destroy());
      expect(destroyed).toEqual([{ id: 1, reason: 'destroyed' }]);
      expect(pool.getMetrics().released).toBe(1);
    });

    it('waits within its timeout and signal', async () => {
      const { pool } = instant({ max: 1 });
      await pool.acquire();
      const fn = vi.fn();
      const late = outcome(pool.use(fn, { timeout: 5 }));
      const reason = new Error('gone');
      await expect(pool.use(fn, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      await vi.advanceTimersByTimeAsync(5);
      expect(await late).toHaveProperty('error.code', 'POOL_ACQUIRE_TIMEOUT');
      expect(fn).not.toHaveBeenCalled();
    });
  });

  describe('destroy', () => {
    it('costs the pool nothing but an event when the callback throws, rejects or hangs', async () => {
      const error = new Error('cannot destroy');
      const callbacks = [
        () => {
          throw error;
        },
        () => Promise.reject(error),
        () => new Promise(() => {}),
      ];
      for (const destroy of callbacks) {
        const { pool } = instant({ max: 1, destroy });
        const onError = vi.fn();
        pool.on('connectionError', onError);
        const own = await pool.acquire();
        const next = pool.acquire();
        own.destroy();
        expect((await next).connection.id).toBe(2);
        const hangs = callbacks.indexOf(destroy) === 2;
        const event: unknown = expect.objectContaining({ error, phase: 'destroy' });
        expect(onError.mock.calls).toEqual(hangs ? [] : [[event]]);
        expect(pool.getMetrics()).toMatchObject({ errors: hangs ? 0 : 1, totalConnections: 1 });
      }
    });
  });

  describe('close', () => {
    it('refuses new callers and those who wait, and destroys what is idle at once', async () => {
      const { pool, destroyed } = instant({ max: 2 });
      const [one, two] = await lease(pool, 2);
      const waiting = outcome(pool.acquire());
      const closing = pool.close();
      expect(await waiting).toEqual({ error: closed });
      await expect(pool.acquire()).rejects.toEqual(closed);
      expect(() => pool.tryAcquire()).toThrow(closed);
      expect(pool.getMetrics()).toMatchObject({ rejected: 3, pending: 0 });
      one?.release();
      expect(destroyed).toEqual([{ id: 1, reason: 'shutdown' }]);
      two?.release();
      await closing;
    });

    it('resolves when the leases have come back, and their connections are destroyed', async () => {
      const { pool, destroyed } = instant();
      const [one, two] = await lease(pool, 2);
      one?.release();
      const closing = pool.close();
      expect(destroyed).toEqual([{ id: 1, reason: 'shutdown' }]);
      const ended = vi.fn();
      void closing.then(ended);
      await flush();
      expect(ended).not.toHaveBeenCalled();
      two?.release();
      await expect(closing).resolves.toEqual({ leaked: 0, leases: [] });
      expect(destroyed.map(({ id }) => id)).toEqual([1, 2]);
      expect(vi.getTimerCount()).toBe(0);
    });

    it('destroys the rest at the deadline, tells how many leases leaked, and lets them end still', async () => {
      const { pool, destroyed } = instant();
      const [one, two] = await lease(pool, 2);
      const closing = pool.close({ deadline: 100 });
      await vi.advanceTimersByTimeAsync(99);
      expect(destroyed).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      await expect(closing).resolves.toMatchObject({
        leaked: 2,
        leases: [{ connection: { id: '1' } }, { connection: { id: '2' } }],
      });
      expect(destroyed.map(({ id, reason }) => `${id} ${reason}`)).toEqual(['1 shutdown', '2 shutdown']);
      one?.release();
      two?.destroy();
      expect(destroyed).toHaveLength(2);
      expect(pool.getMetrics()).toMatchObject({ leases: 0, released: 2, destroyed: 2, totalConnections: 0 });
    });

    it('waits 30 s by default', async () => {
      const { pool } = instant();
      await pool.acquire();
      const closing = pool.close();
      const ended = vi.fn();
      void closing.then(ended);
      await vi.advanceTimersByTimeAsync(29_999);
      expect(ended).not.toHaveBeenCalled();
      await vi.advanceTimersByTimeAsync(1);
      expect(ended).toHaveBeenCalledWith(expect.objectContaining({ leaked: 1 }));
    });

    it('aborts creates, and destroys the connection of one that succeeds nevertheless', async () => {
      const { pool, creates, destroyed } = manual();
      const waiting = outcome(pool.acquire());
      const closing = pool.close();
      expect(await waiting).toEqual({ error: closed });
      expect(creates[0]?.signal.reason).toEqual(closed);
      creates[0]?.resolve({ id: 1 });
      await expect(closing).resolves.toEqual({ leaked: 0, leases: [] });
      expect(destroyed).toEqual([{ id: 1, reason: 'shutdown' }]);
    });

    it('resolves when the creates that it aborted fail with its reason or an AbortError, which is no error', async () => {
      const { pool, creates } = manual();
      const waiting = [outcome(pool.acquire()), outcome(pool.acquire())];
      const closing = pool.close();
      creates[0]?.reject(creates[0].signal.reason);
      creates[1]?.reject(new DOMException('aborted', 'AbortError'));
      await expect(closing).resolves.toEqual({ leaked: 0, leases: [] });
      await Promise.all(waiting);
      expect(pool.getMetrics().errors).toBe(0);
    });

    it('tells and counts a create that fails by itself meanwhile', async () => {
      const { pool, creates } = manual({ createTimeout: 50 });
      const onError = vi.fn();
      pool.on('connectionError', onError);
      const waiting = [outcome(pool.acquire()), outcome(pool.acquire())];
      const closing = pool.close();
      const cause = new Error('ECONNREFUSED');
      creates[0]?.reject(cause);
      await vi.advanceTimersByTimeAsync(50);
      await expect(closing).resolves.toEqual({ leaked: 0, leases: [] });
      await Promise.all(waiting);
      expect(onError.mock.calls).toMatchObject([
        [{ phase: 'create', error: { code: 'POOL_CREATE_FAILED', cause } }],
        [{ phase: 'create', error: { code: 'POOL_CREATE_TIMEOUT' } }],
      ]);
      expect(pool.getMetrics()).toMatchObject({ errors: 2, rejected: 2 });
    });

    it('leaves a create that hangs behind at the deadline, and destroys its connection whenever it comes', async () => {
      const { pool, creates, destroyed } = manual();
      const waiting = outcome(pool.acquire());
      const closing = pool.close({ deadline: 100 });
      await waiting;
      await vi.advanceTimersByTimeAsync(100);
      await expect(closing).resolves.toEqual({ leaked: 0, leases: [] });
      expect(vi.getTimerCount()).toBe(0);
      creates[0]?.resolve({ id: 1 });
      await flush();
      expect(destroyed).toEqual([{ id: 1, reason: 'late' }]);
    });

    it('waits for destroys in flight, up to its deadline', async () => {
      const destroys = [deferred<void>(), deferred<void>()];
      const { pool } = instant({ destroy: ({ id }) => destroys[id - 1]?.promise });
      for (const own of await lease(pool, 2)) own.destroy();
      const closing = pool.close({ deadline: 100 });
      const ended = vi.fn();
      void closing.then(ended);
      destroys[0]?.resolve();
      await flush();
      expect(ended).not.toHaveBeenCalled();
      await vi.advanceTimersByTimeAsync(100);
      expect(ended).toHaveBeenCalledWith({ leaked: 0, leases: [] });
    });

    it('returns the same promise each time', async () => {
      const { pool } = instant();
      const closing = pool.close();
      expect(pool.close({ deadline: 5 })).toBe(closing);
      await pool[Symbol.asyncDispose]();
      await expect(closing).resolves.toEqual({ leaked: 0, leases: [] });
    });

    it('stops the refill of min', async () => {
      const { pool, creates } = manual({ min: 1 });
      await pool.close();
      await flush();
      expect(creates).toEqual([]);
    });
  });

  describe('events', () => {
    it('tell each change once, in order, as frozen objects', async () => {
      const { pool } = instant({ max: 1 });
      const heard: string[] = [];
      const names = ['connectionCreated', 'connectionAcquired', 'connectionReleased', 'connectionDestroyed'] as const;
      for (const name of names) {
        pool.on(name, (event: { readonly connection: object }) => {
          expect(Object.isFrozen(event) && Object.isFrozen(event.connection)).toBe(true);
          heard.push(name);
        });
      }
      const own = await pool.acquire();
      const waiting = pool.acquire();
      own.release();
      (await waiting).destroy();
      expect(heard).toEqual([
        'connectionCreated',
        'connectionAcquired',
        'connectionReleased',
        'connectionAcquired',
        'connectionReleased',
        'connectionDestroyed',
      ]);
    });

    it('show what can be seen of the connection, after the change', async () => {
      const { pool } = instant();
      const created = vi.fn();
      const acquired = vi.fn();
      const released = vi.fn();
      const destroyed = vi.fn(() => expect(pool.getMetrics().totalConnections).toBe(0));
      pool.on('connectionCreated', created).on('connectionAcquired', acquired);
      pool.on('connectionReleased', released).on('connectionDestroyed', destroyed);
      const start = performance.now();
      const own = await pool.acquire();
      const connection = { id: '1', created: start, lastUsed: start, leases: 0, healthy: true, failedChecks: 0 };
      expect(created).toHaveBeenCalledExactlyOnceWith({ connection });
      expect(acquired).toHaveBeenCalledExactlyOnceWith({ connection: { ...connection, leases: 1 } });
      await vi.advanceTimersByTimeAsync(20);
      own.destroy();
      const after = { ...connection, lastUsed: start + 20 };
      expect(released).toHaveBeenCalledExactlyOnceWith({ connection: after });
      expect(destroyed).toHaveBeenCalledExactlyOnceWith({ connection: after, reason: 'destroyed' });
      expect(destroyed).toHaveReturned();
    });

    it('show each change as it was, whoever got the place in the same turn', async () => {
      const { pool } = instant({ max: 1, concurrency: 2 });
      const heard: string[] = [];
      for (const name of ['connectionCreated', 'connectionAcquired', 'connectionReleased'] as const) {
        pool.on(name, ({ connection }: { connection: PooledConnection }) => heard.push(`${name} ${connection.leases}`));
      }
      const [one] = await lease(pool, 2);
      const waiting = pool.acquire();
      one?.release();
      await waiting;
      expect(heard).toEqual([
        'connectionCreated 0',
        'connectionAcquired 1',
        'connectionAcquired 2',
        'connectionReleased 1',
        'connectionAcquired 2',
      ]);
    });

    it('find the metrics settled: a connection that was lost without a lease is not in use', async () => {
      let evict: (error?: unknown) => void = () => {};
      const { pool } = instant({ onClosed: (_, callback) => (evict = callback) });
      (await pool.acquire()).release();
      const seen: unknown[] = [];
      pool.on('connectionError', () => seen.push(pool.getMetrics()));
      evict(new Error('reset'));
      expect(seen).toEqual([
        expect.objectContaining({ inUseConnections: 0, totalConnections: 0, leases: 0, errors: 1 }),
      ]);
    });

    it('break nothing when an async listener rejects', async () => {
      const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
      const { pool } = instant();
      const listener: () => unknown = () => Promise.reject(new Error('async listener'));
      pool.on('connectionAcquired', listener);
      (await pool.acquire()).release();
      await flush();
      expect(warned).toHaveBeenCalledExactlyOnceWith(new Error('async listener'));
      warned.mockRestore();
    });

    it('break nothing when a listener throws', async () => {
      const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
      const { pool } = instant();
      pool.on('connectionAcquired', () => {
        throw new Error('listener');
      });
      (await pool.acquire()).release();
      expect(warned).toHaveBeenCalledWith(new Error('listener'));
      expect(pool.getMetrics()).toMatchObject({ acquired: 1, released: 1, leases: 0 });
      warned.mockRestore();
    });

    it('may call the pool', async () => {
      const { pool } = instant({ max: 1 });
      const seen: unknown[] = [];
      pool.on('connectionReleased', () => seen.push(pool.tryAcquire()));
      (await pool.acquire()).release();
      expect(seen).toHaveLength(1);
      expect(pool.getMetrics()).toMatchObject({ acquired: 2, leases: 1 });
    });
  });
});
