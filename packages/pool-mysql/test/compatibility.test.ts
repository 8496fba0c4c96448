import { once } from 'node:events';
import { Readable } from 'node:stream';
import { mariadbHint, mariadbIsMissing, MariadbProcess, type MariadbAccount } from '@forge/config/mariadb';
import type { ResultSetHeader, RowDataPacket } from 'mysql2';
import * as mysql2 from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPool } from '../src/index.ts';

type Options = mysql2.PoolOptions;
type Pool = mysql2.Pool;
type Rows = RowDataPacket[];

/** Where a scenario gets its pools from: from mysql2 or from here. */
interface Bench {
  readonly account: MariadbAccount;
  readonly open: (options?: Options | string) => Pool;
}

/** What both must agree on: whatever a scenario returns. */
type Scenario = (bench: Bench) => Promise<unknown>;

/** What code reads of an error of mysql2. */
async function failure(work: Promise<unknown> | (() => unknown)): Promise<unknown> {
  try {
    await (typeof work === 'function' ? work() : work);
    return 'no failure';
  } catch (error) {
    const { name, message, code, errno, sqlState, sqlMessage, sql, fatal } = error as mysql2.QueryError & {
      sql: string;
      sqlMessage: string;
    };
    const own = (code as string | undefined)?.startsWith('POOL_') ? undefined : code;
    return { name: own === undefined ? 'Error' : name, message, code: own, errno, sqlState, sqlMessage, sql, fatal };
  }
}

async function table(pool: Pool): Promise<void> {
  await pool.query('DROP TABLE IF EXISTS items');
  await pool.query(
    'CREATE TABLE items (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(20) UNIQUE, price DECIMAL(8,2))',
  );
}

const fieldsOf = (fields: readonly (mysql2.FieldPacket | undefined)[]): unknown =>
  fields.map((field) => (Array.isArray(field) ? fieldsOf(field) : [field?.name, field?.columnType, field?.table]));

