import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { postgresHint, postgresIsMissing, PostgresProcess } from '@forge/config/postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CERTIFICATE, EXPIRED, KEY } from '../fixtures/certificates.ts';
import { direct, failure, pidOf } from '../fixtures/world.ts';

describe.skipIf(postgresIsMissing)(`Pool is refused${postgresHint}`, () => {
  let server: PostgresProcess;
  let expired: PostgresProcess;
  beforeAll(async () => {
    const access = ['host all locked 127.0.0.1/32 scram-sha-256', 'host all barred 127.0.0.1/32 reject'];
    server = await PostgresProcess.start({ access, tls: { cert: CERTIFICATE, key: KEY } });
    expired = await PostgresProcess.start({ tls: { cert: EXPIRED, key: KEY } });
    await using admin = direct(server);
    await admin.query("CREATE ROLE locked LOGIN PASSWORD 'open'");
    await admin.query('CREATE ROLE barred LOGIN');
  });
  afterAll(() => Promise.all([server.stop(), expired.stop()]));

  it.each([
    ['a wrong password', { user: 'locked', password: 'wrong' }, '28P01'],
    ['a user who may not connect', { user: 'barred' }, '28000'],
    ['a database that does not exist', { database: 'nowhere' }, '3D000'],
    ['a certificate that nobody vouches for', { ssl: true }, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ])('for %s: all who wait hear it at once, and nobody tries again for a while', async (_, options, code) => {
    await using pool = direct(server, { max: 1, createRetries: 5, ...options });
    const errors = await Promise.all([1, 2, 3].map(() => failure(pool.query('SELECT 1'))));
    expect(errors.map((error) => error.code)).toEqual([code, code, code]);
    expect(await failure(pool.query('SELECT 1'))).toMatchObject({ code: 'POOL_UNAVAILABLE', cause: { code } });
    expect(pool.getMetrics().errors).toBe(1);
  });

  it('for no password, which is told as a mistake of the configuration', async () => {
    await using pool = direct(server, { max: 1, user: 'locked', createRetries: 5 });
    expect((await failure(pool.query('SELECT 1'))).message).toContain('SASL');
    expect(await failure(pool.query('SELECT 1'))).toMatchObject({ code: 'POOL_UNAVAILABLE' });
  });

  it('for a certificate that has expired', async () => {
    await using pool = direct(expired, { max: 1, createRetries: 5, ssl: { ca: EXPIRED } });
    expect(await failure(pool.query('SELECT 1'))).toMatchObject({ code: 'CERT_HAS_EXPIRED' });
    expect(await failure(pool.query('SELECT 1'))).toMatchObject({ code: 'POOL_UNAVAILABLE' });
  });

  it('nothing over TLS with a good certificate, nor the cancel of a query', async () => {
    await using pool = direct(server, { max: 1, query_timeout: 50, ssl: { ca: CERTIFICATE } });
    const { rows } = await pool.query('SELECT ssl, pid FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    expect(rows).toMatchObject([{ ssl: true }]);
    expect(await failure(pool.query('SELECT pg_sleep(10)'))).toMatchObject({ code: 'PG_QUERY_TIMEOUT' });
    expect(await pidOf(pool)).toBe(rows[0]!.pid);
  });

  it('a file descriptor: it recovers when there are some again', async () => {
    const script = fileURLToPath(new URL('../fixtures/no-files.ts', import.meta.url));
    const command = `ulimit -n 60 && exec "${process.execPath}" --conditions=@forge/source "${script}"`;
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', command], {
      env: { ...process.env, ...server.env },
      timeout: 10_000,
    });
    expect(stdout).toBe('EMFILE 1');
  });
});
