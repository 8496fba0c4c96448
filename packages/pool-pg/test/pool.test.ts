import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { postgresHint, postgresIsMissing, PostgresProcess } from '@forge/config/postgres';
import { Client, Query, type Pool as PgPool } from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { OTEL_NAMES, Pool, type PoolConfig } from '../src/index.ts';
import { direct, failure, pidOf, warm } from './fixtures/world.ts';

describe.skipIf(postgresIsMissing)(`Pool${postgresHint}`, () => {
  let server: PostgresProcess;
  beforeAll(async () => {
    server = await PostgresProcess.start();
  });
  afterAll(() => server.stop());

  describe('an abandoned transaction', () => {
    it('is rolled back when its client is released, and told', async () => {
      await using pool = direct(server, { max: 1 });
      await pool.query('CREATE TABLE one (id int)');
      const told: unknown[] = [];
      pool.on('abandonedTransaction', ({ client }) => told.push(client));
      const client = await pool.connect();
      await client.query('BEGIN');
      await client.query('INSERT INTO one VALUES (1)');
      client.release();
      expect((await pool.query('SELECT * FROM one')).rows).toEqual([]);
      expect(told).toEqual([client]);
      expect(pool.getMetrics().created).toBe(1);
    });

    it('is rolled back when it has failed', async () => {
      await using pool = direct(server, { max: 1 });
      pool.on('abandonedTransaction', () => {});
      const client = await pool.connect();
      await client.query('BEGIN');
      await failure(client.query('SELECT * FROM nowhere'));
      client.release();
      expect((await pool.query('SELECT 1 AS num')).rows).toEqual([{ num: 1 }]);
      expect(pool.getMetrics().created).toBe(1);
    });

    it('is rolled back when pool.query has begun it, so that the next caller is outside', async () => {
      await using pool = direct(server, { max: 1 });
      pool.on('abandonedTransaction', () => {});
      await pool.query('BEGIN');
      const { rows } = await pool.query('SELECT now() = statement_timestamp() AS fresh');
      expect(rows).toEqual([{ fresh: true }]);
    });

    it('costs its client when the rollback fails', async () => {
      await using pool = direct(server, { max: 1 });
      pool.on('abandonedTransaction', () => {});
      const client = await pool.connect();
      await client.query('BEGIN');
      const { pid } = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0];
      const before = client.connection.stream;
      client.release();
      before.destroy();
      expect(await pidOf(pool)).not.toBe(pid);
    });

    it('becomes one warning of the process when nobody listens', async () => {
      await using pool = direct(server, { max: 1 });
      const warnings: NodeJS.ErrnoException[] = [];
      const hear = (warning: Error): unknown => warnings.push(warning);
      process.on('warning', hear);
      await pool.query('BEGIN');
      await pool.query('BEGIN');
      await pool.query('SELECT 1');
      process.off('warning', hear);
      expect(warnings.map(({ code }) => code)).toEqual(['PG_ABANDONED_TRANSACTION']);
    });

    it('does not come of a transaction that has ended', async () => {
      await using pool = direct(server, { max: 1 });
      let told = 0;
      pool.on('abandonedTransaction', () => (told += 1));
      const client = await pool.connect();
      await client.query('BEGIN');
      await client.query('COMMIT');
      client.release();
      expect(pool.idleCount).toBe(1);
      expect(told).toBe(0);
    });
  });

  describe('resetOnRelease', () => {
    it('discards what a session remembers, its prepared statements too', async () => {
      await using pool = direct(server, { max: 1, resetOnRelease: true });
      const named = { name: 'known', text: 'SELECT $1::int AS num', values: [7] };
      await pool.query(named);
      await pool.query("SET application_name = 'mine'");
      expect((await pool.query('SHOW application_name')).rows).toEqual([{ application_name: '' }]);
      expect((await pool.query(named)).rows).toEqual([{ num: 7 }]);
      expect(pool.getMetrics().created).toBe(1);
    });

    it('is off by default', async () => {
      await using pool = direct(server, { max: 1 });
      await pool.query("SET application_name = 'mine'");
      expect((await pool.query('SHOW application_name')).rows).toEqual([{ application_name: 'mine' }]);
    });
  });

  describe('query_timeout', () => {
    it('rejects, cancels the query at the server and keeps the connection', async () => {
      await using pool = direct(server, { max: 1, query_timeout: 50 });
      const pid = await pidOf(pool);
      const error = await failure(pool.query('SELECT pg_sleep(10)'));
      expect(error).toMatchObject({ code: 'PG_QUERY_TIMEOUT', message: 'Query read timeout', timeout: 50 });
      expect(await pidOf(pool)).toBe(pid);
      expect(await sleepers()).toBe(0);
    });

    it('of a query overrides that of the pool', async () => {
      await using pool = direct(server, { max: 1, query_timeout: 20 });
      const query = { text: 'SELECT pg_sleep(0.1), 1 AS num', query_timeout: 5_000 };
      expect((await pool.query(query)).rows).toMatchObject([{ num: 1 }]);
    });

    it('holds for clients that are checked out, inside a transaction', async () => {
      await using pool = direct(server, { max: 1 });
      await using client = await pool.connect();
      await client.query('BEGIN');
      const slow = { text: 'SELECT pg_sleep(10)', query_timeout: 30 } as never;
      expect(await failure(client.query(slow))).toMatchObject({ code: 'PG_QUERY_TIMEOUT' });
      // It waits for the end of the cancel, which else could hit it.
      expect(await failure(client.query('SELECT 1'))).toMatchObject({ code: '25P02' });
      await client.query('ROLLBACK');
      expect((await client.query('SELECT 1 AS num')).rows).toEqual([{ num: 1 }]);
    });

    it('takes back a query that was not sent yet, and leaves the one before it alone', async () => {
      await using pool = direct(server, { max: 1 });
      await using client = await pool.connect();
      const first = client.query('SELECT pg_sleep(0.2), 1 AS num');
      expect(await failure(client.query({ text: 'SELECT 2', query_timeout: 20 } as never))).toMatchObject({
        code: 'PG_QUERY_TIMEOUT',
      });
      expect((await first).rows).toMatchObject([{ num: 1 }]);
    });

    it('tells callbacks, too', async () => {
      await using pool = direct(server, { max: 1, query_timeout: 30 });
      const error = await new Promise((resolve) => pool.query('SELECT pg_sleep(10)', resolve));
      expect(error).toMatchObject({ code: 'PG_QUERY_TIMEOUT' });
      const [none, result] = await new Promise<unknown[]>((resolve) =>
        pool.query('SELECT $1::int AS num', [3], (...got) => resolve(got)),
      );
      expect([none, result]).toMatchObject([undefined, { rows: [{ num: 3 }] }]);
    });

    it('never hits the next query of its connection when it comes too late', async () => {
      await using pool = direct(server, { max: 1 });
      const pid = await pidOf(pool);
      for (let round = 0; round < 25; round += 1) {
        // They end about when they are cancelled, before or after.
        const racing = { text: 'SELECT pg_sleep(0.005)', query_timeout: 5 + (round % 3) };
        await pool.query(racing).catch(() => {});
        expect(await pool.query('SELECT pg_sleep(0.002)')).toMatchObject({ rowCount: 1 });
      }
      expect(await pidOf(pool)).toBe(pid);
    });

    it('refuses what is no duration', async () => {
      expect(() => new Pool({ query_timeout: -1 })).toThrow(RangeError);
      await using pool = direct(server);
      expect(await failure(pool.query({ text: 'SELECT 1', query_timeout: Number.NaN }))).toBeInstanceOf(TypeError);
    });
  });

  describe('signal', () => {
    it('cancels a query, which rejects with its reason at once', async () => {
      await using pool = direct(server, { max: 1 });
      const pid = await pidOf(pool);
      const controller = new AbortController();
      const reason = { why: 'the user has left' };
      setTimeout(() => controller.abort(reason), 30);
      expect(await failure(pool.query({ text: 'SELECT pg_sleep(10)', signal: controller.signal }))).toBe(reason);
      expect(await pidOf(pool)).toBe(pid);
      expect(await sleepers()).toBe(0);
    });

    it('ends the wait of a query and of connect', async () => {
      await using pool = direct(server, { max: 1 });
      const client = await pool.connect();
      const controller = new AbortController();
      const waiting = [
        pool.query({ text: 'SELECT 1', signal: controller.signal }),
        pool.connect({ signal: controller.signal }),
      ];
      controller.abort('enough');
      expect(await Promise.all(waiting.map((each) => failure(each as Promise<unknown>)))).toEqual(['enough', 'enough']);
      expect(pool.waitingCount).toBe(0);
      client.release();
    });

    it('that has aborted sends nothing', async () => {
      await using pool = direct(server, { max: 1 });
      await using client = await pool.connect();
      const text = 'CREATE TABLE never (id int)';
      expect(await failure(client.query({ text, signal: AbortSignal.abort('no') } as never))).toBe('no');
      expect((await client.query("SELECT to_regclass('never') AS it")).rows).toEqual([{ it: null }]);
    });

    it('keeps no listener when the query has ended', async () => {
      await using pool = direct(server, { max: 1 });
      const { signal } = new AbortController();
      const added = vi.spyOn(signal, 'addEventListener');
      const removed = vi.spyOn(signal, 'removeEventListener');
      await pool.query({ text: 'SELECT 1', signal });
      expect(added.mock.calls.length).toBeGreaterThan(0);
      expect(removed).toHaveBeenCalledTimes(added.mock.calls.length);
    });
  });

  describe('a client', () => {
    it('is released by using, once, and its release is refused afterwards', async () => {
      await using pool = direct(server, { max: 1 });
      let kept;
      {
        await using client = await pool.connect();
        kept = (): void => client.release();
      }
      expect(pool.idleCount).toBe(1);
      expect(() => kept()).toThrow(expect.objectContaining({ code: 'POOL_LEASE_STALE' }));
      {
        using client = await pool.connect();
        client.release();
      }
      expect([pool.idleCount, pool.totalCount]).toEqual([1, 1]);
    });

    it('cannot be released by whoever had it before', async () => {
      await using pool = direct(server, { max: 1 });
      const release = await new Promise<() => void>((resolve) => pool.connect((_, __, done) => resolve(done)));
      release();
      const next = await pool.connect();
      expect(() => release()).toThrow('already been released');
      expect(pool.idleCount).toBe(0);
      next.release();
    });

    it('that is released while it works is given to nobody before it has ended', async () => {
      await using pool = direct(server, { max: 1 });
      const client = await pool.connect();
      const running = client.query('SELECT pg_sleep(0.1), 1 AS num');
      client.release();
      expect(pool.idleCount).toBe(0);
      const next = await pool.connect();
      expect((await running).rows).toMatchObject([{ num: 1 }]);
      expect(next).toBe(client);
      next.release();
    });

    it('that is released while it works is cancelled after query_timeout', async () => {
      await using pool = direct(server, { max: 1, query_timeout: 50 });
      const client = await pool.connect();
      const running = failure(client.query({ text: 'SELECT pg_sleep(10)', query_timeout: 60_000 } as never));
      client.release();
      expect((await pool.query('SELECT 1 AS num')).rows).toEqual([{ num: 1 }]);
      expect(await running).toMatchObject({ code: '57014' });
    });

    it('that is checked out for long is told with where', async () => {
      await using pool = direct(server, { max: 1, leakThreshold: 20 });
      const told = once(pool, 'leaseLeaked');
      const client = await pool.connect();
      expect(await told).toMatchObject([{ held: expect.any(Number), stack: expect.stringContaining('pool.test') }]);
      client.release();
    });

    it('of a pool that ends is told when its time is over', async () => {
      const pool = direct(server, { max: 1 });
      const client = await pool.connect();
      let leaks = 0;
      pool.on('leaseLeaked', () => (leaks += 1));
      await pool.end({ deadline: 20 });
      expect(leaks).toBe(1);
      expect(await failure(client.query('SELECT 1'))).toBeInstanceOf(Error);
      client.release();
    });
  });

  describe('a query that submits itself', () => {
    it('is returned, and its client is released when it has ended', async () => {
      await using pool = direct(server, { max: 1 });
      const query = pool.query(new Query('SELECT * FROM generate_series(1, 3) AS num'));
      expect(query).toBeInstanceOf(Query);
      const rows: unknown[] = [];
      query.on('row', (row) => rows.push(row));
      await once(query, 'end');
      expect(rows).toEqual([{ num: 1 }, { num: 2 }, { num: 3 }]);
      expect((await pool.query('SELECT 1 AS num')).rows).toEqual([{ num: 1 }]);
      expect(pool.getMetrics().created).toBe(1);
    });

    it('keeps its client as long as it reads, as a cursor does', async () => {
      await using pool = direct(server, { max: 1 });
      const cursor = pool.query(new Cursor('SELECT * FROM generate_series(1, 4) AS num'));
      const other = pool.query('SELECT 0 AS num').then(() => 'other');
      expect(await Promise.race([cursor.read(2), other])).toBe(2);
      expect(await Promise.race([cursor.read(9), other])).toBe(4);
      expect(await other).toBe('other');
    });

    it('is told when it gets no client', async () => {
      await using pool = direct(server, { port: 1 });
      const [error] = await once(pool.query(new Query('SELECT 1')), 'error').catch((reason: unknown) => [reason]);
      expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    });
  });

  describe('an idle connection', () => {
    it('is asked for a sign of life when nobody has heard of it for long', async () => {
      await using pool = direct(server, { max: 1, validateAfter: 20 });
      const [pid] = await warm(pool, 1);
      await delay(40);
      await using admin = direct(server);
      const seen = admin.query('SELECT query FROM pg_stat_activity WHERE pid = $1', [pid]);
      expect((await seen).rows).toEqual([{ query: 'SELECT pg_backend_pid() AS pid' }]);
      const client = await pool.connect();
      const { rows } = await admin.query('SELECT query FROM pg_stat_activity WHERE pid = $1', [pid]);
      expect(rows).toEqual([{ query: '' }]);
      client.release();
    });

    it('is not asked before that', async () => {
      await using pool = direct(server, { max: 1, validateAfter: 5_000 });
      const [pid] = await warm(pool, 1);
      await using admin = direct(server);
      const client = await pool.connect();
      const { rows } = await admin.query('SELECT query FROM pg_stat_activity WHERE pid = $1', [pid]);
      expect(rows).toEqual([{ query: 'SELECT pg_backend_pid() AS pid' }]);
      client.release();
    });

    it('lives up to a tenth shorter than it may, at random', async () => {
      await using pool = direct(server, { max: 20, maxLifetimeSeconds: 0.5, idleTimeoutMillis: 0 });
      const born = new Map<unknown, number>();
      const lives: number[] = [];
      pool.on('connect', (client) => born.set(client, performance.now()));
      const gone = new Promise<void>((resolve) => {
        pool.on('remove', (client) => lives.push(performance.now() - born.get(client)!) === 12 && resolve());
      });
      await warm(pool, 12);
      await gone;
      // Without chance all of them would reach 500.
      expect(Math.min(...lives)).toBeGreaterThan(445);
      expect(Math.min(...lives)).toBeLessThan(495);
    });
  });

  describe('the face', () => {
    it('is that of Pool of pg to the compiler', async () => {
      await using pool = direct(server);
      const asPgPool: PgPool = pool;
      expect((await asPgPool.query<{ num: number }>('SELECT 1 AS num')).rows[0]!.num).toBe(1);
    });

    it('shows no password', () => {
      const pool = new Pool({ password: 'secret', ssl: { key: 'private' } });
      expect(JSON.stringify(pool.options)).not.toContain('secret');
      expect(JSON.stringify(pool.options)).not.toContain('private');
      expect(pool.options).toMatchObject({ password: 'secret', max: 10, min: 0, idleTimeoutMillis: 10_000 });
    });

    it.each([
      { max: 'many' },
      { max: -1 },
      { min: 5, max: 2 },
      { onConnect: 5 },
      { verify: {} },
      { log: 'x' },
      { idleTimeoutMillis: {} },
      { Client: 5 },
    ])('refuses %j at once', (options) => {
      expect(() => new Pool(options as unknown as PoolConfig)).toThrow(/^Cannot create a (?:Pool|ConnectionPool): /);
    });

    it('takes numbers as the environment has them', async () => {
      await using pool = direct(server, { max: '3', idleTimeoutMillis: '100' } as unknown as PoolConfig);
      const clients = await Promise.all([1, 2, 3].map(() => pool.connect()));
      const fourth = pool.connect();
      expect(pool).toMatchObject({ totalCount: 3, waitingCount: 1 });
      for (const client of clients) client.release();
      (await fourth).release();
    });

    it('keeps its own time, and asks for TCP keep-alive', async () => {
      const given: PoolConfig[] = [];
      const Own = class extends Client {
        constructor(options?: PoolConfig) {
          super(options);
          given.push(options!);
        }
      };
      await using pool = direct(server, { Client: Own, query_timeout: 1_000, connectionTimeoutMillis: 1_000 });
      await pool.query('SELECT 1');
      expect(given).toMatchObject([{ query_timeout: undefined, connectionTimeoutMillis: undefined, keepAlive: true }]);
    });

    it('leaves no session behind of a client that was refused', async () => {
      const application_name = 'refused';
      await using pool = direct(server, { application_name, verify: (_, done) => done(new Error('nope')) });
      await failure(pool.connect());
      await using admin = direct(server);
      const text = 'SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = $1';
      await expect
        .poll(async () => (await admin.query(text, [application_name])).rows as unknown)
        .toEqual([{ count: 0 }]);
    });

    it('refuses a client that dies before anybody has it', async () => {
      await using pool = direct(server, { max: 1 });
      const reason = new Error('dead on arrival');
      pool.once('connect', (client) => client.emit('error', reason));
      expect(await failure(pool.query('SELECT 1'))).toBe(reason);
      await expect.poll(() => pool.query('SELECT 1 AS num').then(({ rows }) => rows as unknown)).toEqual([{ num: 1 }]);
    });

    it('is no trouble when an idle client dies and nobody listens', async () => {
      await using pool = direct(server, { max: 1 });
      const [pid] = await warm(pool, 1);
      await using admin = direct(server);
      await admin.query('SELECT pg_terminate_backend($1)', [pid]);
      await expect.poll(() => pool.totalCount).toBe(0);
      expect(pool.getMetrics().errors).toBe(1);
    });

    it('refuses callers beyond maxPending', async () => {
      await using pool = direct(server, { max: 1, maxPending: 1 });
      const client = await pool.connect();
      const waiting = pool.query('SELECT 1');
      expect(await failure(pool.query('SELECT 2'))).toMatchObject({ code: 'POOL_QUEUE_FULL' });
      client.release();
      await waiting;
    });

    it('tells what happens in the words of OpenTelemetry', async () => {
      await using pool = direct(server, { max: 2 });
      const measured = new Set<string>();
      pool.onMeasure((name) => measured.add(name));
      await pool.query('SELECT 1');
      const metrics = pool.getMetrics();
      expect(metrics).toMatchObject({ max: 2, min: 0, created: 1, availableConnections: 1 });
      expect(Object.keys(pool.metricKinds).toSorted()).toEqual(Object.keys(metrics).toSorted());
      const known = new Set([...Object.keys(metrics), ...measured]);
      expect(Object.keys(OTEL_NAMES).filter((name) => !known.has(name))).toEqual([]);
      for (const name of Object.values(OTEL_NAMES))
        expect(name).toMatch(/^db\.client\.connection\.[a-z_.]+(\{state=\w+\})?$/);
    });
  });

  /** Sessions that still sleep. */
  async function sleepers(): Promise<number> {
    await using admin = direct(server, { max: 1 });
    const text =
      "SELECT count(*)::int AS count FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(10%'";
    return (await admin.query(text)).rows[0].count as number;
  }
});

/** Reads a portal in pieces, as pg-cursor does: what submits itself and is not over with one answer. */
class Cursor {
  readonly #text: string;
  #connection: any;
  #read = 0;
  #wanted = 0;
  #tell: (read: number) => void = () => {};

  constructor(text: string) {
    this.#text = text;
  }

  submit(connection: any): void {
    this.#connection = connection;
    connection.parse({ text: this.#text });
    connection.bind({});
    connection.describe({ type: 'P', name: '' });
    this.#fetch();
  }

  read(count: number): Promise<number> {
    return new Promise((resolve) => {
      this.#wanted = count;
      this.#tell = resolve;
      this.#fetch();
    });
  }

  #fetch(): void {
    if (this.#wanted === 0 || this.#connection === undefined) return;
    this.#connection.execute({ portal: '', rows: this.#wanted });
    this.#connection.flush();
    this.#wanted = 0;
  }

  handleDataRow(): void {
    this.#read += 1;
  }

  handleRowDescription(): void {}

  handlePortalSuspended(): void {
    this.#tell(this.#read);
  }

  handleCommandComplete(): void {
    this.#connection.sync();
  }

  handleReadyForQuery(): void {
    this.#tell(this.#read);
  }
}
