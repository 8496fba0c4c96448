import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { flush, instant, lease, manual, outcome } from '../support.ts';

describe('ready', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('resolves when min connections exist, and starts what lacks at once', async () => {
    const { pool, creates } = manual({ min: 2 });
    let isReady = false;
    void pool.ready().then(() => (isReady = true));
    creates[0]?.resolve({ id: 1 });
    await flush();
    expect(isReady).toBe(false);
    creates[1]?.resolve({ id: 2 });
    await flush();
    expect(isReady).toBe(true);
    await expect(pool.ready()).resolves.toBeUndefined();
  });

  it('rejects with the cause when creates fail for good, and when the pool closes', async () => {
    const cause = new Error('no such host');
    const down = instant({ min: 1, create: () => Promise.reject(cause) });
    const ready = outcome(down.pool.ready());
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await ready).toMatchObject({ error: { code: 'POOL_UNAVAILABLE', cause: { cause } } });
    const closing = manual({ min: 1 });
    const never = outcome(closing.pool.ready());
    void closing.pool.close({ deadline: 0 });
    expect(await never).toMatchObject({ error: { code: 'POOL_CLOSED' } });
    await expect(closing.pool.ready()).rejects.toMatchObject({ code: 'POOL_CLOSED' });
    await vi.advanceTimersByTimeAsync(1);
  });
});

describe('resize', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('makes what min lacks and lets those who wait have what max allows', async () => {
    const { pool } = instant({ max: 1 });
    await pool.acquire();
    const waiting = pool.acquire();
    pool.resize({ max: 3, min: 3 });
    expect((await waiting).connection.id).toBe(2);
    await flush();
    expect(pool.getMetrics()).toMatchObject({ totalConnections: 3, availableConnections: 1 });
  });

  it('destroys what is too much, idle connections first and leased ones when they come back', async () => {
    const { pool, destroyed } = instant({ max: 4 });
    const [one, two, three] = await lease(pool, 4);
    one?.release();
    pool.resize({ max: 2 });
    expect(destroyed).toEqual([{ id: 1, reason: 'surplus' }]);
    expect(pool.getMetrics().totalConnections).toBe(3);
    two?.release();
    three?.release();
    expect(destroyed.map(({ id }) => id)).toEqual([1, 2]);
    expect(pool.getMetrics()).toMatchObject({ totalConnections: 2 });
  });

  it('destroys what arrives when there is no room for it any more', async () => {
    const { pool, creates, destroyed } = manual({ max: 2 });
    const waiting = [pool.acquire(), outcome(pool.acquire({ timeout: 10 }))] as const;
    pool.resize({ max: 1 });
    creates[0]?.resolve({ id: 1 });
    creates[1]?.resolve({ id: 2 });
    await waiting[0];
    await vi.advanceTimersByTimeAsync(10);
    await waiting[1];
    expect(destroyed).toEqual([{ id: 2, reason: 'surplus' }]);
  });

  it('lets idle connections expire that a lower min does not keep', async () => {
    const { pool } = instant({ min: 2, idleTimeout: 100 });
    await flush();
    await vi.advanceTimersByTimeAsync(1000);
    pool.resize({ min: 0 });
    await vi.advanceTimersByTimeAsync(100);
    expect(pool.getMetrics().totalConnections).toBe(0);
  });

  it('throws at once when a bound is wrong', () => {
    const { pool } = instant({ min: 2 });
    expect(() => pool.resize({ max: 1 })).toThrow('min must be an integer >= 0 and <= 1, got 2');
    expect(() => pool.resize({ max: 0 })).toThrow(RangeError);
    expect(() => pool.resize(5 as unknown as object)).toThrow(
      'Cannot resize the pool: the size must be an object, got 5',
    );
    expect(() => instant({ max: 'auto' }).pool.resize({ max: 3 })).toThrow("max is 'auto', got 3");
  });
});

describe('max: auto', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('begins with 10 and opens more while that serves callers faster', async () => {
    const { pool } = instant({ max: 'auto', maxPending: Infinity, acquireTimeout: Infinity });
    const work = async (): Promise<void> => {
      for (let turn = 0; turn < 60; turn += 1) {
        await pool.use(() => new Promise((resolve) => setTimeout(resolve, 10)));
      }
    };
    const workers = Promise.all(Array.from({ length: 100 }, work));
    await flush();
    expect(pool.getMetrics().totalConnections).toBe(10);
    await vi.advanceTimersByTimeAsync(10_000);
    await workers;
    expect(pool.getMetrics().created).toBeGreaterThan(15);
  });
});

describe('concurrency as a function', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is asked when a lease is granted or ends, and counts as 1 when it says less or throws', async () => {
    let places = 2;
    const { pool } = instant({ max: 1, concurrency: () => places });
    const all = await lease(pool, 2);
    const waiting = [pool.acquire(), pool.acquire()];
    places = 4;
    all[0]?.release();
    await Promise.all(waiting);
    expect(pool.getMetrics()).toMatchObject({ leases: 3, utilizationRate: 75 });
    places = NaN;
    all[1]?.release();
    expect(pool.tryAcquire()).toBeUndefined();
    expect(pool.getMetrics().leases).toBe(2);
  });
});

describe('drain', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('refuses newcomers, serves those who wait, and closes when the last lease has ended', async () => {
    const { pool, destroyed } = instant({ max: 1 });
    const own = await pool.acquire();
    const waiting = pool.acquire();
    const drained = pool.drain();
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'POOL_CLOSED' });
    own.release();
    const last = await waiting;
    expect(destroyed).toEqual([]);
    last.release();
    await expect(drained).resolves.toEqual({ leaked: 0, leases: [] });
    expect(destroyed).toEqual([{ id: 1, reason: 'shutdown' }]);
    expect(pool.drain()).toBe(drained);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits for no longer than its deadline, and close can cut it short', async () => {
    const slow = instant({ max: 1 });
    await slow.pool.acquire();
    const waiting = outcome(slow.pool.acquire());
    const drained = slow.pool.drain({ deadline: 100 });
    await vi.advanceTimersByTimeAsync(100);
    expect(await waiting).toMatchObject({ error: { code: 'POOL_CLOSED' } });
    await expect(drained).resolves.toMatchObject({ leaked: 1 });
    const cut = instant();
    await cut.pool.acquire();
    void cut.pool.drain();
    const closing = cut.pool.close({ deadline: 0 });
    await vi.advanceTimersByTimeAsync(1);
    await expect(closing).resolves.toMatchObject({ leaked: 1 });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the drain event', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('tells when the queue, once full, is half empty', async () => {
    const { pool } = instant({ max: 1, maxPending: 4 });
    const drain = vi.fn();
    pool.on('drain', drain);
    let own = await pool.acquire();
    const waiting = Array.from({ length: 4 }, () => pool.acquire());
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'POOL_QUEUE_FULL' });
    own.release();
    own = (await waiting[0]) ?? own;
    expect(drain).not.toHaveBeenCalled();
    own.release();
    expect(drain).toHaveBeenCalledExactlyOnceWith({ pending: 2 });
    (await waiting[1])?.release();
    expect(drain).toHaveBeenCalledTimes(1);
  });
});
