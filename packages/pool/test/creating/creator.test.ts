import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { flush, instant, lease, manual, outcome } from '../support.ts';

describe('create', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('starts for each caller in need, within max', () => {
    const { pool, creates } = manual({ max: 3 });
    for (let caller = 0; caller < 5; caller += 1) void outcome(pool.acquire());
    expect(creates).toHaveLength(3);
    expect(pool.getMetrics()).toMatchObject({ creating: 3, pending: 5 });
  });

  it('starts no more than the callers need when each connection has several places', () => {
    const { pool, creates } = manual({ max: 10, concurrency: 4 });
    for (let caller = 0; caller < 9; caller += 1) void outcome(pool.acquire());
    expect(creates).toHaveLength(3);
  });

  it('serves the longest waiting caller, whichever create is first', async () => {
    const { pool, creates } = manual({ max: 2 });
    const [first, second] = [pool.acquire(), pool.acquire()];
    creates[1]?.resolve({ id: 1 });
    expect((await first).connection.id).toBe(1);
    creates[0]?.resolve({ id: 2 });
    expect((await second).connection.id).toBe(2);
  });

  it('leaves its caller to the first connection that comes free', async () => {
    const { pool, creates } = manual({ max: 2 });
    const first = pool.acquire();
    creates[0]?.resolve({ id: 1 });
    const own = await first;
    const waiting = pool.acquire();
    own.release();
    expect((await waiting).connection.id).toBe(1);
    creates[1]?.resolve({ id: 2 });
    await flush();
    expect(pool.getMetrics()).toMatchObject({ availableConnections: 1, inUseConnections: 1 });
  });

  it('goes on without the caller who asked for it, and its connection becomes idle', async () => {
    const { pool, creates } = manual();
    const controller = new AbortController();
    const waiting = outcome(pool.acquire({ signal: controller.signal }));
    controller.abort(new Error('gone'));
    await waiting;
    expect(creates[0]?.signal.aborted).toBe(false);
    creates[0]?.resolve({ id: 1 });
    await flush();
    expect(pool.tryAcquire()?.connection.id).toBe(1);
  });

  it('rejects only the longest waiting caller when it fails, with the cause, and another create starts for the next', async () => {
    const { pool, creates } = manual({ max: 1 });
    const onError = vi.fn();
    pool.on('connectionError', onError);
    const first = outcome(pool.acquire());
    const second = pool.acquire();
    const cause = new Error('refused');
    creates[0]?.reject(cause);
    const error: unknown = expect.objectContaining({
      code: 'POOL_CREATE_FAILED',
      cause,
      message: 'Cannot create a connection: refused',
    });
    expect(await first).toEqual({ error });
    expect(creates).toHaveLength(2);
    creates[1]?.resolve({ id: 1 });
    await expect(second).resolves.toBeDefined();
    expect(onError).toHaveBeenCalledExactlyOnceWith({ error, phase: 'create', connection: undefined });
    expect(pool.getMetrics()).toMatchObject({ errors: 1, rejected: 1, created: 1 });
  });

  it('treats a synchronous throw as any failure', async () => {
    const cause = new Error('no config');
    const { pool } = manual({
      create: () => {
        throw cause;
      },
    });
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'POOL_CREATE_FAILED', cause });
    expect(pool.getMetrics().creating).toBe(0);
  });

  it('is an event and a counter when it fails with nobody waiting', async () => {
    const { pool, creates } = manual();
    const onError = vi.fn();
    pool.on('connectionError', onError);
    const waiting = outcome(pool.acquire({ timeout: 10 }));
    await vi.advanceTimersByTimeAsync(10);
    await waiting;
    creates[0]?.reject(new Error('refused'));
    await flush();
    expect(onError).toHaveBeenCalledTimes(1);
    expect(pool.getMetrics()).toMatchObject({ errors: 1, rejected: 0, creating: 0 });
    expect(creates).toHaveLength(1);
  });

  it('times out, aborts its signal and makes room for the next one', async () => {
    const { pool, creates } = manual({ max: 1, createTimeout: 50 });
    const first = outcome(pool.acquire());
    const second = pool.acquire();
    await vi.advanceTimersByTimeAsync(50);
    const error: unknown = expect.objectContaining({ code: 'POOL_CREATE_TIMEOUT' });
    expect(await first).toEqual({ error });
    expect(creates[0]?.signal.reason).toEqual(error);
    creates[1]?.resolve({ id: 2 });
    expect((await second).connection.id).toBe(2);
  });

  it('destroys a connection that arrives after the time-out', async () => {
    const { pool, creates, destroyed } = manual({ createTimeout: 50 });
    const waiting = outcome(pool.acquire());
    await vi.advanceTimersByTimeAsync(50);
    await waiting;
    creates[0]?.resolve({ id: 1 });
    await flush();
    expect(destroyed).toEqual([{ id: 1, reason: 'late' }]);
    expect(pool.getMetrics()).toMatchObject({ created: 1, destroyed: 1, totalConnections: 0 });
  });

  it('costs no second caller when it fails after its time-out', async () => {
    const { pool, creates } = manual({ max: 1, createTimeout: 50 });
    const first = outcome(pool.acquire());
    const second = pool.acquire();
    await vi.advanceTimersByTimeAsync(50);
    await first;
    creates[0]?.reject(new Error('aborted'));
    await flush();
    creates[1]?.resolve({ id: 2 });
    expect((await second).connection.id).toBe(2);
    expect(pool.getMetrics()).toMatchObject({ errors: 1, rejected: 1 });
  });

  it('costs one caller when the connection is dead on arrival', async () => {
    let evictions = 0;
    const { pool, destroyed } = instant({
      max: 1,
      onClosed: (_, evict) => {
        evictions += 1;
        if (evictions === 1) evict(new Error('hung up'));
        if (evictions === 2) throw new Error('cannot watch');
      },
    });
    const [first, second] = [outcome(pool.acquire()), outcome(pool.acquire())];
    const third = pool.acquire();
    const hungUp = { code: 'POOL_CREATE_FAILED', cause: new Error('hung up') };
    expect(await first).toEqual({ error: expect.objectContaining(hungUp) as unknown });
    expect(await second).toHaveProperty('error.cause', new Error('cannot watch'));
    expect((await third).connection.id).toBe(3);
    expect(destroyed.map(({ id }) => id)).toEqual([1, 2]);
  });
});

describe('min', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is made in the background from the start', async () => {
    const { pool } = instant({ min: 2 });
    expect(pool.getMetrics().created).toBe(0);
    await flush();
    expect(pool.getMetrics()).toMatchObject({ availableConnections: 2 });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is refilled a second after a loss, however many are lost meanwhile', async () => {
    const { pool, creates } = manual({ min: 2 });
    await flush();
    for (const [id, create] of creates.entries()) create.resolve({ id });
    const [one, two] = await lease(pool, 2);
    one?.destroy();
    await vi.advanceTimersByTimeAsync(999);
    two?.destroy();
    expect(creates).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(creates).toHaveLength(4);
  });

  it('is tried once a second while creates fail', async () => {
    const create = vi.fn(() => Promise.reject(new Error('down')));
    manual({ min: 1, create });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(create).toHaveBeenCalledTimes(11);
  });
});
