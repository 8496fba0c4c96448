import { mariadbHint, mariadbIsMissing } from '@forge/config/mariadb';
import type { RowDataPacket } from 'mysql2';
import { describe, expect, it } from 'vitest';
import type { LeasedConnection } from '../src/index.ts';
import { ask, errorOf, next, threadOf, useWorld } from './support.ts';

describe.skipIf(mariadbIsMissing)(`a connection${mariadbHint}`, () => {
  const world = useWorld();

  describe('that comes back', () => {
    it.each([
      ['that BEGIN opened', ['BEGIN']],
      ['that a read opened without autocommit', ['SET autocommit = 0', 'SELECT * FROM mysql.proc LIMIT 0']],
      ['that a failed write opened without autocommit', ['SET autocommit = 0', 'INSERT INTO t VALUES (1)']],
      ['that a procedure opened', ['CALL opens()']],
      ['that outlived a failure', ['BEGIN', 'SELEC 1']],
    ])('has a transaction rolled back %s', async (_, statements) => {
      const pool = world.open({ connectionLimit: 1 });
      await world.admin.query('CREATE OR REPLACE TABLE app.t (id INT PRIMARY KEY) SELECT 1 AS id');
      await world.admin.query("GRANT SELECT ON mysql.* TO 'app'@'%'");
      await world.admin.query(
        'CREATE OR REPLACE PROCEDURE app.opens() BEGIN START TRANSACTION; INSERT INTO app.t VALUES (3); END',
      );
      const connection = await pool.getConnection();
      for (const statement of statements) await connection.query(statement).catch(() => {});
      const told = next<{ threadId: number }>(pool, 'transactionAbandoned');
      const { threadId } = connection;
      connection.release();
      expect(await ask(pool, '@@in_transaction')).toBe(0);
      expect(await told).toEqual({ threadId });
      expect(await threadOf(pool)).toBe(threadId);
      expect(pool.getMetrics().abandonedTransactions).toBe(1);
      await pool.query('COMMIT');
      expect(await ask(pool, '(SELECT COUNT(*) FROM t)')).toBe(1);
    });

    it('is handed over without a round trip when no transaction is open', async () => {
      const pool = world.open({ connectionLimit: 1 });
      const before = await statementsOf(pool);
      const connection = await pool.getConnection();
      await connection.execute('SELECT ?', [1]);
      await connection.prepare('COMMIT');
      connection.release();
      // The one that was executed, and the question itself: preparations do not count.
      expect((await statementsOf(pool)) - before).toBe(2);
      expect(pool.getMetrics().abandonedTransactions).toBe(0);
    });

    it('answers first what was left under way', async () => {
      const pool = world.open({ connectionLimit: 1 });
      const connection = await pool.getConnection();
      const left = connection.query<RowDataPacket[]>('SELECT SLEEP(0.05) AS v');
      void connection.query('BEGIN');
      connection.release();
      expect(await ask(pool, '@@in_transaction')).toBe(0);
      expect((await left)[0]).toEqual([{ v: 0 }]);
    });

    it('keeps what its user has set, as with mysql2', async () => {
      const pool = world.open({ connectionLimit: 1 });
      await pool.query('SET @kept = 1');
      expect(await ask(pool, '@kept')).toBe(1);
    });

    it('is as new with resetOnRelease', async () => {
      const pool = world.open({ connectionLimit: 1, resetOnRelease: true });
      const connection = await pool.getConnection();
      await connection.execute('SELECT ? AS v', [1]);
      await connection.query("SET @lost = 1, SESSION sql_mode = '', NAMES latin1");
      await connection.query('USE information_schema');
      await connection.query('CREATE TEMPORARY TABLE app.gone (id INT)');
      const { threadId } = connection;
      connection.release();
      const state = "CONCAT_WS(' ', @lost, @@sql_mode = '', DATABASE(), @@character_set_client)";
      expect(String(await ask(pool, state))).toBe('0 app utf8mb4');
      expect(await ask(pool, "'ü🙂'")).toBe('ü🙂');
      expect((await errorOf(pool.query('SELECT * FROM gone'))).code).toBe('ER_NO_SUCH_TABLE');
      expect((await pool.execute<RowDataPacket[]>('SELECT ? AS v', [2]))[0]).toEqual([{ v: 2 }]);
      expect(await threadOf(pool)).toBe(threadId);
    });

    it('goes to nobody else when its user has been changed', async () => {
      const pool = world.open({ connectionLimit: 1 });
      const connection = await pool.getConnection();
      const { threadId } = connection;
      const { user, password } = world.mariadb.admin;
      await connection.changeUser({ user, password });
      connection.release();
      expect(await ask(pool, 'CURRENT_USER()')).toBe('app@%');
      expect(await threadOf(pool)).not.toBe(threadId);
    });

    it('takes its prepared statements with it when it ends', async () => {
      const pool = world.open({ connectionLimit: 1 });
      const count = async (): Promise<number> => {
        const [rows] = await world.admin.query<RowDataPacket[]>("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'");
        return Number(rows[0]!['Value']);
      };
      const before = await count();
      for (let value = 0; value < 3; value += 1) await pool.execute('SELECT ?', [value]);
      expect(await count()).toBe(before + 1);
      const connection = await pool.getConnection();
      connection.destroy();
      await expect.poll(count).toBe(before);
      expect((await pool.execute<RowDataPacket[]>('SELECT ? AS v', [7]))[0]).toEqual([{ v: 7 }]);
    });

    it('is closed with a goodbye, so that the server counts no aborted client', async () => {
      const aborted = async (): Promise<unknown> =>
        (await world.admin.query<RowDataPacket[]>("SHOW GLOBAL STATUS LIKE 'Aborted_clients'"))[0][0]!['Value'];
      const before = await aborted();
      const pool = world.open();
      await Promise.all([1, 2, 3].map(() => pool.query('DO SLEEP(0.01)')));
      await pool.end();
      expect(await aborted()).toBe(before);
    });

    it('can be ended by maxIdle', async () => {
      const pool = world.open({ connectionLimit: 3, maxIdle: 1 });
      const connections = await Promise.all([1, 2, 3].map(() => pool.getConnection()));
      const last = connections[2]!.threadId;
      for (const connection of connections) connection.release();
      expect(pool.getMetrics().totalConnections).toBe(3);
      await expect.poll(() => pool.getMetrics().totalConnections).toBe(1);
      expect(await threadOf(pool)).toBe(last);
    });
  });

  describe('that was released', () => {
    it.each<[string, (connection: LeasedConnection) => Promise<unknown>]>([
      ['query', (connection) => connection.query('DO 1')],
      ['execute', (connection) => connection.execute('DO 1')],
      ['ping', (connection) => connection.ping()],
      ['commit', (connection) => connection.commit()],
      ['prepare', (connection) => connection.prepare('DO 1')],
      ['reset', (connection) => connection.reset()],
      ['changeUser', (connection) => connection.changeUser({})],
      ['its core', async (connection) => void (await connection.connection.query('DO 1'))],
    ])('refuses %s', async (_, use) => {
      const pool = world.open({ connectionLimit: 1 });
      const connection = await pool.getConnection();
      const { threadId } = connection;
      connection.release();
      expect((await errorOf(use(connection))).code).toBe('POOL_LEASE_STALE');
      expect(connection.threadId).toBe(threadId);
    });

    it('hears nothing any more, and leaves no listener behind', async () => {
      const pool = world.open({ connectionLimit: 1 });
      const connection = await pool.getConnection();
      const core = connection.connection;
      const before = core.listenerCount('error');
      connection.on('error', () => {});
      expect(core.listenerCount('error')).toBe(before + 1);
      connection.release();
      expect(core.listenerCount('error')).toBe(before);
    });

    it('does no harm when it is released or destroyed again', async () => {
      const pool = world.open({ connectionLimit: 1 });
      const first = await pool.getConnection();
      first.release();
      const second = await pool.getConnection();
      first.release();
      first.destroy();
      const third = pool.getConnection();
      expect(await ask(second, '1')).toBe(1);
      expect(pool.getMetrics()).toMatchObject({ pending: 1, inUseConnections: 1 });
      second.release();
      (await third).release();
    });
  });
});

async function statementsOf(pool: Parameters<typeof ask>[0]): Promise<number> {
  const [rows] = await pool.query<RowDataPacket[]>("SHOW SESSION STATUS LIKE 'Questions'");
  return Number(rows[0]!['Value']);
}
