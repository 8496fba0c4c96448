import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionPool, type ErrorClass } from '../../src/index.ts';
import { flush, instant, lease, manual, outcome } from '../support.ts';

const byMessage = (error: unknown): ErrorClass => (error as Error).message as ErrorClass;

describe('a create that fails', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is tried again, after a pause that grows, before it costs the caller who waits longest', async () => {
    const cause = new Error('ECONNREFUSED');
    const create = vi.fn(() => Promise.reject(cause));
    const { pool } = instant({ create, createRetries: 2, random: () => 0.5 });
    const waiting = outcome(pool.acquire());
    const calls = [];
    for (const pause of [0, 24, 1, 49, 1]) {
      await vi.advanceTimersByTimeAsync(pause);
      calls.push(create.mock.calls.length);
    }
    expect(calls).toEqual([1, 1, 2, 2, 3]);
    expect(await waiting).toMatchObject({ error: { code: 'POOL_CREATE_FAILED', cause } });
    expect(pool.getMetrics()).toMatchObject({ errors: 3, rejected: 1 });
  });

  it('costs nobody when the next try succeeds', async () => {
    const { pool, creates } = manual({ createRetries: 2 });
    const waiting = pool.acquire();
    creates[0]?.reject(new Error('refused'));
    await flush();
    creates[1]?.resolve({ id: 7 });
    expect((await waiting).connection.id).toBe(7);
    expect(pool.getMetrics()).toMatchObject({ errors: 1, rejected: 0 });
  });

  it('is followed by one try at a time until one succeeds, then by all that are needed', async () => {
    const { pool, creates } = manual({ max: 3, createRetries: 9 });
    const waiting = Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
    expect(creates).toHaveLength(3);
    for (const create of creates) create.reject(new Error('refused'));
    await flush();
    expect(creates).toHaveLength(4);
    creates[3]?.resolve({ id: 1 });
    await flush();
    expect(creates).toHaveLength(6);
    creates[4]?.resolve({ id: 2 });
    creates[5]?.resolve({ id: 3 });
    expect((await waiting).map(({ connection }) => connection.id)).toEqual([1, 2, 3]);
  });

  it('is tried again for nobody when nobody waits any more', async () => {
    const { pool, creates } = manual({ createRetries: 2, random: () => 0.5 });
    const waiting = outcome(pool.acquire({ timeout: 10 }));
    creates[0]?.reject(new Error('refused'));
    await vi.advanceTimersByTimeAsync(10);
    expect(await waiting).toHaveProperty('error.cause.message', 'Cannot create a connection: refused');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(creates).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('refuses all who wait and all who come, after five in a row, while no connection exists', async () => {
    const cause = new Error('ECONNREFUSED');
    const { pool } = instant({ create: () => Promise.reject(cause), createRetries: 99 });
    const waiting = [outcome(pool.acquire()), outcome(pool.acquire())];
    await flush();
    const refusal = { code: 'POOL_UNAVAILABLE', cause: { code: 'POOL_CREATE_FAILED', cause } };
    for (const end of await Promise.all(waiting)) expect(end).toMatchObject({ error: refusal });
    await expect(pool.acquire()).rejects.toMatchObject(refusal);
    await expect(pool.ready()).resolves.toBeUndefined();
    expect(pool.getMetrics()).toMatchObject({ unavailable: 1, rejected: 3, errors: 6 });
  });

  it('leaves those waiting whom a connection that exists may serve', async () => {
    const { pool, creates } = manual({ max: 2, createRetries: 99 });
    const first = pool.acquire();
    creates[0]?.resolve({ id: 1 });
    const own = await first;
    const waiting = pool.acquire();
    for (let at = 1; at <= 5; at += 1) {
      creates[at]?.reject(new Error('refused'));
      await flush();
    }
    expect(pool.getMetrics()).toMatchObject({ unavailable: 1, pending: 1 });
    const newcomer = pool.acquire();
    own.release();
    const next = await waiting;
    next.release();
    expect((await newcomer).connection.id).toBe(1);
  });

  it('is probed once after the pause of the breaker, and a success ends the outage', async () => {
    const { pool, creates } = manual({ createRetries: 99 });
    const refused = outcome(pool.acquire());
    for (let at = 0; at < 5; at += 1) {
      creates[at]?.reject(new Error('refused'));
      await flush();
    }
    await refused;
    await vi.advanceTimersByTimeAsync(1_000);
    const waiting = [pool.acquire(), pool.acquire()];
    expect(creates).toHaveLength(6);
    creates[5]?.resolve({ id: 6 });
    expect((await waiting[0])?.connection.id).toBe(6);
    expect(pool.getMetrics().unavailable).toBe(0);
    expect(creates).toHaveLength(7);
  });

  it('fails all who wait at once when it is fatal, with the cause, and no other is tried', async () => {
    const cause = new Error('fatal');
    const { pool, creates } = manual({ max: 2, classifyError: byMessage, createRetries: 2 });
    const waiting = [outcome(pool.acquire()), outcome(pool.acquire()), outcome(pool.acquire())];
    creates[0]?.reject(cause);
    for (const end of await Promise.all(waiting)) {
      expect(end).toMatchObject({ error: { code: 'POOL_CREATE_FAILED', cause } });
    }
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'POOL_UNAVAILABLE' });
    expect(creates).toHaveLength(2);
  });

  it('counts as retryable when classifyError throws', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const classifyError = (): ErrorClass => {
      throw new Error('no class');
    };
    const { pool, creates } = manual({ classifyError });
    const waiting = outcome(pool.acquire());
    creates[0]?.reject(new Error('refused'));
    expect(await waiting).toMatchObject({ error: { code: 'POOL_CREATE_FAILED' } });
    expect(warned).toHaveBeenCalledWith(new Error('no class'));
    warned.mockRestore();
  });

  it('cuts the size when the upstream is overloaded and max is auto', async () => {
    const { pool, creates } = manual({ max: 'auto', classifyError: byMessage });
    const waiting = Array.from({ length: 10 }, () => outcome(pool.acquire({ timeout: 1 })));
    for (const create of creates.slice(0, 8)) create.resolve({ id: creates.indexOf(create) });
    await flush();
    creates[8]?.reject(new Error('overloaded'));
    await vi.advanceTimersByTimeAsync(1);
    await Promise.all(waiting);
    for (const end of await Promise.all(waiting)) if ('value' in end) end.value.release();
    expect(pool.getMetrics().totalConnections).toBeLessThan(8);
  });
});

