import { getEventListeners } from 'node:events';
import { faultProxy } from '@forge/pool/testing';
import { mariadbHint, mariadbIsMissing } from '@forge/config/mariadb';
import type { RowDataPacket } from 'mysql2';
import { describe, expect, it, vi } from 'vitest';
import { ask, errorOf, threadOf, untilRunning, useWorld } from './support.ts';

describe.skipIf(mariadbIsMissing)(`a statement${mariadbHint}`, () => {
  const world = useWorld();

  /** Statements of the pools' user that the server works at. */
  const running = async (): Promise<number> => {
    const [rows] = await world.admin.query<RowDataPacket[]>(
      "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'app' AND COMMAND <> 'Sleep'",
    );
    return rows.length;
  };

  it.each(['query', 'execute'] as const)('of %s is stopped on the server when its time is over', async (verb) => {
    const pool = world.open({ connectionLimit: 1, queryTimeout: 300 });
    const threadId = await threadOf(pool);
    const error = await errorOf(verb === 'query' ? pool.query('SELECT SLEEP(30)') : pool.execute('SELECT SLEEP(30)'));
    expect(error).toMatchObject({ code: 'PROTOCOL_SEQUENCE_TIMEOUT', message: 'Query inactivity timeout' });
    expect(error.stack).toContain('statements.test');
    expect(await threadOf(pool)).toBe(threadId);
    expect(await running()).toBe(0);
    expect(pool.getMetrics()).toMatchObject({ stoppedQueries: 1, created: 1 });
  });

  it('has a time of its own, of which 0 is none', async () => {
    const pool = world.open({ queryTimeout: 50 });
    expect((await pool.query<RowDataPacket[]>({ sql: 'SELECT SLEEP(0.1) AS v', timeout: 0 }))[0]).toEqual([{ v: 0 }]);
    expect((await errorOf(pool.query({ sql: 'SELECT SLEEP(30)', timeout: 20 }))).code).toBe(
      'PROTOCOL_SEQUENCE_TIMEOUT',
    );
  });

  it('is stopped by its signal, whose reason its caller gets', async () => {
    const pool = world.open({ connectionLimit: 1 });
    const controller = new AbortController();
    const outcome = errorOf(pool.query({ sql: 'SELECT SLEEP(30)', signal: controller.signal }));
    await untilRunning(world.admin, '%SLEEP(30)%');
    const reason = new Error('The caller has gone');
    controller.abort(reason);
    expect(await outcome).toBe(reason);
    await expect.poll(running).toBe(0);
    expect(await ask(pool, '1')).toBe(1);
    expect(pool.getMetrics().created).toBe(1);
  });

  it('is not even sent when its signal has aborted', async () => {
    const pool = world.open();
    const reason = new Error('Too late');
    expect(await errorOf(pool.query({ sql: 'DO 1', signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(pool.getMetrics().acquired).toBe(0);
  });

  it('waits for a connection no longer when its signal aborts', async () => {
    const pool = world.open({ connectionLimit: 1 });
    const connection = await pool.getConnection();
    const controller = new AbortController();
    const outcome = errorOf(pool.execute({ sql: 'DO 1', signal: controller.signal }));
    const reason = new Error('The caller has gone');
    controller.abort(reason);
    expect(await outcome).toBe(reason);
    connection.release();
    expect(pool.getMetrics()).toMatchObject({ aborted: 1, pending: 0 });
  });

  it.each(['query', 'execute'] as const)(
    'of %s that waits for another one is ended without harm to that',
    async (verb) => {
      const pool = world.open({ connectionLimit: 1 });
      await using connection = await pool.getConnection();
      const first = connection.query<RowDataPacket[]>('SELECT SLEEP(0.2) AS v');
      const second = errorOf(connection[verb]({ sql: 'SET @second = 1', timeout: 50 }));
      expect((await second).code).toBe('PROTOCOL_SEQUENCE_TIMEOUT');
      expect((await first)[0]).toEqual([{ v: 0 }]);
      expect(await ask(connection, '@second')).toBe(null);
    },
  );

  it('leaves its connection to its user, who may roll back at once', async () => {
    const pool = world.open({ connectionLimit: 1 });
    await using connection = await pool.getConnection();
    await connection.beginTransaction();
    for (let round = 0; round < 5; round += 1) {
      await errorOf(connection.query({ sql: 'SELECT SLEEP(30)', timeout: 10 }));
      expect(await ask(connection, '@@in_transaction')).toBe(1);
    }
    await errorOf(connection.query({ sql: 'SELECT SLEEP(30)', timeout: 10 }));
    await connection.rollback();
    expect(await ask(connection, '@@in_transaction')).toBe(0);
  });

  it('is stopped by one side connection for all that end at one time', async () => {
    const pool = world.open({ connectionLimit: 5 });
    await Promise.all([1, 2, 3, 4, 5].map(() => pool.query('DO SLEEP(0.1)')));
    const connects = async (): Promise<number> => {
      const [rows] = await world.admin.query<RowDataPacket[]>("SHOW GLOBAL STATUS LIKE 'Connections'");
      return Number(rows[0]!['Value']);
    };
    const before = await connects();
    const controller = new AbortController();
    const { signal } = controller;
    const outcomes = [1, 2, 3, 4, 5].map(() => errorOf(pool.query({ sql: 'SELECT SLEEP(30)', signal })));
    await untilRunning(world.admin, '%SLEEP(30)%', 5);
    controller.abort(new Error('All have gone'));
    for (const { message } of await Promise.all(outcomes)) expect(message).toBe('All have gone');
    await expect.poll(running).toBe(0);
    expect((await connects()) - before).toBe(1);
  });

  it('is killed nowhere when the server does not know the connection by its port, which is ended instead', async () => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    const pool = world.open({ port: proxy.port, connectionLimit: 1 });
    const threadId = await threadOf(pool);
    expect((await errorOf(pool.query({ sql: 'SELECT SLEEP(0.5)', timeout: 50 }))).code).toBe(
      'PROTOCOL_SEQUENCE_TIMEOUT',
    );
    expect(await threadOf(pool)).not.toBe(threadId);
  });

  it('is killed by way of a socket file too', async () => {
    const [rows] = await world.admin.query<RowDataPacket[]>('SELECT @@socket AS path');
    await world.admin.query("CREATE OR REPLACE USER 'app'@'localhost' IDENTIFIED BY 'secret'");
    const pool = world.open({ socketPath: rows[0]!['path'] as string, database: '', connectionLimit: 1 });
    const threadId = await threadOf(pool);
    expect((await errorOf(pool.query({ sql: 'SELECT SLEEP(30)', timeout: 30 }))).code).toBe(
      'PROTOCOL_SEQUENCE_TIMEOUT',
    );
    expect(await threadOf(pool)).toBe(threadId);
  });

  it('ends its connection when nobody answers the kill', async () => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    const pool = world.open({ port: proxy.port, connectionLimit: 1 });
    const threadId = await threadOf(pool);
    await proxy.set({ blackHole: true });
    expect((await errorOf(pool.query({ sql: 'DO 1', timeout: 50 }))).code).toBe('PROTOCOL_SEQUENCE_TIMEOUT');
    await expect.poll(() => pool.getMetrics().totalConnections).toBe(0);
    await proxy.set({});
    expect(await threadOf(pool)).not.toBe(threadId);
  });

  it('fails with its connection when that is destroyed under it', async () => {
    const pool = world.open({ connectionLimit: 1 });
    const connection = await pool.getConnection();
    const outcome = errorOf(connection.query('SELECT SLEEP(30)'));
    connection.destroy();
    expect((await outcome).code).toBe('PROTOCOL_CONNECTION_LOST');
  });

  it('says where it was called when it fails', async () => {
    const pool = world.open();
    expect((await errorOf(pool.query('SELEC 1'))).stack).toContain('statements.test');
    const connection = await pool.getConnection();
    expect((await errorOf(connection.execute('SELEC 1'))).stack).toContain('statements.test');
    connection.release();
  });

  it('keeps no listener on its signal, when it is answered', async () => {
    const pool = world.open({ queryTimeout: 60_000 });
    const { signal } = new AbortController();
    await pool.query('DO 1');
    const answer = pool.query({ sql: 'DO SLEEP(0.1)', signal });
    await vi.waitFor(() => expect(getEventListeners(signal, 'abort')).toHaveLength(1));
    await answer;
    await errorOf(pool.query({ sql: 'SELEC 1', signal }));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
