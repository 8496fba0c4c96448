import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BalancedPool, type BalancedPoolOptions, type DestroyReason, type Lease } from '../../src/index.ts';
import { deferred, flush, outcome, type Deferred } from '../support.ts';

interface Wire {
  readonly endpoint: string;
  readonly id: number;
}

interface Destroyed extends Wire {
  readonly reason: DestroyReason;
}

type Options = Partial<Omit<BalancedPoolOptions<string, Wire>, 'endpoints'>>;

interface World {
  readonly pool: BalancedPool<string, Wire>;
  readonly destroyed: Destroyed[];
  /** Endpoints whose creates fail, and those whose creates never settle. */
  readonly dead: Set<string>;
  readonly silent: Set<string>;
  /** Creates that were tried, by endpoint. */
  readonly tried: string[];
  /** Evicts the connection with this id. */
  readonly evict: Map<number, (error?: unknown) => void>;
}

/** Endpoints are single letters. Creates succeed at once unless the test says otherwise. */
function balanced(endpoints: string, options: Options = {}): World {
  const [dead, silent] = [new Set<string>(), new Set<string>()];
  const destroyed: Destroyed[] = [];
  const tried: string[] = [];
  const evict = new Map<number, (error?: unknown) => void>();
  const pool = new BalancedPool<string, Wire>({
    endpoints,
    create: (endpoint) => {
      tried.push(endpoint);
      if (silent.has(endpoint)) return new Promise(() => {});
      if (dead.has(endpoint)) throw new Error(`${endpoint} is down`);
      return { endpoint, id: tried.length };
    },
    destroy: (wire, reason) => destroyed.push({ ...wire, reason }),
    onClosed: ({ id }, close) => void evict.set(id, close),
    random: () => 0,
    ...options,
  });
  return { pool, destroyed, dead, silent, tried, evict };
}

function endpointsOf(leases: readonly Lease<Wire>[]): string[] {
  return leases.map(({ connection }) => connection.endpoint);
}

function of(endpoint: string, leases: readonly Lease<Wire>[]): Lease<Wire>[] {
  return leases.filter(({ connection }) => connection.endpoint === endpoint);
}