describe('an outage', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each(['destroy', 'evict', 'check'])('that a %s tells of ends every older connection', async (how) => {
    const evict: ((error?: unknown) => void)[] = [];
    const { pool, destroyed } = instant({
      max: 3,
      classifyError: byMessage,
      onClosed: (_, callback) => evict.push(callback),
      validate: () => Promise.reject(new Error('outage')),
      validateAfter: Infinity,
      healthCheckInterval: 100,
      maxRetries: 1,
    });
    const [one, two, three] = await lease(pool, 3);
    three?.release();
    if (how === 'destroy') one?.destroy(new Error('outage'));
    if (how === 'evict') evict[0]?.(new Error('outage'));
    if (how === 'check') await vi.advanceTimersByTimeAsync(100);
    expect(destroyed.find(({ id }) => id === 3)?.reason).toBe(how === 'check' ? 'unhealthy' : 'invalidated');
    expect(pool.tryAcquire()).toBeUndefined();
    two?.release();
    if (how !== 'destroy') one?.release();
    expect(destroyed).toHaveLength(3);
    expect((await pool.acquire()).connection.id).toBe(4);
  });

  it('of which a listener hears finds all of them gone', async () => {
    const { pool } = instant({ classifyError: byMessage });
    const [one, two] = await lease(pool, 2);
    two?.release();
    const seen = vi.fn(() => pool.getMetrics().totalConnections);
    pool.on('connectionError', seen);
    one?.destroy(new Error('outage'));
    expect(seen).toHaveReturnedWith(0);
  });
});

describe('invalidateAll', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('ends idle connections now, leased ones when they come back, and those that are being made', async () => {
    const { pool, creates, destroyed } = manual({ max: 3 });
    const [first, second] = [pool.acquire(), pool.acquire()];
    creates[0]?.resolve({ id: 1 });
    creates[1]?.resolve({ id: 2 });
    const own = await first;
    (await second).release();
    const [third, fourth] = [pool.acquire(), pool.acquire()];
    pool.invalidateAll();
    (await third).release();
    creates[2]?.resolve({ id: 3 });
    await flush();
    expect(destroyed.map(({ id, reason }) => `${id} ${reason}`)).toContain('3 invalidated');
    creates[3]?.resolve({ id: 4 });
    expect((await fourth).connection.id).toBe(4);
    own.release();
    expect(new Set(destroyed.map(({ id }) => id))).toEqual(new Set([1, 2, 3]));
  });

  it('gives no connection of before to those who wait', async () => {
    const { pool } = instant({ max: 2 });
    const [one, two] = await lease(pool, 2);
    const waiting = [pool.acquire(), pool.acquire()];
    pool.invalidateAll();
    one?.release();
    two?.release();
    expect((await Promise.all(waiting)).map(({ connection }) => connection.id)).toEqual([3, 4]);
  });
});

describe('what create returns', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([undefined, null])('is a failure when it is %s', async (nothing) => {
    const create = vi.fn(() => nothing as unknown as { id: number });
    const { pool, destroyed } = instant({ create, max: 1 });
    await expect(pool.acquire()).rejects.toMatchObject({
      code: 'POOL_CREATE_FAILED',
      message: `Cannot create a connection: create returned ${nothing}`,
    });
    create.mockReturnValue({ id: 1 });
    expect((await pool.acquire()).connection.id).toBe(1);
    expect(destroyed).toEqual([]);
    expect(pool.getMetrics()).toMatchObject({ created: 1, totalConnections: 1 });
  });

  it('is a failure when the pool has it already, and whoever has it keeps it', async () => {
    const only = { id: 1 };
    const { pool, destroyed } = instant({ create: () => only, max: 2 });
    const own = await pool.acquire();
    await expect(pool.acquire()).rejects.toMatchObject({
      code: 'POOL_CREATE_FAILED',
      message: 'Cannot create a connection: create returned a connection that is in the pool',
    });
    expect(destroyed).toEqual([]);
    own.destroy();
    expect((await pool.acquire()).connection).toBe(only);
  });

  it('may be the same primitive twice, which has no identity', async () => {
    const pool = new ConnectionPool({ create: () => 'a connection', max: 2 });
    await expect(lease(pool, 2)).resolves.toHaveLength(2);
  });
});