const TYPES =
  "SELECT 1 AS i, 9007199254740993 AS big, 1.50 AS d, CAST('2024-02-29 10:11:12' AS DATETIME) AS at, NULL AS n, " +
  "'ü🙂' AS s, x'00ff' AS b, JSON_OBJECT('a', 1) AS j";

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'rows and fields of query': async ({ open }) => {
    const [rows, fields] = await open().query<Rows>(TYPES);
    return [rows, fieldsOf(fields)];
  },
  'rows and fields of execute': async ({ open }) => {
    const [rows, fields] = await open().execute<Rows>(`${TYPES}, ? AS p`, ['x']);
    return [rows, fieldsOf(fields)];
  },
  'options of types': async ({ open }) => {
    const pool = open({ dateStrings: true, supportBigNumbers: true, bigNumberStrings: true, decimalNumbers: true });
    return [await pool.query(TYPES).then(([rows]) => rows), await pool.execute(TYPES).then(([rows]) => rows)];
  },
  'what a write returns': async ({ open }) => {
    const pool = open();
    await table(pool);
    const [inserted] = await pool.query<ResultSetHeader>('INSERT INTO items (name) VALUES ?', [[['a'], ['b']]]);
    const [updated] = await pool.execute<ResultSetHeader>('UPDATE items SET price = ? WHERE id > ?', ['2.5', 0]);
    return [inserted, updated];
  },
  'every form of a statement': async ({ open }) => {
    const pool = open();
    const forms = [
      pool.query<Rows>('SELECT ? AS v', [1]),
      pool.query<Rows>('SELECT ? AS v', 2),
      pool.query<Rows>({ sql: 'SELECT ? AS v', values: [3] }),
      pool.query<Rows>({ sql: 'SELECT ? AS v' }, [4]),
      pool.query<Rows>({ sql: 'SELECT 5 AS v', rowsAsArray: true }),
      pool.query<Rows>({ sql: 'SELECT 6 AS v', nestTables: '_' }),
      pool.query<Rows>({ sql: 'SELECT 7 AS v', timeout: 5_000 }),
      pool.query<Rows>({ sql: 'SELECT 8 AS v', typeCast: () => 'cast' }),
      pool.execute<Rows>({ sql: 'SELECT ? AS v', values: [9] }),
      pool.execute<Rows>({ sql: 'SELECT ? AS v', rowsAsArray: true }, [10]),
      pool.query<Rows>('SELECT ? AS v', [{ toSqlString: () => '11' }]),
    ];
    return (await Promise.all(forms)).map(([rows]) => rows);
  },
  'named placeholders': async ({ open }) => {
    const pool = open({ namedPlaceholders: true });
    const connection = await pool.getConnection();
    const answers = [
      await pool.query('SELECT :a AS a, :b AS b', { a: 1, b: 'x' }),
      await pool.execute('SELECT :a AS a, :b AS b', { a: 1, b: 'x' }),
      await connection.execute('SELECT :a AS a', { a: 2 }),
      await pool.query('SELECT ? AS a', [3]),
    ];
    connection.release();
    return answers.map(([rows]) => rows);
  },
  'several statements in one': async ({ open }) => {
    const [rows, fields] = await open({ multipleStatements: true }).query<Rows[]>('SELECT 1 AS a; DO 1; SELECT 2 AS b');
    return [rows, fieldsOf(fields)];
  },
  'a failure among several statements': ({ open }) =>
    failure(open({ multipleStatements: true }).query('SELECT 1; SELECT * FROM missing; SELECT 2')),
  'a procedure': async ({ open }) => {
    const pool = open();
    await pool.query('DROP PROCEDURE IF EXISTS twice');
    await pool.query('CREATE PROCEDURE twice(IN n INT) BEGIN SELECT n AS once; SELECT 2 * n AS twice; END');
    const [queried] = await pool.query('CALL twice(?)', [4]);
    const [executed] = await pool.execute('CALL twice(?)', [5]);
    return [queried, executed];
  },
  'failures of statements': async ({ open }) => {
    const pool = open();
    await table(pool);
    await pool.query("INSERT INTO items (name) VALUES ('a')");
    const connection = await pool.getConnection();
    const failures = [
      await failure(pool.query('SELEC 1')),
      await failure(pool.execute('SELEC 1')),
      await failure(pool.query('SELECT * FROM missing')),
      await failure(connection.execute('SELECT * FROM missing WHERE id = ?', [1])),
      await failure(connection.query("INSERT INTO items (name) VALUES ('a')")),
      await failure(pool.execute('SELECT ?', [undefined as never])),
      await failure(pool.execute('SELECT ?', [(() => 1) as never])),
      await failure(pool.execute('SELECT ?, ?', [1])),
      await failure(() => pool.query('SELECT 1', (() => {}) as never)),
      await failure(() => connection.execute('SELECT 1', (() => {}) as never)),
    ];
    connection.release();
    return failures;
  },
  'a statement that takes too long': async ({ open }) => {
    const found = (await failure(open().query({ sql: 'SELECT SLEEP(0.3)', timeout: 50 }))) as object;
    return { ...found, sql: undefined };
  },
  'a transaction': async ({ open }) => {
    const pool = open();
    await table(pool);
    const connection = await pool.getConnection();
    await connection.beginTransaction();
    await connection.execute('INSERT INTO items (name) VALUES (?)', ['lost']);
    await connection.rollback();
    await connection.beginTransaction();
    await connection.execute('INSERT INTO items (name) VALUES (?)', ['kept']);
    const [before] = await pool.query<Rows>('SELECT name FROM items');
    await connection.commit();
    connection.release();
    return [before, (await pool.query<Rows>('SELECT name FROM items'))[0]];
  },
  'rows one by one': async ({ open }) => {
    const connection = await open().getConnection();
    const core = connection.connection as unknown as import('mysql2').Connection;
    const seen: unknown[] = [];
    for await (const row of core.query('SELECT seq FROM seq_1_to_500').stream({ highWaterMark: 5 })) seen.push(row);
    connection.release();
    return seen;
  },
  'a file from the client': async ({ open }) => {
    const pool = open({ infileStreamFactory: () => Readable.from([Buffer.from('x\ny\nz\n')]) });
    await table(pool);
    const [{ affectedRows }] = await pool.query<ResultSetHeader>("LOAD DATA LOCAL INFILE 'f' INTO TABLE items (name)");
    return affectedRows;
  },
  'statements that were prepared': async ({ open }) => {
    const connection = await open().getConnection();
    const statement = await connection.prepare('SELECT ? + 1 AS v');
    const answers = [await statement.execute([1]), await statement.execute([41])].map(([rows]) => rows);
    await statement.close();
    connection.unprepare('SELECT ? + 1 AS v');
    connection.release();
    return answers;
  },
  'what else a connection can do': async ({ open, account }) => {
    const pool = open();
    const connection = await pool.getConnection();
    const results: unknown[] = [
      connection instanceof mysql2.PoolConnection,
      typeof connection.threadId,
      connection.config.database,
      await connection.ping(),
      await connection.query('SET @x = 1').then(() => connection.reset()),
      (await connection.query<Rows>('SELECT @x AS x'))[0],
      await connection.changeUser({ ...account, database: 'information_schema' }),
      (await connection.query<Rows>('SELECT DATABASE() AS d'))[0],
      connection.format('SELECT ?', ["o'x"]),
      connection.escape('a"b'),
      connection.escapeId('a`b.c'),
    ];
    connection.release();
    return results;
  },
  'how text becomes SQL': async ({ open }) => {
    const at = new Date(Date.UTC(2024, 1, 29, 12));
    return [open(), open({ timezone: '+05:30' }), open({ stringifyObjects: true, timezone: 'Z' })].map((pool) => [
      pool.format('SELECT ?, ??', [at, 'a.b']),
      pool.format('SET ?', [{ a: 1, b: at }]),
      pool.escape(at),
      pool.escape({ a: 1 }),
      pool.escape("o'x"),
      pool.escapeId(['a', 'b`c']),
    ]);
  },
  'a connection that is released twice': async ({ open }) => {
    const pool = open({ connectionLimit: 1 });
    const connection = await pool.getConnection();
    connection.release();
    connection.release();
    pool.releaseConnection(connection);
    return (await pool.query<Rows>('SELECT 1 AS v'))[0];
  },
  'a connection that is destroyed': async ({ open }) => {
    const pool = open({ connectionLimit: 1 });
    const connection = await pool.getConnection();
    const before = connection.threadId;
    connection.destroy();
    const [rows] = await pool.query<Rows>('SELECT CONNECTION_ID() AS id');
    return rows[0]!['id'] === before;
  },
  'a connection that its scope releases': async ({ open }) => {
    const pool = open({ connectionLimit: 1 });
    {
      await using connection = await pool.getConnection();
      await connection.query('SELECT 1');
    }
    return (await pool.query<Rows>('SELECT 2 AS v'))[0];
  },
  'events of a connection on its own': async ({ open }) => {
    const pool = open({ connectionLimit: 1 });
    const events: unknown[] = [];
    for (const name of ['connection', 'acquire', 'release', 'enqueue']) {
      pool.on(name as 'acquire', (core) =>
        events.push([name, typeof (core as { query?: unknown } | undefined)?.query]),
      );
    }
    const connection = await pool.getConnection();
    connection.release();
    await pool.query('SELECT 1');
    return events;
  },
  'that somebody waits': async ({ open }) => {
    const pool = open({ connectionLimit: 1 });
    const connection = await pool.getConnection();
    const enqueued = once(pool, 'enqueue');
    const waiting = pool.query<Rows>('SELECT 1 AS v');
    const told = await enqueued;
    connection.release();
    return [told, (await waiting)[0]];
  },
  'what a new connection is told first': async ({ open }) => {
    const pool = open();
    pool.on('connection', (core) => void core.query("SET @told = 'yes'"));
    return (await pool.query<Rows>('SELECT @told AS told'))[0];
  },
  'a pool that lets nobody wait': async ({ open }) => {
    const pool = open({ connectionLimit: 1, waitForConnections: false });
    const connection = await pool.getConnection();
    const found = await failure(pool.query('SELECT 1'));
    connection.release();
    return found;
  },
  'a queue that is full': async ({ open }) => {
    const pool = open({ connectionLimit: 1, queueLimit: 1 });
    const connection = await pool.getConnection();
    const waiting = pool.query<Rows>('SELECT 1 AS v');
    const found = await failure(pool.query('SELECT 2'));
    connection.release();
    return [found, (await waiting)[0]];
  },
  'a pool that has ended': async ({ open }) => {
    const pool = open();
    await pool.query('SELECT 1');
    await pool.end();
    return [
      await failure(pool.query('SELECT 1')),
      await failure(pool.getConnection()),
      await failure(pool.execute('DO 1')),
    ];
  },
  'a pool that ends while somebody waits': async ({ open }) => {
    const pool = open({ connectionLimit: 1 });
    const connection = await pool.getConnection();
    const waiting = failure(pool.query('SELECT 1'));
    const ended = pool.end();
    const found = await waiting;
    connection.release();
    return [found, await ended];
  },
  'a pool that ends while a statement runs': async ({ open }) => {
    const pool = open({ connectionLimit: 1 });
    await pool.query('DO 1');
    const running = pool.query<Rows>('SELECT SLEEP(0.05) AS v');
    await new Promise(setImmediate);
    const ended = pool.end();
    return [(await running)[0], await ended];
  },
  'a wrong password': ({ open }) => failure(open({ password: 'wrong' }).query('SELECT 1')),
  'a wrong database': ({ open }) => failure(open({ database: 'missing' }).getConnection()),
  'no server': async ({ open }) => {
    const found = (await failure(open({ port: 1 }).query('SELECT 1'))) as { code: string };
    return found.code;
  },
  'a URL': async ({ account, open }) => {
    const { host, port, user, password } = account;
    const pool = open(`mysql://${user}:${password}@${host}:${port}/app?connectionLimit=1&rowsAsArray=true&timezone=Z`);
    const [rows] = await pool.query('SELECT USER(), DATABASE(), 1 AS v');
    const connection = await pool.getConnection();
    const waiting = pool.query('SELECT 2 AS v');
    connection.release();
    return [JSON.stringify(rows), (await waiting)[0]];
  },
  'a URL beside options': async ({ account, open }) => {
    const { host, port, user } = account;
    const pool = open({
      uri: `mysql://${user}:wrong@${host}:${port}/app?dateStrings=true`,
      password: account.password,
    });
    return (await pool.query("SELECT CAST('2024-01-01' AS DATE) AS d, DATABASE() AS db"))[0];
  },
  'options that mysql2 refuses': async ({ open }) => [
    await failure(() => open({ ssl: 'no such profile' })),
    await failure(() => open({ charset: 'no such charset' })),
  ],
};

describe.skipIf(mariadbIsMissing)(`a pool agrees with mysql2's own${mariadbHint}`, () => {
  let mariadb: MariadbProcess;
  beforeAll(async () => {
    mariadb = await MariadbProcess.start();
  });
  afterAll(() => mariadb.stop());

  async function play(scenario: Scenario, create: (options: never) => Pool): Promise<unknown> {
    const { account } = mariadb;
    const pools: Pool[] = [];
    const open = (options: Options | string = {}): Pool => {
      const isWhole = typeof options === 'string' || options.uri !== undefined;
      const pool = create((isWhole ? options : { ...account, ...options }) as never);
      pools.push(pool);
      return pool;
    };
    try {
      return await scenario({ account, open });
    } finally {
      await Promise.allSettled(pools.map((pool) => pool.end()));
    }
  }

  it.each(Object.entries(SCENARIOS))('on %s', async (_, scenario) => {
    const theirs = await play(scenario, mysql2.createPool);
    expect(theirs).toBeDefined();
    expect(await play(scenario, createPool)).toEqual(theirs);
  });
});
