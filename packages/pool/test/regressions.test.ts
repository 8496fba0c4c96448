import { List, type Link } from '@forge/internal';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionPool } from '../src/index.ts';
import { flush, instant, lease, manual, outcome } from './support.ts';

/** Each bug has bitten users of the pools that are named with it; here it must never appear. */
describe('famous bugs', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('node-pool #19, #33: a second release does not give one connection to two owners', async () => {
    const { pool } = instant({ max: 2 });
    const [one, two] = await lease(pool, 2);
    const waiting = [pool.acquire(), pool.acquire()];
    one?.release();
    expect(() => one?.release()).toThrow(expect.objectContaining({ code: 'POOL_LEASE_STALE' }));
    two?.release();
    const owners = await Promise.all(waiting);
    expect(new Set(owners.map((own) => own.connection.id))).toEqual(new Set([1, 2]));
  });

  it('generic-pool, tarn, sequelize-pool, lightning-pool: a stale release ends nothing of the next owner', async () => {
    const { pool } = instant({ max: 1 });
    const old = await pool.acquire();
    old.release();
    const own = await pool.acquire();
    const waiting = pool.acquire();
    for (const end of [() => old.release(), () => old.destroy(), () => pool.release(old), () => old.connection]) {
      expect(end).toThrow(expect.objectContaining({ code: 'POOL_LEASE_STALE' }));
    }
    old[Symbol.dispose]();
    expect(pool.getMetrics()).toMatchObject({ leases: 1, pending: 1 });
    own.release();
    expect((await waiting).connection.id).toBe(1);
  });

  it.each(['rejects', 'throws'])(
    'node-pool #175, #183, #197, #161, #194, #273: a create that always %s neither spins nor leaves callers hanging',
    async (how) => {
      const refused = new Error('ECONNREFUSED');
      const create = vi.fn(() => {
        if (how === 'throws') throw refused;
        return Promise.reject(refused);
      });
      const pool = new ConnectionPool({ create, max: 3, min: 2 });
      const ends = Promise.all(Array.from({ length: 20 }, () => outcome(pool.acquire())));
      await vi.advanceTimersByTimeAsync(1_500);
      expect(create.mock.calls.length).toBeLessThanOrEqual(3 + 5);
      expect((await ends).every((end) => 'error' in end)).toBe(true);
      await vi.advanceTimersByTimeAsync(60_000);
      expect(create.mock.calls.length).toBeLessThanOrEqual(3 + 5 + 20);
    },
  );

  it('knex #1694, #1382, node-postgres #3543, #2243, #3197, tarn #61: a connection that arrives after its caller has gone is not leaked', async () => {
    const { pool, creates } = manual({ max: 1, acquireTimeout: 10 });
    const gone = outcome(pool.acquire());
    await vi.advanceTimersByTimeAsync(10);
    expect(await gone).toHaveProperty('error.code', 'POOL_ACQUIRE_TIMEOUT');
    creates[0]?.resolve({ id: 1 });
    expect((await pool.acquire()).connection.id).toBe(1);
  });

  it('generic-pool, sequelize-pool, lightning-pool: a create that hangs does not lose its slot for ever', async () => {
    const { pool, creates } = manual({ max: 1, acquireTimeout: 10, createTimeout: 50 });
    const gone = outcome(pool.acquire());
    await vi.advanceTimersByTimeAsync(50);
    await gone;
    const next = pool.acquire();
    creates[1]?.resolve({ id: 2 });
    expect((await next).connection.id).toBe(2);
  });

  it('puddle, reactor-pool #40: a failed create wakes the other callers', async () => {
    const { pool, creates } = manual({ max: 2 });
    const callers = Array.from({ length: 3 }, () => outcome(pool.acquire()));
    creates[0]?.reject(new Error('refused'));
    creates[1]?.reject(new Error('refused'));
    await flush();
    creates[2]?.resolve({ id: 1 });
    await flush();
    creates[3]?.resolve({ id: 2 });
    const ends = await Promise.all(callers);
    expect(ends.map((end) => ('value' in end ? end.value.connection.id : 'refused'))).toEqual(['refused', 1, 2]);
  });

  it('reactor-pool #174: creates that fail while the pool warms up lose no place', async () => {
    const { pool, creates } = manual({ min: 3, max: 3, createRetries: 2 });
    const ready = outcome(pool.ready());
    await flush();
    for (const create of creates.slice(0, 3)) create.reject(new Error('refused'));
    const waiting = lease(pool, 3);
    for (let next = 3; next < 6; next += 1) {
      await vi.advanceTimersByTimeAsync(5_000);
      creates[next]?.resolve({ id: next });
    }
    expect(new Set((await waiting).map(({ connection }) => connection.id))).toEqual(new Set([3, 4, 5]));
    expect(await ready).toHaveProperty('value');
    expect(creates).toHaveLength(6);
  });

  it('bb8 #67, #122, #167, reactor-pool #127, #106: a cancelled caller takes no wake-up along', async () => {
    const { pool } = instant({ max: 1 });
    const own = await pool.acquire();
    const controller = new AbortController();
    const cancelled = outcome(pool.acquire({ signal: controller.signal }));
    const next = pool.acquire();
    own.release();
    controller.abort(new Error('in the same turn'));
    const end = await cancelled;
    if ('value' in end) end.value.release();
    await expect(next).resolves.toHaveProperty('connection.id', 1);
  });

  it('puddle: callers who cancel while their connection is made block nobody behind them', async () => {
    const { pool, creates } = manual({ max: 1 });
    const controller = new AbortController();
    const cancelled = Array.from({ length: 3 }, () => outcome(pool.acquire({ signal: controller.signal })));
    const next = pool.acquire();
    controller.abort(new Error('gone'));
    for (const end of await Promise.all(cancelled)) expect(end).toHaveProperty('error.message', 'gone');
    expect(creates[0]?.signal.aborted).toBe(false);
    creates[0]?.resolve({ id: 1 });
    expect((await next).connection.id).toBe(1);
  });

  it('generic-pool: a check that throws loses no slot and is no unhandled rejection', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const validate = vi.fn(() => Promise.reject(new Error('reset')));
    const { pool } = instant({ max: 1, maxRetries: 1, validate, healthCheckInterval: 100 });
    for (let round = 0; round < 3; round += 1) {
      (await pool.acquire()).release();
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(validate).toHaveBeenCalledTimes(3);
    expect((await pool.acquire()).connection.id).toBe(4);
    expect(unhandled).not.toHaveBeenCalled();
    process.off('unhandledRejection', unhandled);
  });

  it('HikariCP #1474, #1245: a pool whose connections all died fills up again', async () => {
    let up = false;
    const create = vi.fn(() => {
      if (!up) throw new Error('down');
      return { id: create.mock.calls.length };
    });
    const { pool } = instant({ min: 2, create, validate: () => up, healthCheckInterval: 100, maxRetries: 1 });
    up = true;
    await flush();
    expect(pool.getMetrics().availableConnections).toBe(2);
    up = false;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(pool.getMetrics().totalConnections).toBe(0);
    up = true;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(pool.getMetrics().availableConnections).toBe(2);
  });

  it('knex #3844: a connection that dies while leased is not handed out again', async () => {
    const evict: ((error?: unknown) => void)[] = [];
    const { pool } = instant({ max: 1, concurrency: 2, onClosed: (_, callback) => evict.push(callback) });
    const [one, two] = await lease(pool, 2);
    const waiting = pool.acquire();
    evict[0]?.(new Error('ECONNRESET'));
    one?.release();
    expect(pool.getMetrics()).toMatchObject({ pending: 1, leases: 1 });
    two?.release();
    expect((await waiting).connection.id).toBe(2);
  });

  it('mysql2 PR 4498: a deadline is absolute, whatever happens while the caller waits', async () => {
    const { pool, creates } = manual({ max: 1, acquireTimeout: 500, createTimeout: 200 });
    const ahead = Array.from({ length: 3 }, () => outcome(pool.acquire({ timeout: Infinity })));
    const start = performance.now();
    const settled = vi.fn(() => performance.now() - start);
    const waiting = outcome(pool.acquire()).then((end) => {
      settled();
      return end;
    });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(creates.length).toBeGreaterThan(2);
    expect(await waiting).toHaveProperty('error.waited', 500);
    expect(settled).toHaveReturnedWith(500);
    await Promise.all(ahead);
  });

  it('generic-pool, tarn, sequelize-pool, pg-pool: a leaked lease or a hung destroy does not keep close waiting', async () => {
    const { pool } = instant({ destroy: () => new Promise(() => {}) });
    const [, two] = await lease(pool, 2);
    two?.destroy();
    const closing = pool.close({ deadline: 1_000 });
    await vi.advanceTimersByTimeAsync(1_000);
    await expect(closing).resolves.toMatchObject({ leaked: 1 });
  });

  it('tarn, lightning-pool: an acquire after close fails at once and restarts nothing', async () => {
    const create = vi.fn(() => ({ id: 1 }));
    const { pool } = instant({ create });
    await pool.close();
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'POOL_CLOSED' });
    expect(create).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('undici #5144: connections that reach their age under a full pool keep nobody waiting', async () => {
    const { pool, destroyed } = instant({ max: 2, maxLifetime: 100 });
    const use = (): Promise<unknown> => pool.use(() => new Promise((resolve) => setTimeout(resolve, 30)));
    const all = Promise.all(Array.from({ length: 40 }, use));
    await vi.advanceTimersByTimeAsync(40 * 30);
    await all;
    expect(destroyed.length).toBeGreaterThan(5);
    expect(pool.getMetrics()).toMatchObject({ timeouts: 0, rejected: 0, pending: 0 });
  });

  it('node-pool #133, #76: connections that were made together do not all end at once', async () => {
    const ended = new Set<number>();
    const pool = new ConnectionPool({ create: () => ({}), max: 10, maxLifetime: 60_000, idleTimeout: Infinity });
    pool.on('connectionDestroyed', () => ended.add(performance.now()));
    for (const own of await lease(pool, 10)) own.release();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ended.size).toBeGreaterThan(5);
    await pool.close();
  });

  it('knex #5959, node-pg-pool #110: a lease that is never given back is told with the place of its acquire', async () => {
    const { pool } = instant({ leakThreshold: 1_000 });
    const leaked = vi.fn();
    pool.on('leaseLeaked', leaked);
    await pool.acquire();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(leaked.mock.calls[0]?.[0]).toHaveProperty('stack', expect.stringContaining('regressions.test.ts'));
  });

  it('node-pool #233: connections whose checks fail never let the pool outgrow max', async () => {
    let most = 0;
    const { pool } = instant({ max: 2, validate: () => false, validateAfter: 0, healthCheckInterval: 0 });
    pool.on('connectionCreated', () => {
      const { totalConnections, creating } = pool.getMetrics();
      most = Math.max(most, totalConnections + creating);
    });
    for (let round = 0; round < 5; round += 1) {
      await vi.advanceTimersByTimeAsync(1);
      const served = Promise.all(Array.from({ length: 6 }, () => pool.use(() => vi.advanceTimersByTimeAsync(1))));
      await vi.advanceTimersByTimeAsync(100);
      await served;
    }
    expect(most).toBe(2);
    expect(pool.getMetrics()).toMatchObject({ acquired: 30, rejected: 0, timeouts: 0 });
  });

  it('tarn, sequelize-pool: 50,000 callers who time out together share one timer', async () => {
    const { pool } = instant({ max: 1, acquireTimeout: 100, maxPending: Infinity });
    await pool.acquire();
    const waiting = Array.from({ length: 50_000 }, () => outcome(pool.acquire()));
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(100);
    await Promise.all(waiting);
    expect(pool.getMetrics()).toMatchObject({ timeouts: 50_000, pending: 0 });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('reactor-pool #154, tarn, pg-pool: leaving a queue touches as many callers when it is long as when it is short', () => {
    const touches = (length: number): number => {
      let count = 0;
      class Item implements Link<Item> {
        list: List<Item> | undefined;
        previous: Item | undefined;
        #next: Item | undefined;
        get next(): Item | undefined {
          count += 1;
          return this.#next;
        }
        set next(item: Item | undefined) {
          count += 1;
          this.#next = item;
        }
      }
      const list = new List<Item>();
      const items = Array.from({ length }, () => new Item());
      for (const item of items) list.push(item);
      count = 0;
      const middle = items[length / 2];
      if (middle !== undefined) list.remove(middle);
      if (list.first !== undefined) list.remove(list.first);
      expect(list.size).toBe(length - 2);
      return count;
    };
    expect(touches(10_000)).toBe(touches(10));
  });
});
