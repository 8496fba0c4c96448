/** Bugs of other pools that this one must not have, each by its name. */
import { mariadbHint, mariadbIsMissing } from '@forge/config/mariadb';
import { faultProxy } from '@forge/pool/testing';
import type { Connection } from 'mysql2';
import { describe, expect, it } from 'vitest';
import { ask, errorOf, threadOf, useWorld } from './support.ts';

describe.skipIf(mariadbIsMissing)(`regressions${mariadbHint}`, () => {
  const world = useWorld();

  it('a caller waits for ever for a connection (sidorares/node-mysql2#673)', async () => {
    const pool = world.open({ connectionLimit: 1, acquireTimeout: 500 });
    const connection = await pool.getConnection();
    const error = await errorOf(pool.query('DO 1'));
    expect(error).toMatchObject({ code: 'POOL_ACQUIRE_TIMEOUT', total: 1, leased: 1 });
    connection.release();
    expect(await ask(pool, '1')).toBe(1);
    expect(pool.getMetrics()).toMatchObject({ timeouts: 1, pending: 0 });
  });

  it('a deadline starts again with every try (sidorares/node-mysql2#4498)', async () => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    await proxy.set({ reset: 0 });
    const pool = world.open({ port: proxy.port, connectionLimit: 1, acquireTimeout: 150 });
    const before = performance.now();
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => errorOf(pool.getConnection())));
    // Four callers and at least four failing tries: each began anew there, which made 2309 ms of 500.
    expect(performance.now() - before).toBeLessThan(600);
    expect(outcomes).toHaveLength(4);
  });

  it('the budget of a statement covers the connections that were found dead on its way (sidorares/node-mysql2#4498)', async () => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    const pool = world.open({ port: proxy.port, connectionLimit: 1, acquireTimeout: 300 });
    await pool.query('DO 1');
    await proxy.set({ toClient: { blackHole: true } });
    proxy.cut('reset');
    const before = performance.now();
    expect((await errorOf(pool.query('DO 1'))).code).toBe('POOL_ACQUIRE_TIMEOUT');
    expect(performance.now() - before).toBeLessThan(550);
  });

  it('a caller that gave up takes the connection that arrives late with it (brianc/node-postgres#3543)', async () => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    await proxy.set({ latency: 30 });
    const pool = world.open({ port: proxy.port, connectionLimit: 1, acquireTimeout: 10 });
    await errorOf(pool.getConnection());
    await expect.poll(() => pool.getMetrics().availableConnections).toBe(1);
    await proxy.set({});
    expect(await ask(pool, '1')).toBe(1);
    expect(pool.getMetrics().created).toBe(1);
  });

  it('a create that hangs loses its place for ever', async () => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    await proxy.set({ toClient: { blackHole: true } });
    const pool = world.open({ port: proxy.port, connectionLimit: 1, connectTimeout: 20 });
    expect((await errorOf(pool.query('DO 1'))).code).toBe('ETIMEDOUT');
    await proxy.set({});
    await expect.poll(() => threadOf(pool).catch(() => undefined)).toBeTypeOf('number');
  });

  it('a pool never ends with a connection that is not given back', async () => {
    const pool = world.open({ connectionLimit: 1 });
    const connection = await pool.getConnection();
    const outcome = errorOf(connection.query('SELECT SLEEP(30)'));
    await pool.end({ deadline: 10 });
    expect((await outcome).code).toBe('PROTOCOL_CONNECTION_LOST');
    connection.release();
    expect((await errorOf(pool.getConnection())).message).toBe('Pool is closed.');
  });

  it.each(['reset', 'end'] as const)('a stream of rows never ends when its connection is lost by %s', async (how) => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    const pool = world.open({ port: proxy.port });
    await using leased = await pool.getConnection();
    const callbacks = leased.connection as unknown as Connection;
    let rows = 0;
    const reading = (async () => {
      for await (const _ of callbacks.query('SELECT seq FROM seq_1_to_10000000').stream()) {
        rows += 1;
        if (rows === 100) proxy.cut(how);
      }
    })();
    expect(await errorOf(reading)).toMatchObject({ fatal: true });
    expect(rows).toBeGreaterThanOrEqual(100);
  });

  it('a callback is taken for nothing, never called, and its connection lost', async () => {
    const pool = world.open({ connectionLimit: 1 });
    const callback = (): void => {};
    expect(() => pool.getConnection(callback as never)).toThrow(
      'Cannot get a connection: the options must be an object, got a function',
    );
    expect(() => pool.end(callback as never)).toThrow('Cannot end a pool: the options must be an object');
    expect(await ask(pool, '1')).toBe(1);
  });

  it('a pool that has ended ends again, without an error', async () => {
    const pool = world.open();
    await pool.query('DO 1');
    await Promise.all([pool.end(), pool.end()]);
    await pool.end();
    await pool[Symbol.asyncDispose]();
    expect(pool.getMetrics()).toMatchObject({ created: 1, destroyed: 1 });
  });

  it('a listener that throws breaks an acquire', async () => {
    const warnings: Error[] = [];
    const hear = (warning: Error): void => void warnings.push(warning);
    process.on('warning', hear);
    const pool = world.open();
    pool.on('acquire', () => {
      throw new Error('A listener failed');
    });
    expect(await ask(pool, '1')).toBe(1);
    await expect.poll(() => warnings.map(({ message }) => message)).toContain('A listener failed');
    process.off('warning', hear);
  });
});
