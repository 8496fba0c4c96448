import { setTimeout as delay } from 'node:timers/promises';
import { postgresHint, postgresIsMissing, PostgresProcess } from '@forge/config/postgres';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { PoolEvents } from '../../src/index.ts';
import { direct, failure, pidOf, warm } from '../fixtures/world.ts';

describe.skipIf(postgresIsMissing)(`Pool survives a server that${postgresHint}`, () => {
  let server: PostgresProcess;
  beforeAll(async () => {
    server = await PostgresProcess.start();
  });
  afterAll(() => server.stop());

  it('is restarted: what it had is replaced, and nobody is told who has nothing to do with it', async () => {
    await using pool = direct(server, { max: 3 });
    const errors: PoolEvents['error'][] = [];
    pool.on('error', (...event) => errors.push(event));
    await warm(pool, 3);
    await server.end();
    await vi.waitFor(() => expect(pool.totalCount).toBe(0));
    expect(errors[0]![0]).toMatchObject({ code: '57P01', client: errors[0]![1] });
    await server.restart();
    expect(await Promise.all([1, 2, 3].map(() => pidOf(pool)))).toHaveLength(3);
  });

  it('is killed while queries run', async () => {
    await using pool = direct(server, { max: 2, createRetries: 3 });
    const running = [1, 2].map(() => failure(pool.query('SELECT pg_sleep(10)')));
    await vi.waitFor(() => expect(pool.getMetrics().inUseConnections).toBe(2));
    await server.kill();
    for (const query of running) expect(await query).toBeInstanceOf(Error);
    await server.restart();
    expect((await vi.waitFor(() => pool.query('SELECT 1 AS num'), 5_000)).rows).toEqual([{ num: 1 }]);
  });

  it('is frozen: query_timeout ends what it does not answer, and it recovers', async () => {
    await using pool = direct(server, {
      max: 2,
      query_timeout: 50,
      connectionTimeoutMillis: 300,
      validateAfter: 60_000,
    });
    await warm(pool, 2);
    server.freeze();
    try {
      const errors = await Promise.all([1, 2, 3].map(() => failure(pool.query('SELECT 1'))));
      expect(errors.map(({ code }) => code)).toEqual(['PG_QUERY_TIMEOUT', 'PG_QUERY_TIMEOUT', 'POOL_ACQUIRE_TIMEOUT']);
    } finally {
      server.thaw();
    }
    expect((await vi.waitFor(() => pool.query('SELECT 1 AS num'), 5_000)).rows).toEqual([{ num: 1 }]);
  });

  it('ends one idle session: those that are as old are replaced before anybody has them', async () => {
    await using admin = direct(server, { max: 1 });
    await using pool = direct(server, { max: 3 });
    const pids = await warm(pool, 3);
    await admin.query('SELECT pg_terminate_backend($1)', [pids[0]]);
    await vi.waitFor(() => expect(pool.totalCount).toBe(0));
    expect(pids).not.toContain(await pidOf(pool));
  });

  it('ends sessions that are idle in the turn in which they are asked', async () => {
    await using admin = direct(server, { max: 1 });
    await using pool = direct(server, { max: 2 });
    const pids = await warm(pool, 2);
    const client = await admin.connect();
    const killed = client.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [pids]);
    // The server has ended them before this process reads anything.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    const found = await Promise.all([pidOf(pool), pidOf(pool)]);
    for (const pid of found) expect(pids).not.toContain(pid);
    await killed;
    client.release();
  });

  it('has become read-only: all that was made before is replaced', async () => {
    await using admin = direct(server, { max: 1, options: '-c default_transaction_read_only=off' });
    await using pool = direct(server, { max: 2 });
    await pool.query('CREATE TABLE written (id int)');
    const pids = await warm(pool, 2);
    await admin.query('ALTER SYSTEM SET default_transaction_read_only = on');
    await admin.query('SELECT pg_reload_conf()');
    await vi.waitFor(async () => {
      const { rows } = await pool.query('SHOW default_transaction_read_only');
      expect(rows).toEqual([{ default_transaction_read_only: 'on' }]);
    });
    const client = await pool.connect();
    expect(await failure(client.query('INSERT INTO written VALUES (1)'))).toMatchObject({ code: '25006' });
    await admin.query('ALTER SYSTEM RESET default_transaction_read_only');
    await admin.query('SELECT pg_reload_conf()');
    client.release();
    expect(pool.totalCount).toBe(0);
    expect(pids).not.toContain(await pidOf(pool));
  });

  it('was read-only from the start: a refused write is a mistake of its caller alone', async () => {
    await using pool = direct(server, { max: 2, options: '-c default_transaction_read_only=on' });
    await warm(pool, 2);
    const client = await pool.connect();
    expect(await failure(client.query('CREATE TABLE other (id int)'))).toMatchObject({ code: '25006' });
    client.release();
    // The server's word that it is ready may come a moment after the error.
    await expect.poll(() => pool.idleCount).toBe(2);
    expect(pool.getMetrics().created).toBe(2);
  });

  it('has too many clients: those that the pool has go on', async () => {
    await using admin = direct(server, { max: 1 });
    await admin.query('CREATE ROLE few LOGIN CONNECTION LIMIT 2');
    await using pool = direct(server, { max: 5, user: 'few', createRetries: 4 });
    const refusals: unknown[] = [];
    pool.on('connectionError', ({ error }) => refusals.push((error as Error).cause));
    await warm(pool, 2);
    const clients = await Promise.all([pool.connect(), pool.connect()]);
    const waiting = pool.query('SELECT 1 AS num');
    await vi.waitFor(() => expect(refusals[0]).toMatchObject({ code: '53300' }));
    for (const client of clients) client.release();
    expect((await waiting).rows).toEqual([{ num: 1 }]);
  });

  it("has too many clients: with max 'auto' the pool asks for no more", async () => {
    await using admin = direct(server, { max: 1 });
    await admin.query('CREATE ROLE fewer LOGIN CONNECTION LIMIT 3');
    await using pool = direct(server, { max: 'auto', user: 'fewer', createRetries: 4 });
    await warm(pool, 3);
    const work = Array.from({ length: 30 }, () => pool.query('SELECT pg_sleep(0.01)'));
    expect(await Promise.all(work)).toHaveLength(30);
    expect(pool.totalCount).toBeLessThanOrEqual(3);
  });

  it('is gone for a while: its callers learn it at once, and it is found when it is back', async () => {
    await using pool = direct(server, { max: 1 });
    await server.end();
    const errors: { code?: string }[] = [];
    while (errors.at(-1)?.code !== 'POOL_UNAVAILABLE') errors.push(await failure(pool.query('SELECT 1')));
    expect(errors[0]).toMatchObject({ code: 'ECONNREFUSED' });
    expect(errors.at(-1)).toMatchObject({
      cause: { code: 'ECONNREFUSED' },
      message: expect.stringContaining('ECONNREFUSED'),
    });
    const started = performance.now();
    await failure(pool.query('SELECT 1'));
    expect(performance.now() - started).toBeLessThan(50);
    await server.restart();
    expect((await vi.waitFor(() => pool.query('SELECT 1 AS num'), 10_000)).rows).toEqual([{ num: 1 }]);
    await delay(0);
  });
});
