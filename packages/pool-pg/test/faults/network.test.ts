import dns from 'node:dns';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { postgresHint, postgresIsMissing, PostgresProcess } from '@forge/config/postgres';
import type { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { direct, failure, pidOf, through, warm, type World } from '../fixtures/world.ts';

/** The pool's patience, but neither the sockets nor the event loop. */
const fakeTimes = (): void => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });

describe.skipIf(postgresIsMissing)(`Pool survives a network on which${postgresHint}`, () => {
  let server: PostgresProcess;
  beforeAll(async () => {
    server = await PostgresProcess.start();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
  afterAll(() => server.stop());

  it('connects are refused', async () => {
    await using world = await through(server);
    await world.proxy.set({ down: true });
    expect(await failure(world.pool.query('SELECT 1'))).toMatchObject({ code: 'ECONNREFUSED' });
    await world.proxy.set({});
    await vi.waitFor(() => world.pool.query('SELECT 1'));
  });

  it('connections are reset while they work', async () => {
    await using world = await through(server, { max: 2 });
    const queries = [1, 2].map(() => failure(world.pool.query('SELECT pg_sleep(10)')));
    await vi.waitFor(() => expect(world.pool.getMetrics().inUseConnections).toBe(2));
    await delay(20);
    world.proxy.cut('reset');
    for (const query of queries) expect(await query).toBeInstanceOf(Error);
    expect((await world.pool.query('SELECT 1 AS num')).rows).toEqual([{ num: 1 }]);
  });

  it('connections are closed in the middle of an answer', async () => {
    await using world = await through(server, { max: 1 });
    await warm(world.pool, 1);
    await world.proxy.set({ toClient: { limit: 1_000 } });
    const error = await failure(world.pool.query('SELECT * FROM generate_series(1, 1000)'));
    expect(error.message).toBe('Connection terminated unexpectedly');
    await world.proxy.set({});
    expect((await world.pool.query('SELECT 1 AS num')).rows).toEqual([{ num: 1 }]);
  });

  it('idle connections are half-open: a caller gets another', async () => {
    // From the start, for they begin at 0.
    fakeTimes();
    await using world = await through(server, { max: 2, validateAfter: 100 });
    const pids = await warm(world.pool, 2);
    // Those that exist, and none that comes.
    for (const connection of world.proxy.connections)
      connection.change({ toServer: LOST, toClient: LOST, down: false });
    await vi.advanceTimersByTimeAsync(200);
    const query = pidOf(world.pool);
    for (let steps = 0; steps < 300; steps += 1) {
      await vi.advanceTimersByTimeAsync(20);
      await new Promise(setImmediate);
    }
    expect(pids).not.toContain(await query);
  });

  it('the answer of a query never comes: query_timeout ends it and its connection', async () => {
    fakeTimes();
    await using world = await through(server, { max: 1, query_timeout: 1_000 });
    const [pid] = await warm(world.pool, 1);
    await world.proxy.set({ blackHole: true });
    const query = failure(world.pool.query('SELECT 1'));
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await query).toMatchObject({ code: 'PG_QUERY_TIMEOUT' });
    expect(world.pool.totalCount).toBe(1);
    // The cancel is not answered either.
    await vi.advanceTimersByTimeAsync(2_000);
    await vi.waitFor(() => expect(world.pool.totalCount).toBe(0));
    await world.proxy.set({});
    vi.useRealTimers();
    expect(await pidOf(world.pool)).not.toBe(pid);
  });

  it('a server accepts and says nothing, with no options at all', async () => {
    fakeTimes();
    await using world = await through(server);
    await world.proxy.set({ blackHole: true });
    const query = failure(world.pool.query('SELECT 1'));
    await vi.advanceTimersByTimeAsync(30_000);
    expect(await query).toMatchObject({
      code: 'POOL_CREATE_TIMEOUT',
      message: 'Connection terminated due to connection timeout',
    });
    expect(world.pool.totalCount).toBe(0);
  });

  it('connecting is slow', async () => {
    await using world = await through(server, { connectionTimeoutMillis: 2_000 });
    await world.proxy.set({ latency: 50 });
    expect((await world.pool.query('SELECT 1 AS num')).rows).toEqual([{ num: 1 }]);
  });

  it('bytes dribble', async () => {
    await using world = await through(server);
    await world.proxy.set({ slice: { size: 5, variation: 4, delay: 0 } });
    const { rows } = await world.pool.query("SELECT num, repeat('é', num) AS text FROM generate_series(1, 40) AS num");
    expect(rows.map(({ text }) => (text as string).length)).toEqual(
      Array.from({ length: 40 }, (_, index) => index + 1),
    );
  });

  it('names are not known, and then lead elsewhere', async () => {
    const addresses: string[] = [];
    const lookup = vi.spyOn(dns, 'lookup').mockImplementation(((
      _: string,
      options: { all?: boolean },
      done: Function,
    ) => {
      const address = addresses.shift();
      const error = Object.assign(new Error('getaddrinfo ENOTFOUND db.test'), { code: 'ENOTFOUND' });
      if (address === undefined) done(error);
      else if (options.all === true) done(null, [{ address, family: 4 }]);
      else done(null, address, 4);
    }) as never);
    await using pool = direct(server, { host: 'db.test' });
    expect(await failure(pool.query('SELECT 1'))).toMatchObject({ code: 'ENOTFOUND' });
    addresses.push('127.0.0.1');
    expect((await vi.waitFor(() => pool.query('SELECT 1 AS num'))).rows).toEqual([{ num: 1 }]);
    expect(lookup).toHaveBeenCalled();
  });

  it('idle connections are reset in the very turn of the queries: none of these fails', async () => {
    await using world = await through(server, { max: 2 });
    const pids = await warm(world.pool, 2);
    await delay(5);
    world.proxy.cut('reset');
    const found = await Promise.all([pidOf(world.pool), pidOf(world.pool)]);
    for (const pid of found) expect(pids).not.toContain(pid);
  });

  it('idle connections are closed in the very turn of a connect', async () => {
    await using world = await through(server, { max: 1 });
    await warm(world.pool, 1);
    await delay(5);
    world.proxy.cut('end');
    await using client = await world.pool.connect();
    expect((await client.query('SELECT 1 AS num')).rows).toEqual([{ num: 1 }]);
  });

  it('an answer is lost: what may have been done is not done twice', async () => {
    await using world = await through(server, { max: 1 });
    await world.pool.query('CREATE TABLE done (id int)');
    await world.proxy.set({ toClient: { blackHole: true } });
    const insert = failure(world.pool.query('INSERT INTO done VALUES (1)'));
    await using admin = direct(server);
    await vi.waitFor(async () => expect((await admin.query('SELECT * FROM done')).rows).toHaveLength(1));
    world.proxy.cut('reset');
    expect(await insert).toBeInstanceOf(Error);
    await world.proxy.set({});
    expect((await world.pool.query('SELECT * FROM done')).rows).toHaveLength(1);
  });

  it('a cancel is late, when its query has ended: it hits no other', async () => {
    await using world = await through(server, { max: 1, query_timeout: 40 });
    const [pid] = await warm(world.pool, 1);
    const text = 'SELECT pg_sleep(0.06)';
    const cancelled = failure(world.pool.query(text));
    await vi.waitFor(() => expect(world.pool.getMetrics().inUseConnections).toBe(1));
    await delay(10);
    await delayNewcomers(world);
    expect(await cancelled).toMatchObject({ code: 'PG_QUERY_TIMEOUT' });
    const next = world.pool.query({ text: 'SELECT pg_sleep(0.15), pg_backend_pid() AS pid', query_timeout: 2_000 });
    expect((await next).rows).toMatchObject([{ pid }]);
  });

  it('a cancel is late, and its user goes on with the client', async () => {
    await using world = await through(server, { max: 1 });
    await using client = await world.pool.connect();
    const cancelled = failure(client.query({ text: 'SELECT pg_sleep(0.06)', query_timeout: 40 } as never));
    await delay(10);
    await delayNewcomers(world);
    expect(await cancelled).toMatchObject({ code: 'PG_QUERY_TIMEOUT' });
    const next = [client.query('SELECT pg_sleep(0.15)'), client.query('SELECT 1 AS num')] as const;
    expect((await next[0]).rowCount).toBe(1);
    expect((await next[1]).rows).toEqual([{ num: 1 }]);
  });

  it('one connection is reset: those that are as old are replaced', async () => {
    await using world = await through(server, { max: 3 });
    const errors: unknown[] = [];
    world.pool.on('error', (error) => errors.push(error));
    const pids = await warm(world.pool, 3);
    world.proxy.connections[0]!.cut('reset');
    await vi.waitFor(() => expect(world.pool.totalCount).toBe(0));
    expect(errors).toMatchObject([{ code: 'ECONNRESET', client: expect.anything() }]);
    expect(pids).not.toContain(await pidOf(world.pool));
  });

  it('the process stands still: nothing expires whose answer has come', async () => {
    await using pool = direct(server, { max: 5, query_timeout: 150, connectionTimeoutMillis: 150 });
    await warm(pool, 5);
    const work = Promise.all(Array.from({ length: 10 }, () => pool.query('SELECT pg_sleep(0.01)')));
    // Five are sent and five wait.
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    expect(await work).toHaveLength(10);
    expect(pool.getMetrics()).toMatchObject({ timeouts: 0, created: 5 });
  });

  it('the clock of the machine jumps', async () => {
    await using pool = direct(server, { max: 1, idleTimeoutMillis: 1_000, maxLifetimeSeconds: 60 });
    const pid = await pidOf(pool);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 24 * 3_600_000 });
    await delay(10);
    expect(await pidOf(pool)).toBe(pid);
  });

  it('the sockets of a pool that ends are dead', async () => {
    fakeTimes();
    const world = await through(server, { max: 1 });
    const connected = once(world.pool, 'connect');
    await warm(world.pool, 1);
    const [client] = (await connected) as [Client];
    await world.proxy.set({ blackHole: true });
    const removed = once(world.pool, 'remove');
    const ended = world.pool.end();
    await vi.advanceTimersByTimeAsync(1_000);
    await Promise.all([ended, removed]);
    expect([world.pool.ended, client.connection.stream.destroyed]).toEqual([true, true]);
    vi.useRealTimers();
    await world.proxy.close();
  });
});

/** Connections that are made from now on, such as that of a cancel. */
async function delayNewcomers({ proxy }: World): Promise<void> {
  await proxy.set({ toServer: { latency: 100 } });
  const none = { ...LOST, blackHole: undefined };
  for (const connection of proxy.connections) connection.change({ toServer: none, toClient: none, down: false });
}

/** A direction that nothing passes any more. */
const LOST = {
  latency: 0,
  jitter: 0,
  bandwidth: Infinity,
  slowClose: 0,
  blackHole: Infinity,
  reset: undefined,
  slice: undefined,
  limit: Infinity,
};
