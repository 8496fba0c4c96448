import { mariadbHint, mariadbIsMissing } from '@forge/config/mariadb';
import { faultProxy } from '@forge/pool/testing';
import type { RowDataPacket } from 'mysql2';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ask, errorOf, threadOf, untilRunning, useWorld } from '../support.ts';

describe.skipIf(mariadbIsMissing)(`a pool whose connections break${mariadbHint}`, () => {
  const world = useWorld();
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each(['reset', 'end'] as const)('rejects what is under way when they %s, and recovers', async (how) => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    const pool = world.open({ port: proxy.port });
    const outcome = errorOf(pool.query('SELECT SLEEP(30)'));
    await untilRunning(world.admin, '%SLEEP(30)%');
    proxy.cut(how);
    expect(['ECONNRESET', 'PROTOCOL_CONNECTION_LOST']).toContain((await outcome).code);
    expect(await ask(pool, '1')).toBe(1);
    expect(pool.getMetrics().retriedQueries).toBe(0);
    await world.admin.query("KILL USER 'app'");
  });

  it('rejects an answer that breaks off, and never gives half of it', async () => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    const pool = world.open({ port: proxy.port, connectionLimit: 1 });
    await pool.query('DO 1');
    await proxy.set({ toClient: { limit: 1_000 } });
    expect((await errorOf(pool.query('SELECT seq FROM seq_1_to_1000'))).code).toBe('PROTOCOL_CONNECTION_LOST');
    await proxy.set({});
    expect(await ask(pool, '1')).toBe(1);
  });

  it('reads an answer that dribbles', async () => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    const pool = world.open({ port: proxy.port });
    await proxy.set({ toClient: { slice: { size: 7, variation: 6, delay: 0 } } });
    const [rows] = await pool.query<RowDataPacket[]>('SELECT seq FROM seq_1_to_50');
    expect(rows).toHaveLength(50);
  });

  it('sends again, once each, what two connections that were reset in the same turn could not send', async () => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    const pool = world.open({ port: proxy.port, connectionLimit: 2 });
    await Promise.all([pool.query('DO SLEEP(0.01)'), pool.query('DO SLEEP(0.01)')]);
    expect(pool.getMetrics().availableConnections).toBe(2);
    for (const connection of proxy.connections) connection.cut('reset');
    expect(await Promise.all([ask(pool, '1'), ask(pool, '2')])).toEqual([1, 2]);
    expect(pool.getMetrics().retriedQueries).toBe(2);
  });

  it('takes out idle connections that the server kills, and those that it finds idle for too long', async () => {
    const pool = world.open({ connectionLimit: 2, validateAfter: Infinity });
    const [short, killed] = await Promise.all([pool.getConnection(), pool.getConnection()]);
    await short.query('SET SESSION wait_timeout = 1');
    for (const connection of [short, killed]) connection.release();
    await world.admin.query(`KILL ${killed.threadId}`);
    await expect.poll(() => pool.getMetrics().totalConnections, { interval: 10 }).toBe(1);
    await expect.poll(() => pool.getMetrics().totalConnections, { interval: 20 }).toBe(0);
    expect(await ask(pool, '1')).toBe(1);
  });

  it('pings an idle connection that is half-open, and gives another one in its place', async () => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    const pool = world.open({ port: proxy.port, connectionLimit: 2, validateAfter: 0 });
    const threadId = await threadOf(pool);
    await proxy.set({ blackHole: true });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    vi.advanceTimersByTime(1);
    const answer = threadOf(pool);
    await proxy.set({});
    const [stuck] = proxy.connections;
    expect(stuck).toBeDefined();
    await vi.advanceTimersByTimeAsync(5_001);
    vi.useRealTimers();
    expect(await answer).toBeTypeOf('number');
    expect(threadId).toBeTypeOf('number');
  });

  it('does not let a statement hang on a connection that is half-open', async () => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    const pool = world.open({ port: proxy.port, validateAfter: Infinity });
    await pool.query('DO 1');
    await proxy.set({ blackHole: true });
    expect((await errorOf(pool.query({ sql: 'DO 1', timeout: 50 }))).code).toBe('PROTOCOL_SEQUENCE_TIMEOUT');
    await proxy.set({});
    expect(await ask(pool, '1')).toBe(1);
  });

  it('ends a connection whose rollback is not answered, before anybody gets it', async () => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    const pool = world.open({ port: proxy.port, connectionLimit: 1 });
    const connection = await pool.getConnection();
    const { threadId } = connection;
    await connection.beginTransaction();
    await proxy.set({ blackHole: true });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    connection.release();
    const answer = threadOf(pool);
    await vi.advanceTimersByTimeAsync(5_001);
    vi.useRealTimers();
    await proxy.set({});
    expect(await answer).not.toBe(threadId);
  });

  it('ends a connection whose stream of rows was abandoned, before anybody gets it', async () => {
    const pool = world.open({ connectionLimit: 1 });
    const connection = await pool.getConnection();
    const { threadId } = connection;
    const core = connection.connection as unknown as import('mysql2').Connection;
    const stream = core.query('SELECT seq FROM seq_1_to_100000').stream({ highWaterMark: 1 });
    await new Promise((resolve) => stream.once('data', resolve));
    stream.pause();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    connection.release();
    const answer = threadOf(pool);
    await vi.advanceTimersByTimeAsync(5_001);
    vi.useRealTimers();
    expect(await answer).not.toBe(threadId);
    stream.destroy();
  });

  it('outlives a server that stands still, without two answers for one question', async () => {
    const pool = world.open({ connectionLimit: 2, queryTimeout: 50, acquireTimeout: 200, connectTimeout: 100 });
    await pool.query('DO 1');
    world.mariadb.freeze();
    try {
      expect((await errorOf(pool.query('SELECT 1 AS v'))).code).toBe('PROTOCOL_SEQUENCE_TIMEOUT');
      expect((await errorOf(pool.query('SELECT 2 AS v'))).code).toMatch(/TIMEDOUT|TIMEOUT/);
    } finally {
      world.mariadb.thaw();
    }
    await expect.poll(() => ask(pool, '3').catch(() => undefined)).toBe(3);
  });

  it('outlives a crash of the server', async () => {
    const pool = world.open({ connectionLimit: 2 });
    const outcomes = [1, 2].map(() => errorOf(pool.query('SELECT SLEEP(30)')));
    await untilRunning(world.admin, '%SLEEP(30)%', 2);
    await world.mariadb.kill();
    for (const { code } of await Promise.all(outcomes)) {
      expect(['ECONNRESET', 'PROTOCOL_CONNECTION_LOST']).toContain(code);
    }
    expect((await errorOf(pool.query('DO 1'))).code).toBe('ECONNREFUSED');
    await world.mariadb.restart();
    await expect.poll(() => ask(pool, '1').catch(() => undefined)).toBe(1);
    expect(pool.getMetrics().inUseConnections).toBe(0);
  });
});
