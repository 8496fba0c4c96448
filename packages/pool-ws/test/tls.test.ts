import { faultProxy } from '@forge/pool/testing';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RpcServer } from './fixtures/rpc-server.ts';
import { call, open, outcome } from './support.ts';

const pem = (name: string): Promise<string> => readFile(new URL(`fixtures/tls/${name}.pem`, import.meta.url), 'utf8');
const start = async (name: string): Promise<RpcServer> =>
  RpcServer.start({ tls: { key: await pem('key'), cert: await pem(name) } });

describe('over TLS', () => {
  let server: RpcServer;
  let ca: string;

  beforeAll(async () => void ([server, ca] = [await start('valid'), await pem('valid')]));
  afterAll(() => server.stop());

  it('requests are answered', async () => {
    await using pool = open(server.url, { socket: { ca } });
    expect(await pool.request(call('add', 1, 2))).toBe(3);
  });

  it('a heartbeat keeps a silent socket and ends a dead one', async () => {
    await using proxy = await faultProxy({ to: server.port });
    await using pool = open(`wss://127.0.0.1:${proxy.port}`, { socket: { ca }, heartbeatInterval: 30 });
    const pings: unknown[] = [];
    await pool.request(call('echo'));
    server.peer.socket.on('ping', (data) => pings.push(data));
    await expect.poll(() => pings.length).toBeGreaterThan(3);
    expect(pool.getMetrics()).toMatchObject({ heartbeatsLost: 0, created: 1 });
    await proxy.set({ blackHole: true });
    await expect.poll(() => pool.getMetrics()).toMatchObject({ heartbeatsLost: 1, totalConnections: 0 });
  });

  it('a certificate that nobody vouches for fails all who wait, at once', async () => {
    await using pool = open(server.url);
    const errors = await Promise.all([1, 2].map(() => outcome(pool.request(call('echo')))));
    for (const error of errors) {
      expect(error).toMatchObject({
        code: 'POOL_CREATE_FAILED',
        cause: { code: 'WS_HANDSHAKE_FAILED', kind: 'fatal', cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } },
      });
    }
    expect(pool.getMetrics()).toMatchObject({ unavailable: 1 });
  });

  it.each([
    ['expired', 'CERT_HAS_EXPIRED'],
    ['wrong-host', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('a certificate that is %s is fatal', async (name, code) => {
    await using bad = await start(name);
    await using pool = open(bad.url, { socket: { ca: await pem(name) } });
    expect(await outcome(pool.request(call('echo')))).toMatchObject({ cause: { kind: 'fatal', cause: { code } } });
    expect(bad.peers).toHaveLength(0);
  });
});