function lease({ pool }: World, count: number): Promise<Lease<Wire>[]> {
  return Promise.all(Array.from({ length: count }, () => pool.acquire()));
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('BalancedPool', () => {
  it('spreads its leases over the endpoints, up to max of each', async () => {
    const all = balanced('ab', { max: 3 });
    const leases = await lease(all, 6);
    expect(endpointsOf(leases).toSorted()).toEqual(['a', 'a', 'a', 'b', 'b', 'b']);
    const next = all.pool.acquire();
    await flush();
    expect(all.pool.getMetrics()).toMatchObject({ pending: 1, leases: 6, endpoints: 2, totalConnections: 6 });
    leases.find(({ connection }) => connection.endpoint === 'b')!.release();
    expect((await next).connection.endpoint).toBe('b');
  });

  it('tells each function the endpoint that it is called for', async () => {
    const asked = new Map<string, string>();
    const { pool } = balanced('a', {
      validate: (_, __, endpoint) => (asked.set('validate', endpoint), true),
      validateAfter: 0,
      reset: (_, endpoint) => asked.set('reset', endpoint),
      onClosed: (_, __, endpoint) => asked.set('onClosed', endpoint),
      concurrency: (_, endpoint) => (asked.set('concurrency', endpoint), 1),
      classifyError: (_, __, endpoint) => (asked.set('classifyError', endpoint), 'retryable'),
      destroy: (_, __, endpoint) => asked.set('destroy', endpoint),
    });
    (await pool.acquire()).release();
    await vi.advanceTimersByTimeAsync(5);
    (await pool.acquire()).destroy(new Error('broken'));
    expect(asked.size).toBe(6);
    expect(new Set(asked.values())).toEqual(new Set(['a']));
  });

  it('serves callers for whom no endpoint has room in order of calling, within a priority', async () => {
    const all = balanced('ab', { max: 1 });
    const [one, two] = await lease(all, 2);
    const order: number[] = [];
    const call = (name: number, priority = 0): Promise<void> => all.pool.use(() => void order.push(name), { priority });
    const calls = [call(1), call(2), call(3, 5), call(4)];
    one!.release();
    two!.release();
    await Promise.all(calls);
    expect(order).toEqual([3, 1, 2, 4]);
  });

  it('lets nobody overtake those who wait', async () => {
    const all = balanced('a', { max: 1 });
    const [held] = await lease(all, 1);
    const waiting = all.pool.acquire();
    held!.release();
    expect(all.pool.tryAcquire()).toBeUndefined();
    const late = all.pool.acquire();
    await flush();
    expect(all.pool.getMetrics()).toMatchObject({ pending: 1 });
    (await waiting).release();
    (await late).release();
  });

  it('tryAcquire takes what is ready and never makes anything', async () => {
    const { pool, tried } = balanced('a');
    expect(pool.tryAcquire()).toBeUndefined();
    expect(tried).toEqual([]);
    (await pool.acquire()).release();
    expect(pool.tryAcquire()?.connection.endpoint).toBe('a');
  });

  it('use releases however its function ends', async () => {
    const { pool } = balanced('a', { max: 1 });
    await expect(pool.use(({ endpoint }) => endpoint)).resolves.toBe('a');
    const error = new Error('mine');
    await expect(pool.use(() => Promise.reject(error))).rejects.toBe(error);
    expect(pool.getMetrics()).toMatchObject({ created: 1, leases: 0, released: 2 });
  });

  it('keeps min connections to each endpoint', async () => {
    const { pool, tried } = balanced('ab', { min: 2 });
    await flush();
    expect(tried.toSorted()).toEqual(['a', 'a', 'b', 'b']);
    pool.setEndpoints('abc');
    await flush();
    expect(tried.slice(4)).toEqual(['c', 'c']);
  });
});

describe('BalancedPool with an endpoint that fails', () => {
  it('serves a caller from another endpoint when his create fails', async () => {
    const all = balanced('ab');
    all.dead.add('a').add('b');
    const failed = outcome(all.pool.acquire());
    await flush();
    expect(await failed).toMatchObject({ error: { code: 'POOL_CREATE_FAILED' } });
    expect(all.tried.toSorted()).toEqual(['a', 'b']);
    all.dead.delete('b');
    await vi.advanceTimersByTimeAsync(1_000);
    const leases = await lease(all, 5);
    expect(new Set(endpointsOf(leases))).toEqual(new Set(['b']));
    expect(all.pool.getMetrics()).toMatchObject({ rejected: 1, acquired: 5, pending: 0 });
  });

  it('ejects an endpoint whose creates fail, and tells it', async () => {
    const all = balanced('ab', { max: 100, classifyError: () => 'retryable' });
    const told: unknown[] = [];
    all.pool.on('endpointEjected', ({ endpoint }) => told.push(['ejected', endpoint]));
    all.pool.on('endpointRestored', ({ endpoint }) => told.push(['restored', endpoint]));
    all.dead.add('a');
    await lease(all, 20);
    expect(told).toEqual([['ejected', 'a']]);
    expect(all.pool.metricsOf('a')).toMatchObject({ state: 'ejected', totalConnections: 0 });
    expect(all.pool.getMetrics()).toMatchObject({ ejectedEndpoints: 1, rejected: 0, acquired: 20 });
    all.dead.delete('a');
    // As long as its own breaker lasts, at most.
    await vi.advanceTimersByTimeAsync(30_000);
    for (const each of await lease(all, 20)) each.release();
    expect(told).toEqual([
      ['ejected', 'a'],
      ['restored', 'a'],
    ]);
  });

  it('judges an endpoint by how its leases end', async () => {
    const all = balanced('ab', { max: 10 });
    const leases = await lease(all, 20);
    const [[one, ...others], ofB] = [of('a', leases), of('b', leases)];
    one!.destroy();
    expect(all.pool.metricsOf('a')).toMatchObject({ state: 'healthy' });
    for (const each of others.slice(0, 5)) each.destroy(new Error('reset'));
    expect(all.pool.metricsOf('a')).toMatchObject({ state: 'ejected' });
    for (const each of ofB) each.release();
    expect(all.pool.metricsOf('b')).toMatchObject({ state: 'healthy', latency: 0 });
  });

  it('takes a connection that broke under its lease for a failure, though the lease is released', async () => {
    const all = balanced('a', { max: 10 });
    for (const each of await lease(all, 5)) {
      all.evict.get(each.connection.id)!(new Error('reset'));
      each.release();
    }
    expect(all.pool.metricsOf('a')).toMatchObject({ state: 'suspect' });
  });

  it('takes what comes first when an endpoint is silent, within the patience of the caller', async () => {
    const all = balanced('abc', { acquireTimeout: 300 });
    all.silent.add('a').add('b');
    const leases = lease(all, 5);
    await vi.advanceTimersByTimeAsync(201);
    expect(new Set(endpointsOf(await leases))).toEqual(new Set(['c']));
    expect(all.pool.getMetrics()).toMatchObject({ timeouts: 0, acquired: 5, pending: 0, rejected: 0, aborted: 0 });
    expect(vi.getTimerCount()).toBeGreaterThan(0);
  });

  it('takes the connection of the endpoint tried first when it comes first after all', async () => {
    const late: Deferred<Wire>[] = [];
    const { pool } = balanced('ab', {
      create: () => {
        late.push(deferred<Wire>());
        return late.at(-1)!.promise;
      },
      acquireTimeout: 300,
    });
    const leased = pool.acquire();
    await vi.advanceTimersByTimeAsync(151);
    expect(late).toHaveLength(2);
    late[0]!.resolve({ endpoint: 'first', id: 1 });
    expect((await leased).connection.endpoint).toBe('first');
    late[1]!.resolve({ endpoint: 'second', id: 2 });
    await flush();
    // What the other brought is there for the next.
    expect(pool.tryAcquire()?.connection.endpoint).toBe('second');
  });

  it('counts a create that hangs against its endpoint, though its callers are long served', async () => {
    const all = balanced('ab', { createTimeout: 100, max: 20 });
    all.silent.add('a');
    const leases = lease(all, 12);
    await vi.advanceTimersByTimeAsync(99);
    expect(endpointsOf(await leases)).toEqual(Array(12).fill('b'));
    expect(all.pool.metricsOf('a')).toMatchObject({ state: 'healthy' });
    await vi.advanceTimersByTimeAsync(1);
    expect(all.pool.metricsOf('a')).toMatchObject({ totalConnections: 0 });
    expect(['ejected', 'suspect']).toContain(all.pool.metricsOf('a')!.state);
  });

  it('tries an ejected endpoint rather than failing a caller', async () => {
    const all = balanced('ab', { max: 10 });
    const leases = await lease(all, 20);
    const [ofA, ofB] = [of('a', leases), of('b', leases)];
    for (const each of ofA) each.destroy(new Error('reset'));
    expect(all.pool.metricsOf('a')).toMatchObject({ state: 'ejected' });
    all.dead.add('b');
    all.pool.invalidate('b');
    for (const each of ofB) each.release();
    expect((await all.pool.acquire()).connection.endpoint).toBe('a');
  });

  it('probes an ejected endpoint for those who wait, though nothing else happens', async () => {
    const all = balanced('ab', { max: 5 });
    const leases = await lease(all, 10);
    for (const each of leases.filter(({ connection }) => connection.endpoint === 'a')) each.destroy(new Error('reset'));
    const waiting = all.pool.acquire();
    await vi.advanceTimersByTimeAsync(900);
    expect(all.pool.getMetrics()).toMatchObject({ pending: 1 });
    await vi.advanceTimersByTimeAsync(200);
    expect((await waiting).connection.endpoint).toBe('a');
  });

  it('refuses callers at once when all endpoints refuse them at once', async () => {
    const all = balanced('ab', { classifyError: () => 'fatal' });
    all.dead.add('a').add('b');
    await outcome(all.pool.acquire());
    expect(await outcome(all.pool.acquire())).toMatchObject({ error: { code: 'POOL_UNAVAILABLE' } });
    expect(all.tried).toHaveLength(2);
  });

  it('fails no caller when one of two endpoints is back (nodejs/undici#4839)', async () => {
    const all = balanced('ab');
    all.dead.add('a').add('b');
    for (let call = 0; call < 20; call += 1) {
      await Promise.all([outcome(all.pool.use(() => {})), vi.advanceTimersByTimeAsync(100)]);
    }
    all.dead.delete('b');
    await vi.advanceTimersByTimeAsync(31_000);
    const failed = [];
    for (let call = 0; call < 40; call += 1) {
      const [result] = await Promise.all([outcome(all.pool.use(() => {})), vi.advanceTimersByTimeAsync(10)]);
      if ('error' in result) failed.push(result.error);
    }
    expect(failed).toEqual([]);
  });
});

describe('BalancedPool waits', () => {
  it('end at their deadline, whose count starts at the call', async () => {
    const all = balanced('ab', { max: 1 });
    await lease(all, 2);
    const waiting = outcome(all.pool.acquire({ timeout: 50 }));
    await vi.advanceTimersByTimeAsync(51);
    expect(await waiting).toMatchObject({ error: { code: 'POOL_ACQUIRE_TIMEOUT', waited: 50 } });
    all.silent.add('a').add('b');
    all.pool.invalidateAll();
    const silent = balanced('ab');
    silent.silent.add('a').add('b');
    const creating = outcome(silent.pool.acquire({ timeout: 50 }));
    await vi.advanceTimersByTimeAsync(51);
    expect(await creating).toMatchObject({ error: { code: 'POOL_ACQUIRE_TIMEOUT' } });
    expect(all.pool.getMetrics()).toMatchObject({ timeouts: 1, pending: 0 });
    expect(silent.pool.getMetrics()).toMatchObject({ timeouts: 1, pending: 0, rejected: 0, aborted: 0 });
  });

  it('end by their signal, with its reason', async () => {
    const all = balanced('ab', { max: 1 });
    const controller = new AbortController();
    const { signal } = controller;
    all.silent.add('a').add('b');
    const calls = [1, 2, 3].map(() => outcome(all.pool.acquire({ signal })));
    await flush();
    expect(all.pool.getMetrics()).toMatchObject({ pending: 3 });
    controller.abort('enough');
    expect(await Promise.all(calls)).toEqual([{ error: 'enough' }, { error: 'enough' }, { error: 'enough' }]);
    expect(await outcome(all.pool.acquire({ signal }))).toEqual({ error: 'enough' });
    expect(all.pool.getMetrics()).toMatchObject({ aborted: 4, pending: 0 });
  });

  it('are bounded by maxPending, which tells when half are gone', async () => {
    const all = balanced('a', { max: 1, maxPending: 2 });
    const drained: unknown[] = [];
    all.pool.on('drain', (event) => drained.push(event));
    const [held] = await lease(all, 1);
    const calls = [1, 2].map(() => all.pool.use(() => {}));
    expect(await outcome(all.pool.acquire())).toMatchObject({ error: { code: 'POOL_QUEUE_FULL', pending: 2 } });
    held!.release();
    await Promise.all(calls);
    expect(drained).toHaveLength(1);
    expect(all.pool.getMetrics()).toMatchObject({ rejected: 1, pending: 0 });
  });
});

describe('BalancedPool setEndpoints', () => {
  it('uses what is new at once, and lets the leases of what leaves end in their time', async () => {
    const all = balanced('ab', { max: 2 });
    const leases = await lease(all, 3);
    const waiting = [all.pool.acquire(), all.pool.acquire()];
    await flush();
    all.pool.setEndpoints('ac');
    expect((await waiting[1])!.connection.endpoint).toBe('c');
    expect(all.pool.endpoints()).toEqual(['a', 'c']);
    expect(all.pool.metricsOf('b')).toBeUndefined();
    await vi.advanceTimersByTimeAsync(120_000);
    const ofB = leases.filter(({ connection }) => connection.endpoint === 'b');
    expect(all.destroyed.filter(({ endpoint }) => endpoint === 'b').length).toBeLessThan(2);
    for (const each of ofB) each.release();
    await flush();
    const { created, destroyed, totalConnections } = all.pool.getMetrics();
    expect(created - destroyed).toBe(totalConnections);
  });

  it('lets callers wait for endpoints while there are none', async () => {
    const all = balanced('');
    const waiting = all.pool.acquire();
    await flush();
    all.pool.setEndpoints('a');
    expect((await waiting).connection.endpoint).toBe('a');
  });

  it('moves a caller whose endpoint leaves before its create is done', async () => {
    const all = balanced('a');
    all.silent.add('a');
    const waiting = all.pool.acquire();
    await flush();
    all.pool.setEndpoints('b');
    expect((await waiting).connection.endpoint).toBe('b');
  });

  it('lets a caller go back to one that he has tried when the last of the others leaves', async () => {
    const all = balanced('ab');
    all.dead.add('a').add('b');
    const waiting = outcome(all.pool.acquire());
    all.silent.add(all.tried[0] === 'a' ? 'b' : 'a');
    await flush();
    expect(all.tried).toHaveLength(2);
    const [first] = all.tried;
    all.dead.delete(first!);
    all.pool.setEndpoints(first!);
    await flush();
    expect(await waiting).toMatchObject({ value: { connection: { endpoint: first } } });
    expect(all.pool.getMetrics()).toMatchObject({ detours: 2, pending: 0, rejected: 0 });
  });

  it('lets a caller have what is being made when no endpoint is left', async () => {
    const made = deferred<Wire>();
    const pool = new BalancedPool({ endpoints: 'a', create: () => made.promise });
    const waiting = pool.acquire();
    pool.setEndpoints([]);
    made.resolve({ endpoint: 'a', id: 1 });
    const one = await waiting;
    const none = outcome(pool.acquire({ timeout: 50 }));
    one.release();
    await vi.advanceTimersByTimeAsync(50);
    expect(await none).toMatchObject({ error: { code: 'POOL_ACQUIRE_TIMEOUT' } });
    expect(pool.getMetrics()).toMatchObject({ endpoints: 0, totalConnections: 0, created: 1, destroyed: 1 });
  });

  it('refuses what is not iterable and keeps what it had', () => {
    const { pool } = balanced('ab');
    expect(() => pool.setEndpoints(5 as never)).toThrow(TypeError);
    expect(pool.endpoints()).toEqual(['a', 'b']);
  });
});

describe('BalancedPool close', () => {
  it('refuses those who wait, waits for leases, and leaves nothing', async () => {
    const all = balanced('ab', { max: 1 });
    const [one, two] = await lease(all, 2);
    const waiting = outcome(all.pool.acquire());
    const closing = all.pool.close({ deadline: 100 });
    expect(await waiting).toMatchObject({ error: { code: 'POOL_CLOSED' } });
    expect(await outcome(all.pool.acquire())).toMatchObject({ error: { code: 'POOL_CLOSED' } });
    expect(() => all.pool.tryAcquire()).toThrow(expect.objectContaining({ code: 'POOL_CLOSED' }));
    expect(() => all.pool.setEndpoints('c')).toThrow(expect.objectContaining({ code: 'POOL_CLOSED' }));
    one!.release();
    await vi.advanceTimersByTimeAsync(101);
    expect(await closing).toMatchObject({ leaked: 1 });
    expect(all.pool.close()).toBe(closing);
    two!.release();
    expect(vi.getTimerCount()).toBe(0);
    expect(all.pool.getMetrics()).toMatchObject({ created: 2, destroyed: 2, rejected: 3 });
  });

  it('ends a search, which tries no other endpoint', async () => {
    const all = balanced('ab');
    all.silent.add('a').add('b');
    const waiting = outcome(all.pool.acquire());
    await flush();
    const closing = all.pool.close({ deadline: 100 });
    expect(await waiting).toMatchObject({ error: { code: 'POOL_CLOSED' } });
    await vi.advanceTimersByTimeAsync(101);
    expect(await closing).toEqual({ leaked: 0, leases: [] });
    expect(all.tried).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('drain serves those who wait first', async () => {
    const all = balanced('ab', { max: 1 });
    const [one, two] = await lease(all, 2);
    const calls = [1, 2, 3, 4].map((call) => all.pool.use(() => call));
    const draining = all.pool.drain();
    expect(await outcome(all.pool.acquire())).toMatchObject({ error: { code: 'POOL_CLOSED' } });
    one!.release();
    two!.release();
    expect(await Promise.all(calls)).toEqual([1, 2, 3, 4]);
    expect(await draining).toEqual({ leaked: 0, leases: [] });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('drain ends at its deadline, or by close before it', async () => {
    const all = balanced('a', { max: 1 });
    await lease(all, 1);
    const waiting = outcome(all.pool.acquire());
    const draining = all.pool.drain({ deadline: 50 });
    await vi.advanceTimersByTimeAsync(51);
    expect(await draining).toMatchObject({ leaked: 1 });
    expect(await waiting).toMatchObject({ error: { code: 'POOL_CLOSED' } });
    const other = balanced('a', { max: 1 });
    await lease(other, 1);
    const slow = other.pool.drain();
    void other.pool.close({ deadline: 10 });
    await vi.advanceTimersByTimeAsync(11);
    expect(await slow).toMatchObject({ leaked: 1 });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is what await using does', async () => {
    const all = balanced('a');
    {
      await using own = all.pool;
      (await own.acquire()).release();
    }
    expect(all.destroyed).toHaveLength(1);
  });
});

describe('BalancedPool events and options', () => {
  it('tells events with the endpoint, and measures of all', async () => {
    const all = balanced('ab');
    const told: string[] = [];
    const names = new Set<string>();
    all.pool.on('connectionCreated', ({ endpoint, connection }) => told.push(`${endpoint}${connection.id}`));
    const remove = all.pool.onMeasure((name) => names.add(name));
    for (const each of await lease(all, 4)) each.release();
    expect(told.toSorted()).toEqual(['a1', 'a2', 'b1', 'b2']);
    expect(names).toEqual(new Set(['wait', 'create', 'use']));
    remove();
  });

  it.each([
    [{ endpoints: 5 }, 'endpoints'],
    [{ endpoints: undefined }, 'endpoints'],
    [{ create: undefined }, 'create'],
    [{ maxPending: -1 }, 'maxPending'],
    [{ maxTotal: 5 }, 'Cannot create a BalancedPool: there is no option "maxTotal"'],
    [{ max: 0 }, 'max'],
    [{ createRetries: -1 }, 'createRetries'],
  ])('refuses %o at once', (options, name) => {
    expect(() => balanced('a', options as Options)).toThrow(name);
  });
});
