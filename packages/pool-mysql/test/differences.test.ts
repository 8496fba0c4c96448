/** Where mysql2's own pool does what nobody can want: what it does, and what this one does, by the same code. */
import { mariadbHint, mariadbIsMissing } from '@forge/config/mariadb';
import { faultProxy } from '@forge/pool/testing';
import type { RowDataPacket } from 'mysql2';
import * as mysql2 from 'mysql2/promise';
import { afterEach, describe, expect, it } from 'vitest';
import { createPool } from '../src/index.ts';
import { ask, useWorld, type World } from './support.ts';

interface Stage {
  readonly world: World;
  readonly open: (options?: mysql2.PoolOptions) => mysql2.Pool;
}

interface Difference {
  readonly play: (stage: Stage) => Promise<unknown>;
  readonly theirs: unknown;
  readonly ours: unknown;
}

const DIFFERENCES: Readonly<Record<string, Difference>> = {
  'a connection that is released again while somebody else has it': {
    play: async ({ open }) => {
      const pool = open({ connectionLimit: 1 });
      const first = await pool.getConnection();
      first.release();
      const second = await pool.getConnection();
      const third = pool.getConnection();
      first.release();
      await second.query('DO 1');
      const shared = third.then(({ threadId }) => threadId === second.threadId);
      const found = await Promise.race([shared, second.query('DO 1').then(() => 'no')]);
      second.release();
      (await third).release();
      return found;
    },
    theirs: true,
    ours: 'no',
  },
  'a transaction that nobody has ended': {
    play: async ({ open }) => {
      const pool = open({ connectionLimit: 1 });
      const connection = await pool.getConnection();
      await connection.beginTransaction();
      connection.release();
      return ask(pool, '@@in_transaction');
    },
    theirs: 1,
    ours: 0,
  },
  'a user that somebody has changed': {
    play: async ({ open, world }) => {
      const pool = open({ connectionLimit: 1 });
      const connection = await pool.getConnection();
      await connection.changeUser({ user: 'admin', password: world.mariadb.admin.password });
      connection.release();
      return ask(pool, 'CURRENT_USER()');
    },
    theirs: 'admin@%',
    ours: 'app@%',
  },
  'a database that resetOnRelease should have taken back': {
    play: async ({ open }) => {
      const pool = open({ connectionLimit: 1, resetOnRelease: true });
      await pool.query('USE information_schema');
      return ask(pool, 'DATABASE()');
    },
    theirs: 'information_schema',
    ours: 'app',
  },
  'the queries that still run at the server 100 ms after their time was over': {
    play: async ({ open, world }) => {
      await open()
        .query({ sql: 'SELECT SLEEP(1)', timeout: 20 })
        .catch(() => {});
      await world.admin.query('DO SLEEP(0.1)');
      const [rows] = await world.admin.query<RowDataPacket[]>(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP(1)'",
      );
      return rows.length;
    },
    theirs: 1,
    ours: 0,
  },
  'a statement whose connection is destroyed under it': {
    play: async ({ open, world }) => {
      await using proxy = await faultProxy({ to: world.mariadb.port });
      const connection = await open({ port: proxy.port }).getConnection();
      const { stream } = connection.connection as unknown as { stream: NodeJS.EventEmitter };
      const statement = connection.query('SELECT SLEEP(0.05)').catch((error: { code: string }) => error.code);
      const closed = new Promise((resolve) => stream.once('close', resolve));
      connection.destroy();
      proxy.cut();
      await closed;
      return Promise.race([statement, new Promise((resolve) => setTimeout(resolve, 20, 'hangs'))]);
    },
    theirs: 'hangs',
    ours: 'PROTOCOL_CONNECTION_LOST',
  },
  'two idle connections that are reset as they are used': {
    play: async ({ open, world }) => {
      await using proxy = await faultProxy({ to: world.mariadb.port });
      const pool = open({ port: proxy.port, connectionLimit: 2 });
      await Promise.all([1, 2].map(() => pool.query('DO SLEEP(0.01)')));
      proxy.cut('reset');
      const outcomes = await Promise.allSettled([ask(pool, '1'), ask(pool, '2')]);
      return outcomes.map(({ status }) => status);
    },
    theirs: ['rejected', 'rejected'],
    ours: ['fulfilled', 'fulfilled'],
  },
  'whether other connections outlive the end of their primary': {
    play: async ({ open, world }) => {
      const pool = open({ connectionLimit: 2 });
      await world.admin.query('CREATE OR REPLACE TABLE app.t (id INT)');
      const threads = async (): Promise<number[]> => {
        const connections = await Promise.all([pool.getConnection(), pool.getConnection()]);
        for (const connection of connections) connection.release();
        return connections.map(({ threadId }) => threadId);
      };
      const before = await threads();
      await world.admin.query('SET GLOBAL read_only = 1');
      await pool.query('INSERT INTO t VALUES (1)').catch(() => {});
      await world.admin.query('SET GLOBAL read_only = 0');
      return (await threads()).filter((id) => before.includes(id)).length;
    },
    theirs: 1,
    ours: 0,
  },
  'listeners that released connections leave behind': {
    play: async ({ open }) => {
      const pool = open({ connectionLimit: 1 });
      const counts: number[] = [];
      for (let round = 0; round < 3; round += 1) {
        const connection = await pool.getConnection();
        counts.push(connection.connection.listenerCount('error'));
        connection.on('error', () => {});
        connection.release();
      }
      return counts[2]! - counts[0]!;
    },
    theirs: 2,
    ours: 0,
  },
};

describe.skipIf(mariadbIsMissing)(`by contrast with mysql2's pool${mariadbHint}`, () => {
  const world = useWorld();
  const pools: mysql2.Pool[] = [];
  afterEach(async () => {
    await Promise.allSettled(pools.splice(0).map((pool) => pool.end()));
    await world.admin.query("KILL USER 'app'").catch(() => {});
  });

  const stage = (create: (options: mysql2.PoolOptions) => mysql2.Pool): Stage => ({
    world,
    open: (options) => {
      const pool = create({ ...world.mariadb.account, ...options });
      pools.push(pool);
      return pool;
    },
  });

  it.each(Object.entries(DIFFERENCES))('%s', async (_, { play, theirs, ours }) => {
    expect(await play(stage(mysql2.createPool))).toEqual(theirs);
    await Promise.allSettled(pools.splice(0).map((pool) => pool.end()));
    expect(await play(stage(createPool))).toEqual(ours);
  });
});
