import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KeyedPool, type DestroyReason, type KeyedPoolOptions } from '../../src/index.ts';
import { deferred, flush, outcome, type Deferred } from '../support.ts';

interface Wire {
  readonly key: string;
  readonly id: number;
}

interface Destroyed {
  readonly key: string;
  readonly id: number;
  readonly reason: DestroyReason;
}

/** Creates succeed at once. */
function keyed(options: Partial<KeyedPoolOptions<string, Wire>> = {}): {
  readonly pool: KeyedPool<string, Wire>;
  readonly destroyed: Destroyed[];
} {
  const destroyed: Destroyed[] = [];
  let made = 0;
  const pool = new KeyedPool<string, Wire>({
    create: (key) => ({ key, id: (made += 1) }),
    destroy: ({ id }, reason, key) => destroyed.push({ key, id, reason }),
    createRetries: 0,
    random: () => 0,
    ...options,
  });
  return { pool, destroyed };
}

/** Each create waits until the test settles it. */
function manual(options: Partial<KeyedPoolOptions<string, Wire>> = {}): ReturnType<typeof keyed> & {
  readonly creates: (Deferred<Wire> & { readonly key: string; readonly signal: AbortSignal })[];
} {
  const creates: (Deferred<Wire> & { readonly key: string; readonly signal: AbortSignal })[] = [];
  const create = (key: string, signal: AbortSignal): Promise<Wire> => {
    const made = { ...deferred<Wire>(), key, signal };
    creates.push(made);
    return made.promise;
  };
  return { ...keyed({ create, ...options }), creates };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('KeyedPool', () => {
  it('leases to each key its own connections, up to max of them', async () => {
    const { pool } = keyed({ max: 2 });
    const leases = await Promise.all(['a', 'b', 'a', 'b'].map((key) => pool.acquire(key)));
    expect(leases.map(({ connection }) => connection.key)).toEqual(['a', 'b', 'a', 'b']);
    const third = pool.acquire('a');
    await flush();
    expect(pool.metricsOf('a')).toMatchObject({ totalConnections: 2, pending: 1 });
    leases[0]!.release();
    expect((await third).connection).toEqual({ key: 'a', id: 1 });
  });

  it('tells each function the key that it is called for', async () => {
    const asked: [string, string][] = [];
    const ask = (what: string, key: string): void => void asked.push([what, key]);
    const { pool } = keyed({
      validate: (_, __, key) => (ask('validate', key), true),
      validateAfter: 0,
      reset: (_, key) => ask('reset', key),
      onClosed: (_, __, key) => ask('onClosed', key),
      concurrency: (_, key) => (ask('concurrency', key), 1),
      classifyError: (_, __, key) => (ask('classifyError', key), 'retryable'),
      destroy: (_, __, key) => ask('destroy', key),
    });
    const lease = await pool.acquire('a');
    await vi.advanceTimersByTimeAsync(5);
    lease.release();
    await vi.advanceTimersByTimeAsync(5);
    (await pool.acquire('a')).destroy(new Error('broken'));
    expect(new Set(asked.map(([what]) => what))).toEqual(
      new Set(['validate', 'reset', 'onClosed', 'concurrency', 'classifyError', 'destroy']),
    );
    expect(new Set(asked.map(([, key]) => key))).toEqual(new Set(['a']));
  });

  it('tryAcquire takes what is ready and never makes anything', async () => {
    const { pool } = keyed();
    expect(pool.tryAcquire('a')).toBeUndefined();
    expect(pool.keys()).toEqual([]);
    (await pool.acquire('a')).release();
    const lease = pool.tryAcquire('a');
    expect(lease?.connection.key).toBe('a');
    expect(pool.tryAcquire('a')).toBeUndefined();
  });

  it('use releases however its function ends', async () => {
    const { pool } = keyed({ max: 1 });
    await expect(pool.use('a', ({ key }) => key)).resolves.toBe('a');
    const error = new Error('mine');
    await expect(pool.use('a', () => Promise.reject(error))).rejects.toBe(error);
    expect(pool.metricsOf('a')).toMatchObject({ created: 1, leases: 0 });
  });

  it('forgets a key with its last connection, and counts what it did', async () => {
    const { pool } = keyed({ idleTimeout: 100 });
    (await pool.acquire('a')).release();
    (await pool.acquire('b')).release();
    expect(pool.keys()).toEqual(['a', 'b']);
    await vi.advanceTimersByTimeAsync(101);
    expect(pool.keys()).toEqual([]);
    expect(pool.metricsOf('a')).toBeUndefined();
    expect(pool.getMetrics()).toMatchObject({ keys: 0, created: 2, destroyed: 2, acquired: 2, released: 2 });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('counts what a forgotten key still does', async () => {
    const gone = deferred<void>();
    const { pool } = keyed({ idleTimeout: 100, destroy: () => gone.promise });
    (await pool.acquire('a')).release();
    await vi.advanceTimersByTimeAsync(101);
    expect(pool.getMetrics()).toMatchObject({ keys: 0, errors: 0, destroyed: 1 });
    gone.reject(new Error('hung up'));
    await flush();
    expect(pool.getMetrics()).toMatchObject({ errors: 1, destroyed: 1, created: 1 });
  });

  it('counts a connection that arrives after its key was forgotten', async () => {
    const { pool, creates, destroyed } = manual({ createTimeout: 50 });
    const refused = outcome(pool.acquire('a'));
    await vi.advanceTimersByTimeAsync(51);
    await refused;
    creates[0]!.resolve({ key: 'a', id: 1 });
    await flush();
    expect(destroyed).toEqual([{ key: 'a', id: 1, reason: 'late' }]);
    expect(pool.getMetrics()).toMatchObject({ created: 1, destroyed: 1, totalConnections: 0 });
  });

  it('remembers a key whose creates fail, so that its breaker holds', async () => {
    let tries = 0;
    const { pool } = keyed({
      create: () => {
        tries += 1;
        throw new Error('down');
      },
      classifyError: () => 'fatal',
    });
    expect(await outcome(pool.acquire('a'))).toMatchObject({ error: { code: 'POOL_CREATE_FAILED' } });
    expect(pool.keys()).toEqual(['a']);
    expect(await outcome(pool.acquire('a'))).toMatchObject({ error: { code: 'POOL_UNAVAILABLE' } });
    expect(tries).toBe(1);
    expect(pool.getMetrics()).toMatchObject({ unavailable: 1 });
  });

  it('forgets a key that brought its caller nothing', async () => {
    const { pool } = keyed();
    expect(await outcome(pool.acquire('a', { signal: AbortSignal.abort('gone') }))).toEqual({ error: 'gone' });
    expect(pool.keys()).toEqual([]);
    expect(pool.getMetrics()).toMatchObject({ aborted: 1 });
  });

  it('invalidate ends the connections of one key, invalidateAll of all', async () => {
    const { pool, destroyed } = keyed();
    for (const key of ['a', 'b', 'c']) (await pool.acquire(key)).release();
    pool.invalidate('b');
    pool.invalidate('nobody');
    expect(destroyed).toEqual([{ key: 'b', id: 2, reason: 'invalidated' }]);
    pool.invalidateAll();
    expect(destroyed.map(({ key }) => key)).toEqual(['b', 'a', 'c']);
    expect(pool.keys()).toEqual([]);
  });

  it('creates for a key in the context of the pool, not of the caller who came first', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const { pool } = context.run('pool', () =>
      keyed({ create: (key) => (seen.push(context.getStore()), { key, id: 1 }), idleTimeout: 1 }),
    );
    vi.useRealTimers();
    const expired = new Promise<void>((resolve) => {
      pool.on('connectionDestroyed', () => {
        seen.push(context.getStore());
        resolve();
      });
    });
    await context.run('caller', () => pool.use('a', () => {}));
    await expired;
    expect(seen).toEqual(['pool', 'pool']);
  });
});

describe('KeyedPool under maxTotal', () => {
  it('ends the idle connection of the key that has rested longest', async () => {
    const { pool, destroyed } = keyed({ maxTotal: 3 });
    for (const key of ['a', 'b', 'c', 'a']) (await pool.acquire(key)).release();
    await pool.acquire('d');
    expect(destroyed).toEqual([{ key: 'b', id: 2, reason: 'ceded' }]);
    await pool.acquire('e');
    expect(destroyed.map(({ key }) => key)).toEqual(['b', 'c']);
    expect(pool.keys()).toEqual(['a', 'd', 'e']);
  });

  it('takes a key for used when it is used, though it rests with other connections', async () => {
    const { pool, destroyed } = keyed({ maxTotal: 4 });
    const [one, two] = await Promise.all([pool.acquire('a'), pool.acquire('a')]);
    one.release();
    two.release();
    (await pool.acquire('b')).release();
    (await pool.acquire('a')).release();
    await pool.acquire('c');
    await pool.acquire('d');
    expect(destroyed.map(({ key }) => key)).toEqual(['b']);
  });

  it('gives a connection that comes back to the key that waits', async () => {
    const { pool, destroyed } = keyed({ maxTotal: 1 });
    const lease = await pool.acquire('a');
    const next = pool.acquire('b');
    await flush();
    expect(pool.getMetrics()).toMatchObject({ waitingKeys: 1, pending: 1, totalConnections: 1 });
    lease.release();
    expect((await next).connection.key).toBe('b');
    expect(destroyed).toEqual([{ key: 'a', id: 1, reason: 'ceded' }]);
    expect(pool.getMetrics()).toMatchObject({ waitingKeys: 0, pending: 0 });
  });

  it('serves keys in the order in which they claim', async () => {
    const { pool } = keyed({ maxTotal: 1 });
    const order: string[] = [];
    const lease = await pool.acquire('a');
    const all = ['b', 'c', 'd'].map((key) => pool.use(key, () => void order.push(key)));
    lease.release();
    await Promise.all(all);
    expect(order).toEqual(['b', 'c', 'd']);
  });

  it('first serves the callers of the own key who came before the claim, and only these', async () => {
    const { pool, destroyed } = keyed({ max: 1, maxTotal: 1 });
    const order: string[] = [];
    const call = (key: string, name: string): Promise<void> =>
      pool.use(key, () => void order.push(name)).then(() => vi.advanceTimersByTimeAsync(1).then(() => {}));
    const lease = await pool.acquire('a');
    const all = [call('a', 'a1'), call('a', 'a2')];
    await vi.advanceTimersByTimeAsync(1);
    all.push(call('b', 'b1'));
    await vi.advanceTimersByTimeAsync(1);
    all.push(call('a', 'a3'));
    lease.release();
    await Promise.all(all);
    expect(order).toEqual(['a1', 'a2', 'b1', 'a3']);
    expect(destroyed.map(({ key }) => key)).toEqual(['a', 'b']);
  });

  it('lets a key with two more connections give, however many of its own callers wait', async () => {
    const { pool, destroyed } = keyed({ max: 4, maxTotal: 4 });
    const held = await Promise.all([1, 2, 3, 4].map(() => pool.acquire('a')));
    const crowd = Array.from({ length: 100 }, () => outcome(pool.acquire('a', { timeout: 50 })));
    const [first, second, third] = [pool.acquire('b'), pool.acquire('b'), pool.acquire('b')];
    held[0]!.release();
    expect((await first).connection.key).toBe('b');
    held[1]!.release();
    expect((await second).connection.key).toBe('b');
    // Equal shares: the third of b waits with the crowd.
    held[2]!.release();
    await flush();
    expect(pool.metricsOf('a')).toMatchObject({ totalConnections: 2, pending: 99 });
    expect(destroyed).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(51);
    await Promise.all(crowd);
    held[3]!.release();
    expect((await third).connection.key).toBe('b');
  });

  it('never cedes a connection before its first use while its own callers wait', async () => {
    const { pool, creates, destroyed } = manual({ maxTotal: 1 });
    const first = outcome(pool.acquire('a', { timeout: 10 }));
    const other = pool.acquire('b');
    await vi.advanceTimersByTimeAsync(11);
    expect(await first).toMatchObject({ error: { code: 'POOL_ACQUIRE_TIMEOUT' } });
    // Came after the claim of b, but the connection is there and has served nobody.
    const late = pool.acquire('a');
    creates[0]!.resolve({ key: 'a', id: 1 });
    (await late).release();
    await flush();
    creates[1]!.resolve({ key: 'b', id: 2 });
    await other;
    expect(destroyed).toEqual([{ key: 'a', id: 1, reason: 'ceded' }]);
  });

  it('gives a connection that nobody waits for any more to the key that waits', async () => {
    const { pool, creates, destroyed } = manual({ maxTotal: 1 });
    const controller = new AbortController();
    const first = outcome(pool.acquire('a', { signal: controller.signal }));
    const other = pool.acquire('b');
    await flush();
    controller.abort('enough');
    expect(await first).toEqual({ error: 'enough' });
    creates[0]!.resolve({ key: 'a', id: 1 });
    await flush();
    expect(destroyed).toEqual([{ key: 'a', id: 1, reason: 'ceded' }]);
    creates[1]!.resolve({ key: 'b', id: 2 });
    expect((await other).connection.id).toBe(2);
  });

  it('gives the permit of a create that failed to the key that waits', async () => {
    const { pool, creates } = manual({ maxTotal: 1 });
    const first = outcome(pool.acquire('a'));
    const other = pool.acquire('b');
    await flush();
    creates[0]!.reject(new Error('refused'));
    expect(await first).toMatchObject({ error: { code: 'POOL_CREATE_FAILED' } });
    creates[1]!.resolve({ key: 'b', id: 1 });
    expect((await other).connection.key).toBe('b');
  });

  it('passes a claim over whose callers have left', async () => {
    const { pool, destroyed } = keyed({ maxTotal: 1 });
    const lease = await pool.acquire('a');
    const left = outcome(pool.acquire('b', { timeout: 10 }));
    await vi.advanceTimersByTimeAsync(11);
    expect(await left).toMatchObject({ error: { code: 'POOL_ACQUIRE_TIMEOUT' } });
    lease.release();
    expect(destroyed).toEqual([]);
    expect(pool.tryAcquire('a')?.connection.id).toBe(1);
  });

  it('lets a shared connection take no more leases once it is ceded, and end with its last one', async () => {
    const { pool, destroyed } = keyed({ maxTotal: 1, max: 1, concurrency: 2 });
    const [one, two] = await Promise.all([pool.acquire('a'), pool.acquire('a')]);
    const other = pool.acquire('b');
    await vi.advanceTimersByTimeAsync(1);
    one.release();
    const late = pool.acquire('a');
    await flush();
    expect(pool.metricsOf('a')).toMatchObject({ leases: 1, pending: 1 });
    expect(destroyed).toEqual([]);
    two.release();
    expect((await other).connection.key).toBe('b');
    await vi.advanceTimersByTimeAsync(1);
    (await other).release();
    expect((await late).connection).toEqual({ key: 'a', id: 3 });
  });

  it('makes a successor for an old connection only where a permit is left', async () => {
    const { pool, destroyed } = keyed({ maxTotal: 2, maxLifetime: 1000, idleTimeout: Infinity, random: () => 0.5 });
    (await pool.acquire('a')).release();
    await vi.advanceTimersByTimeAsync(100);
    const lease = await pool.acquire('b');
    await vi.advanceTimersByTimeAsync(850);
    expect(destroyed).toEqual([{ key: 'a', id: 1, reason: 'expired' }]);
    expect(pool.keys()).toEqual(['b']);
    lease.release();
    await vi.advanceTimersByTimeAsync(100);
    expect(destroyed).toEqual([
      { key: 'a', id: 1, reason: 'expired' },
      { key: 'b', id: 2, reason: 'expired' },
    ]);
    expect(pool.metricsOf('b')).toMatchObject({ created: 2, totalConnections: 1 });
  });
});

describe('KeyedPool bounds', () => {
  it('gives up the key that has rested longest for one that is new', async () => {
    const { pool, destroyed } = keyed({ maxKeys: 2 });
    (await pool.acquire('a')).release();
    (await pool.acquire('b')).release();
    (await pool.acquire('a')).release();
    await pool.acquire('c');
    expect(destroyed).toEqual([{ key: 'b', id: 2, reason: 'ceded' }]);
    expect(pool.keys()).toEqual(['a', 'c']);
  });

  it('forgets a key whose creates failed for one that is new', async () => {
    const { pool } = keyed({
      maxKeys: 1,
      create: (key) => {
        if (key === 'down') throw new Error('down');
        return { key, id: 1 };
      },
    });
    await outcome(pool.acquire('down'));
    expect(pool.keys()).toEqual(['down']);
    expect((await pool.acquire('a')).connection.key).toBe('a');
    expect(pool.keys()).toEqual(['a']);
  });

  it('refuses a new key with POOL_KEYS_FULL while every key is in use', async () => {
    const { pool } = keyed({ maxKeys: 1 });
    const lease = await pool.acquire('a');
    expect(await outcome(pool.acquire('b'))).toMatchObject({ error: { code: 'POOL_KEYS_FULL' } });
    expect(pool.getMetrics()).toMatchObject({ rejected: 1 });
    lease.release();
    expect((await pool.acquire('b')).connection.key).toBe('b');
  });

  it('refuses with POOL_QUEUE_FULL when maxPending callers of all keys wait, and tells when half are gone', async () => {
    const { pool, creates } = manual({ maxPending: 2 });
    const drained: unknown[] = [];
    pool.on('drain', (event) => drained.push(event));
    const [one, two] = [pool.acquire('a'), pool.acquire('b')];
    expect(await outcome(pool.acquire('c'))).toMatchObject({ error: { code: 'POOL_QUEUE_FULL', pending: 2 } });
    creates[0]!.resolve({ key: 'a', id: 1 });
    (await one).release();
    expect(drained).toEqual([{ pending: 1 }]);
    creates[1]!.resolve({ key: 'b', id: 2 });
    await two;
    expect(drained).toHaveLength(1);
  });

  it('serves what is ready though the queue is full', async () => {
    const { pool, creates } = manual({ maxPending: 1 });
    const first = pool.acquire('a');
    creates[0]!.resolve({ key: 'a', id: 1 });
    (await first).release();
    void outcome(pool.acquire('b'));
    expect((await pool.acquire('a')).connection.id).toBe(1);
    const closing = pool.close({ deadline: 0 });
    await vi.advanceTimersByTimeAsync(1);
    await closing;
  });

  it('takes any key up to 4096 characters for what it is', async () => {
    const { pool } = keyed();
    const keys = ['__proto__', 'constructor', '', '\ud800', '\udfff', 'a\u0000b', 'k'.repeat(4096)];
    for (const key of keys) expect((await pool.acquire(key)).connection.key).toBe(key);
    expect(pool.keys()).toEqual(keys);
    expect(() => pool.acquire('k'.repeat(1_000_000))).toThrow(RangeError);
    expect(() => pool.acquire(7 as never)).toThrow(TypeError);
    expect(() => pool.tryAcquire(undefined as never)).toThrow(TypeError);
  });

  it.each([
    [{ maxTotal: 0 }, RangeError],
    [{ maxTotal: 1.5 }, RangeError],
    [{ maxKeys: 0 }, RangeError],
    [{ maxPending: Number.NaN }, TypeError],
    [{ max: 0 }, RangeError],
    [{ min: 1 }, TypeError],
    [{ create: 5 }, TypeError],
  ])('refuses %o at once', (options, type) => {
    expect(() => keyed(options as object)).toThrow(type);
    expect(() => keyed(options as object)).toThrow('Cannot create a KeyedPool');
  });
});

describe('KeyedPool events and metrics', () => {
  it('tells the events of each key with the key, whenever one begins to listen', async () => {
    const { pool } = keyed({ maxTotal: 2 });
    const told: unknown[] = [];
    const early = await pool.acquire('a');
    pool.on('connectionReleased', ({ key, connection }) => told.push(['released', key, connection.leases]));
    pool.on('connectionDestroyed', ({ key, reason }) => told.push(['destroyed', key, reason]));
    early.release();
    (await pool.acquire('b')).destroy();
    expect(told).toEqual([
      ['released', 'a', 0],
      ['released', 'b', 0],
      ['destroyed', 'b', 'destroyed'],
    ]);
  });

  it('tells each event once to a listener that was added twice and removed once', async () => {
    const { pool } = keyed();
    const listener = vi.fn();
    await pool.acquire('a');
    pool.on('connectionAcquired', listener).on('connectionAcquired', listener);
    pool.off('connectionAcquired', listener);
    await pool.acquire('a');
    expect(listener).toHaveBeenCalledTimes(1);
  });

  it('measures wait, create and use of all keys while somebody listens', async () => {
    const { pool } = keyed();
    const names: string[] = [];
    const early = await pool.acquire('a');
    const remove = pool.onMeasure((name) => names.push(name));
    (await pool.acquire('b')).release();
    expect(names.toSorted()).toEqual(['create', 'use', 'wait']);
    remove();
    early.release();
    (await pool.acquire('b')).release();
    expect(names).toHaveLength(3);
  });

  it('sums the metrics of its keys', async () => {
    const { pool } = keyed({ max: 2, concurrency: 2 });
    await pool.acquire('a');
    await pool.acquire('a');
    await pool.acquire('b');
    expect(pool.getMetrics()).toMatchObject({
      keys: 2,
      totalConnections: 2,
      leases: 3,
      acquired: 3,
      utilizationRate: 75,
    });
    expect(Object.isFrozen(pool.getMetrics())).toBe(true);
  });
});

describe('KeyedPool close', () => {
  it('waits for the leases of all keys and tells what leaked', async () => {
    const { pool, destroyed } = keyed();
    const lease = await pool.acquire('a');
    await pool.acquire('b');
    (await pool.acquire('c')).release();
    const closing = pool.close({ deadline: 100 });
    expect(destroyed).toEqual([{ key: 'c', id: 3, reason: 'shutdown' }]);
    lease.release();
    await vi.advanceTimersByTimeAsync(101);
    expect(await closing).toMatchObject({ leaked: 1, leases: [{ connection: { id: '1' } }] });
    expect(pool.close()).toBe(pool.close({ deadline: 5 }));
    expect(vi.getTimerCount()).toBe(0);
  });

  it('refuses callers from then on, and those who wait for a permit', async () => {
    const { pool } = keyed({ maxTotal: 1 });
    const lease = await pool.acquire('a');
    const waiting = outcome(pool.acquire('b'));
    const closing = pool.close();
    expect(await waiting).toMatchObject({ error: { code: 'POOL_CLOSED' } });
    expect(await outcome(pool.acquire('c'))).toMatchObject({ error: { code: 'POOL_CLOSED' } });
    expect(() => pool.tryAcquire('a')).toThrow(expect.objectContaining({ code: 'POOL_CLOSED' }));
    lease.release();
    expect(await closing).toEqual({ leaked: 0, leases: [] });
    expect(pool.getMetrics()).toMatchObject({ keys: 0, rejected: 3 });
  });

  it('waits for the destroy of a key that is forgotten already', async () => {
    const gone = deferred<void>();
    const { pool } = keyed({ idleTimeout: 10, destroy: () => gone.promise });
    (await pool.acquire('a')).release();
    await vi.advanceTimersByTimeAsync(11);
    const closed = vi.fn();
    void pool.close().then(closed);
    await flush();
    expect(closed).not.toHaveBeenCalled();
    gone.resolve();
    await flush();
    expect(closed).toHaveBeenCalledTimes(1);
  });

  it('drain serves all who wait, key after key, before it closes', async () => {
    const { pool } = keyed({ maxTotal: 1 });
    const lease = await pool.acquire('a');
    const order: string[] = [];
    const all = ['b', 'c', 'a'].map((key) => pool.use(key, () => void order.push(key)));
    const draining = pool.drain();
    expect(await outcome(pool.acquire('d'))).toMatchObject({ error: { code: 'POOL_CLOSED' } });
    lease.release();
    await Promise.all(all);
    expect(order.toSorted()).toEqual(['a', 'b', 'c']);
    expect(await draining).toEqual({ leaked: 0, leases: [] });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('close hastens a drain', async () => {
    const { pool } = keyed();
    await pool.acquire('a');
    const draining = pool.drain();
    const closing = pool.close({ deadline: 10 });
    await vi.advanceTimersByTimeAsync(11);
    expect(await draining).toMatchObject({ leaked: 1 });
    expect(await closing).toMatchObject({ leaked: 1 });
  });

  it('is what await using does', async () => {
    const { pool, destroyed } = keyed();
    {
      await using own = pool;
      (await own.acquire('a')).release();
    }
    expect(destroyed).toHaveLength(1);
  });
});
