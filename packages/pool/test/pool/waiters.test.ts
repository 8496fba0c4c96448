import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PoolError } from '../../src/index.ts';
import { Waiters, type Patience } from '../../src/pool/waiters.ts';
import { instant, lease, outcome } from '../support.ts';

const patience = (timeout: number, signal: AbortSignal | undefined, priority = 0): Patience => ({
  timeout,
  signal,
  priority,
});

describe('Waiters', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const queue = (): { waiters: Waiters<string>; left: string[] } => {
    const left: string[] = [];
    const timedOut = (waited: number): Error => {
      left.push(`timed out after ${waited}`);
      return new Error('timed out');
    };
    const waiters = new Waiters<string>(performance, timedOut, () => left.push('aborted'));
    return { waiters, left };
  };

  it('gives callers out in order of arrival and then undefined', async () => {
    const { waiters } = queue();
    const all = [
      waiters.join(patience(100, undefined), performance.now()),
      waiters.join(patience(10, undefined), performance.now()),
      waiters.join(patience(Infinity, undefined), performance.now()),
    ];
    for (const value of ['a', 'b', 'c']) waiters.shift()?.resolve(value);
    expect(waiters.shift()).toBeUndefined();
    await expect(Promise.all(all)).resolves.toEqual(['a', 'b', 'c']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('gives a caller of a priority the head start of a second for each step, and no more', async () => {
    const { waiters } = queue();
    const order: string[] = [];
    const join = (name: string, priority: number): void => {
      void waiters.join(patience(Infinity, undefined, priority), performance.now()).then(() => order.push(name));
    };
    join('early', 0);
    await vi.advanceTimersByTimeAsync(999);
    join('just soon enough', 1);
    join('seven seconds', 7);
    await vi.advanceTimersByTimeAsync(2);
    join('too late', 1);
    while (waiters.size > 0) waiters.shift()?.resolve('');
    await vi.advanceTimersByTimeAsync(0);
    expect(order).toEqual(['seven seconds', 'just soon enough', 'early', 'too late']);
  });

  it('rejects a caller at its own deadline and keeps the others', async () => {
    const { waiters, left } = queue();
    const late = waiters.join(patience(50, undefined), performance.now());
    const early = outcome(waiters.join(patience(20, undefined), performance.now()));
    await vi.advanceTimersByTimeAsync(20);
    expect(await early).toEqual({ error: new Error('timed out') });
    expect(left).toEqual(['timed out after 20']);
    expect(waiters.size).toBe(1);
    waiters.shift()?.resolve('served');
    await expect(late).resolves.toBe('served');
  });

  it('rejects with the reason itself when a signal aborts, and leaves no listener and no timer', async () => {
    const { waiters, left } = queue();
    const controller = new AbortController();
    const waiting = outcome(waiters.join(patience(50, controller.signal), performance.now()));
    const reason = { any: 'thing' };
    controller.abort(reason);
    const result = await waiting;
    expect('error' in result && result.error).toBe(reason);
    expect(left).toEqual(['aborted']);
    expect([waiters.size, vi.getTimerCount(), getEventListeners(controller.signal, 'abort').length]).toEqual([0, 0, 0]);
  });

  it('has one listener on a signal for all of its callers, and takes it off when the last is served or times out', async () => {
    const { waiters } = queue();
    const { signal } = new AbortController();
    const served = waiters.join(patience(50, signal), performance.now());
    const unserved = outcome(waiters.join(patience(50, signal), performance.now()));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    waiters.shift()?.resolve('served');
    await served;
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(50);
    await unserved;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('ConnectionPool.acquire', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('serves those who wait in order of calling when leases end', async () => {
    const { pool } = instant({ max: 1 });
    const first = await pool.acquire();
    const order: string[] = [];
    const second = pool.acquire().then((own) => {
      order.push('second');
      return own;
    });
    const third = pool.acquire().then(() => order.push('third'));
    first.release();
    (await second).release();
    await third;
    expect(order).toEqual(['second', 'third']);
  });

  it('lets no newcomer overtake: the freed place belongs to the caller who waits in the same turn', async () => {
    const { pool } = instant({ max: 1 });
    const own = await pool.acquire();
    const waiting = pool.acquire();
    own.release();
    expect(pool.tryAcquire()).toBeUndefined();
    expect(pool.getMetrics()).toMatchObject({ leases: 1, pending: 0 });
    await expect(waiting).resolves.toHaveProperty('connection', { id: 1 });
  });

  it('rejects with what it saw when no place became free in time', async () => {
    const { pool } = instant({ max: 2, acquireTimeout: 70 });
    await lease(pool, 2);
    const waiting = outcome(pool.acquire());
    const other = outcome(pool.acquire({ timeout: 500 }));
    await vi.advanceTimersByTimeAsync(70);
    const result = await waiting;
    const error = 'error' in result ? result.error : undefined;
    expect(error).toBeInstanceOf(PoolError);
    expect(error).toMatchObject({ code: 'POOL_ACQUIRE_TIMEOUT', waited: 70, pending: 1, total: 2, leased: 2 });
    expect(pool.getMetrics()).toMatchObject({ timeouts: 1, pending: 1 });
    await vi.advanceTimersByTimeAsync(430);
    expect(await other).toHaveProperty('error.waited', 500);
  });

  it('refuses at once when maxPending callers wait', async () => {
    const { pool } = instant({ max: 1, maxPending: 1 });
    const own = await pool.acquire();
    const waiting = pool.acquire();
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'POOL_QUEUE_FULL', pending: 1, total: 1, leased: 1 });
    expect(pool.getMetrics().rejected).toBe(1);
    own.release();
    await expect(waiting).resolves.toBeDefined();
  });

  it('takes a burst of all its places when it is cold, whatever maxPending, and refuses the next', async () => {
    const { pool } = instant({ max: 2, concurrency: 2, maxPending: 0 });
    const burst = lease(pool, 4);
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'POOL_QUEUE_FULL' });
    await expect(burst).resolves.toHaveLength(4);
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'POOL_QUEUE_FULL', leased: 2 });
  });

  it('rejects with the reason untouched when its signal has aborted or aborts, and loses no place', async () => {
    const { pool } = instant({ max: 1 });
    const reason = new Error('gone');
    await expect(pool.acquire({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const own = await pool.acquire();
    const controller = new AbortController();
    const waiting = outcome(pool.acquire({ signal: controller.signal }));
    const next = pool.acquire();
    controller.abort(reason);
    expect(await waiting).toEqual({ error: reason });
    own.release();
    await expect(next).resolves.toBeDefined();
    expect(pool.getMetrics()).toMatchObject({ aborted: 2, acquired: 2, pending: 0 });
  });

  it('sets no timer and no listener when a connection is free', async () => {
    const { pool } = instant({ idleTimeout: Infinity });
    (await pool.acquire()).release();
    const { signal } = new AbortController();
    const waiting = pool.acquire({ signal, timeout: 50 });
    expect([vi.getTimerCount(), getEventListeners(signal, 'abort').length]).toEqual([0, 0]);
    (await waiting).release();
  });
});
