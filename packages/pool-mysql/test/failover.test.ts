import { tmpdir } from 'node:os';
import { mariadbHint, mariadbIsMissing } from '@forge/config/mariadb';
import { afterEach, describe, expect, it } from 'vitest';
import { errorOf, next, threadOf, useWorld } from './support.ts';

describe.skipIf(mariadbIsMissing)(`a server that has become read-only${mariadbHint}`, () => {
  const world = useWorld([`--secure-file-priv=${tmpdir()}`]);
  afterEach(() => world.admin.query('SET GLOBAL read_only = 0'));

  const demote = async (): Promise<void> => {
    await world.admin.query('CREATE OR REPLACE TABLE app.t (id INT)');
    await world.admin.query('SET GLOBAL read_only = 1');
  };

  it('has every connection replaced, and the caller gets its error, once', async () => {
    const pool = world.open({ connectionLimit: 3 });
    const leased = await pool.getConnection();
    const others = await Promise.all([pool.getConnection(), pool.getConnection()]);
    const threads = others.map(({ threadId }) => threadId);
    for (const other of others) other.release();
    await demote();
    const told = next<{ error: unknown }>(pool, 'failover');
    const error = await errorOf(pool.query('INSERT INTO t VALUES (1)'));
    expect(error).toMatchObject({ code: 'ER_OPTION_PREVENTS_STATEMENT', errno: 1290 });
    expect((await told).error).toBe(error);
    await world.admin.query('SET GLOBAL read_only = 0');
    expect(threads).not.toContain(await threadOf(pool));
    const before = leased.threadId;
    expect(await threadOf(leased)).toBe(before);
    leased.release();
    await expect.poll(() => pool.getMetrics().destroyed).toBe(3);
    expect(pool.getMetrics()).toMatchObject({ failovers: 1, retriedQueries: 0 });
    await pool.query('INSERT INTO t VALUES (2)');
  });

  it('has everything replaced once a second at most, and its own connection each time', async () => {
    let now = 0;
    const pool = world.open({ connectionLimit: 2, clock: { now: () => now } });
    await demote();
    for (let round = 0; round < 3; round += 1) await errorOf(pool.execute('INSERT INTO t VALUES (1)'));
    expect(pool.getMetrics()).toMatchObject({ failovers: 1, created: 3 });
    now = 1_000;
    await errorOf(pool.execute('INSERT INTO t VALUES (1)'));
    expect(pool.getMetrics().failovers).toBe(2);
  });

  it('is told by a read-only transaction too', async () => {
    const pool = world.open({ connectionLimit: 1 });
    await world.admin.query('CREATE OR REPLACE TABLE app.t (id INT)');
    const connection = await pool.getConnection();
    await connection.query('SET SESSION TRANSACTION READ ONLY');
    expect(await errorOf(connection.query('INSERT INTO t VALUES (1)'))).toMatchObject({ errno: 1792 });
    connection.release();
    await pool.query('INSERT INTO t VALUES (1)');
    expect(pool.getMetrics().failovers).toBe(1);
  });

  it('is not meant by another option that prevents a statement', async () => {
    const pool = world.open({ connectionLimit: 1, ...world.mariadb.admin });
    const error = await errorOf(pool.query("SELECT 1 INTO OUTFILE '/never'"));
    expect(error).toMatchObject({ errno: 1290 });
    expect(pool.getMetrics()).toMatchObject({ failovers: 0, destroyed: 0 });
  });
});
