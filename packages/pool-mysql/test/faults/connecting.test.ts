import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type LookupFunction } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mariadbHint, mariadbIsMissing } from '@forge/config/mariadb';
import { faultProxy } from '@forge/pool/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { expired, good } from '../fixtures/certificates.ts';
import { ask, errorOf, useWorld } from '../support.ts';

const folder = mkdtempSync(join(tmpdir(), 'forge-tls-'));
const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };

/** Certificates and keys are read by a server that may not be root. */
function present({ cert, key }: typeof good): void {
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
}
present(good);
chmodSync(folder, 0o755);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(mariadbIsMissing)(`a pool whose connections cannot be made${mariadbHint}`, () => {
  const world = useWorld([`--ssl-cert=${files.cert}`, `--ssl-key=${files.key}`]);

  it('outlives a server that refuses, and is back with it', async () => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    await proxy.set({ down: true });
    const pool = world.open({ port: proxy.port });
    expect((await errorOf(pool.query('DO 1'))).code).toBe('ECONNREFUSED');
    await proxy.set({});
    expect(await ask(pool, '1')).toBe(1);
  });

  it('waits for a server that is slow to accept', async () => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    await proxy.set({ latency: 100 });
    expect(await ask(world.open({ port: proxy.port }), '1')).toBe(1);
  });

  it('gives up a server that accepts and is silent, in connectTimeout, and its sockets', async () => {
    let open = 0;
    const silent = createServer((socket) => {
      open += 1;
      socket.on('error', () => {}).on('close', () => (open -= 1));
      socket.resume();
    });
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const { port } = silent.address() as AddressInfo;
    const pool = world.open({ port, connectTimeout: 30, connectionLimit: 1 });
    expect(await errorOf(pool.query('DO 1'))).toMatchObject({ code: 'ETIMEDOUT', message: 'connect ETIMEDOUT' });
    expect(pool.getMetrics()).toMatchObject({ totalConnections: 0, creating: 0, errors: 3 });
    await expect.poll(() => open).toBe(0);
    silent.close();
  });

  it('waits no longer than acquireTimeout for all tries together', async () => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    await proxy.set({ toClient: { blackHole: true } });
    const pool = world.open({ port: proxy.port, acquireTimeout: 50 });
    expect((await errorOf(pool.query('DO 1'))).code).toBe('POOL_ACQUIRE_TIMEOUT');
    expect((await errorOf(pool.getConnection({ timeout: 10 }))).code).toBe('POOL_ACQUIRE_TIMEOUT');
  });

  it.each(['reset', 'end'] as const)('tries again when the handshake ends by a %s', async (how) => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    await proxy.set(how === 'end' ? { toClient: { limit: 20 } } : { reset: 0 });
    const pool = world.open({ port: proxy.port });
    const failed = new Promise<void>((resolve) => pool.once('connectionError', () => resolve()));
    const answer = ask(pool, '1');
    await failed;
    await proxy.set({});
    expect(await answer).toBe(1);
  });

  it('makes connections through a network that dribbles', async () => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    await proxy.set({ slice: { size: 1, delay: 0 } });
    expect(await ask(world.open({ port: proxy.port }), "'dribbled'")).toBe('dribbled');
  });

  it.each([
    ['a wrong password', { password: 'wrong' }, 'ER_ACCESS_DENIED_ERROR'],
    ['an unknown user', { user: 'nobody' }, 'ER_ACCESS_DENIED_ERROR'],
    ['a database that is not there', { user: 'admin', database: 'missing' }, 'ER_BAD_DB_ERROR'],
    ['a database that is not for him', { database: 'mysql' }, 'ER_DBACCESS_DENIED_ERROR'],
  ])('fails at once, for all who wait, by %s', async (_, options, code) => {
    const pool = world.open({ connectionLimit: 2, ...options });
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => errorOf(pool.query('DO 1'))));
    expect(outcomes.map((error) => error.code)).toEqual([code, code, code, code]);
    expect((await errorOf(pool.query('DO 1'))).code).toBe('POOL_UNAVAILABLE');
  });

  it('fails at once by a certificate that nobody vouches for, or that has expired, and not by one that is good', async () => {
    const use = async (certificate: typeof good): Promise<void> => {
      present(certificate);
      await world.admin.query('FLUSH SSL');
    };
    await use(good);
    expect(await errorOf(world.open({ ssl: {} }).query('DO 1'))).toMatchObject({ code: 'HANDSHAKE_SSL_ERROR' });
    const pool = world.open({ ssl: { ca: good.cert, verifyIdentity: true } });
    expect(await ask(pool, '1')).toBe(1);
    await use(expired);
    const late = world.open({ ssl: { ca: expired.cert } });
    expect((await errorOf(late.query('DO 1'))).message).toMatch(/expired/);
    expect(late.getMetrics()).toMatchObject({ unavailable: 1, errors: 1 });
    await use(good);
  });

  it('tries again when the network breaks as a connection becomes secure', async () => {
    await using proxy = await faultProxy({ to: world.mariadb.port });
    const pool = world.open({ port: proxy.port, ssl: { ca: good.cert } });
    const failed = new Promise<void>((resolve) => pool.once('connectionError', () => resolve()));
    await proxy.set({ toClient: { limit: 200 } });
    const answer = ask(pool, '1');
    await failed;
    await proxy.set({});
    expect(await answer).toBe(1);
  });

  it('stops a statement over a secure connection too', async () => {
    const pool = world.open({ ssl: { ca: good.cert }, connectionLimit: 1 });
    expect((await errorOf(pool.query({ sql: 'SELECT SLEEP(30)', timeout: 50 }))).code).toBe(
      'PROTOCOL_SEQUENCE_TIMEOUT',
    );
    expect(await ask(pool, '1')).toBe(1);
    expect(pool.getMetrics().created).toBe(1);
  });

  it('finds a server whose name is unknown first and has another address later', async () => {
    const names: (string | undefined)[] = [undefined, '127.0.0.1'];
    const lookup = ((host, _, found) => {
      const address = names.length > 1 ? names.shift() : names[0];
      const missing = Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' });
      if (address === undefined) found(missing, '', 0);
      else found(null, [{ address, family: 4 }]);
    }) as LookupFunction;
    const { port } = world.mariadb;
    const pool = world.open({ stream: () => connect({ host: 'db.test', port, lookup }) });
    expect(await ask(pool, '1')).toBe(1);
    expect(pool.getMetrics()).toMatchObject({ errors: 1, created: 1 });
  });

  it('waits while the server has too many connections, and is served when one has gone', async () => {
    const [others, pool] = [world.open({ connectionLimit: 3 }), world.open()];
    await world.admin.query('GRANT USAGE ON *.* TO app WITH MAX_USER_CONNECTIONS 3');
    const held = await Promise.all([1, 2, 3].map(() => others.getConnection()));
    const failed = new Promise<{ error: { cause: { errno: number } } }>((resolve) =>
      pool.once('connectionError', resolve as never),
    );
    const answer = ask(pool, '1');
    expect([1203, 1226]).toContain((await failed).error.cause.errno);
    for (const connection of held) connection.destroy();
    expect(await answer).toBe(1);
    await world.admin.query('GRANT USAGE ON *.* TO app WITH MAX_USER_CONNECTIONS 0');
  });

  it('fails by a server that speaks something else', async () => {
    const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const pool = world.open({ port: (server.address() as AddressInfo).port, connectTimeout: 200 });
    expect(await errorOf(pool.query('DO 1'))).toBeInstanceOf(Error);
    expect(pool.getMetrics()).toMatchObject({ totalConnections: 0, creating: 0 });
    server.close();
  });
});
