import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { request, type Dispatcher } from 'undici';
import { describe, expect, it } from 'vitest';
import { expired, good } from './fixtures/certificates.ts';
import { codeOf, gate, pooled, serve, serveTls } from './fixtures/world.ts';

const ask = async (dispatcher: Dispatcher, origin: string, headers: Record<string, string> = {}): Promise<string> =>
  (await request(origin, { dispatcher, headers })).body.text();

const connect = { ca: good.cert };

describe('the life of a connection', () => {
  it('ends at maxLifetime between two requests, with its successor made first', async () => {
    const { origin } = await serve((_, answer) => void answer.end('ok'));
    const pool = pooled({ connections: 2, maxLifetime: 500, random: () => 0.999 });
    const lives: string[] = [];
    pool.on('connect', () => lives.push('connect')).on('disconnect', () => lives.push('disconnect'));
    await ask(pool, origin);
    await expect.poll(() => lives.slice(0, 3)).toEqual(['connect', 'connect', 'disconnect']);
    expect(await ask(pool, origin)).toBe('ok');
  });

  it('ends under load with one connection, and no request hangs (nodejs/undici#5144)', async () => {
    const { origin, accepted } = await serve((_, answer) => void setTimeout(() => answer.end('ok'), 1));
    const pool = pooled({ connections: 1, maxLifetime: 40 });
    const load = async (): Promise<void> => {
      while (pool.getMetrics().retired < 3) expect(await ask(pool, origin)).toBe('ok');
    };
    await Promise.all([load(), load(), load()]);
    expect(accepted()).toBeGreaterThanOrEqual(3);
    expect(pool.getMetrics().moved).toBe(0);
  });

  it('ends after maxRequestsPerClient', async () => {
    const { origin, accepted } = await serve((_, answer) => void answer.end('ok'));
    const pool = pooled({ connections: 1, maxRequestsPerClient: 2 });
    for (let asked = 0; asked < 5; asked += 1) await ask(pool, origin);
    expect(accepted()).toBe(3);
  });

  it('ends when it is idle for keepAliveTimeout', async () => {
    const { origin } = await serve((_, answer) => void answer.end('ok'));
    const pool = pooled({ keepAliveTimeout: 20 });
    await ask(pool, origin);
    await expect.poll(() => pool.getMetrics().totalConnections).toBe(0);
  });

  it('is measured', async () => {
    const { origin } = await serve((_, answer) => void answer.end('ok'));
    const pool = pooled({ keepAliveTimeout: 20 });
    const measured = new Map<string, number>();
    const remove = pool.onMeasure((name, value) => void measured.set(name, value));
    await ask(pool, origin);
    await expect.poll(() => [...measured.keys()].toSorted()).toEqual(['connection', 'create', 'use', 'wait']);
    expect(measured.get('connection')).toBeGreaterThanOrEqual(15);
    remove();
    measured.clear();
    await ask(pool, origin);
    expect(measured.size).toBe(0);
  });
});

describe('connections of many origins', () => {
  it('have one bound, and idle ones of the origin used least recently leave first', async () => {
    const servers = await Promise.all(Array.from({ length: 3 }, () => serve((_, answer) => void answer.end('ok'))));
    const [a, b, c] = servers.map(({ origin }) => origin) as [string, string, string];
    const pool = pooled({ maxTotal: 2 });
    for (const origin of [a, b, a, c]) await ask(pool, origin);
    expect(pool.getMetrics()).toMatchObject({ totalConnections: 2, origins: 3, keys: 2 });
    await expect.poll(() => servers.map(({ sockets }) => sockets.size)).toEqual([1, 0, 1]);
  });

  it('are forgotten beyond maxOrigins', async () => {
    const servers = await Promise.all(Array.from({ length: 3 }, () => serve((_, answer) => void answer.end('ok'))));
    const pool = pooled({ maxOrigins: 2 });
    for (const { origin } of servers) await ask(pool, origin);
    expect(pool.getMetrics()).toMatchObject({ origins: 2, keys: 2 });
    expect(await ask(pool, servers[0]!.origin)).toBe('ok');
  });

  it('wait for each other at the bound, and all come to an end', async () => {
    const servers = await Promise.all(Array.from({ length: 4 }, () => serve((_, answer) => void answer.end('ok'))));
    const pool = pooled({ maxTotal: 2, connections: 2 });
    const asking = Array.from({ length: 40 }, (_, index) => ask(pool, servers[index % 4]!.origin));
    expect(new Set(await Promise.all(asking))).toEqual(new Set(['ok']));
    expect(pool.getMetrics().totalConnections).toBeLessThanOrEqual(2);
  });
});

describe('TLS', () => {
  it('is spoken, with sessions that are resumed', async () => {
    let resumed = 0;
    const { origin, server } = await serveTls((_, answer) => void answer.setHeader('connection', 'close').end('ok'));
    server.on('secureConnection', (socket: TLSSocket) => void (resumed += Number(socket.isSessionReused())));
    const pool = pooled({ connect });
    await ask(pool, origin);
    expect(await ask(pool, origin)).toBe('ok');
    expect(resumed).toBe(1);
  });

  it('fails all who wait at once, with the reason, when the certificate is not trusted', async () => {
    const { origin } = await serveTls((_, answer) => void answer.end('ok'));
    const pool = pooled({ connections: 1 });
    const codes = await Promise.all(Array.from({ length: 5 }, () => codeOf(ask(pool, origin))));
    expect(codes).toEqual(Array.from({ length: 5 }, () => 'DEPTH_ZERO_SELF_SIGNED_CERT'));
    expect(pool.getMetrics().errors).toBe(1);
    await expect(ask(pool, origin)).rejects.toMatchObject({
      code: 'POOL_UNAVAILABLE',
      cause: { cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } },
    });
  });

  it('fails when the certificate has expired', async () => {
    const { origin } = await serveTls((_, answer) => void answer.end('ok'), expired);
    expect(await codeOf(ask(pooled({ connect: { ca: expired.cert } }), origin))).toBe('CERT_HAS_EXPIRED');
  });

  it('fails when the certificate is for another name', async () => {
    const { port } = await serveTls((_, answer) => void answer.end('ok'));
    const pool = pooled({ connect, endpoints: () => [{ address: '127.0.0.1', port }] });
    expect(await codeOf(ask(pool, 'https://third.test'))).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(await ask(pool, 'https://other.test')).toBe('ok');
  });

  it('is never shared by requests that give the server different names', async () => {
    const names: unknown[] = [];
    const { origin, server } = await serveTls(({ headers }, answer) => void answer.end(headers.host));
    server.on('secureConnection', (socket: TLSSocket) => names.push(socket.servername));
    const pool = pooled({ connect, connections: 1 });
    for (const host of ['localhost', 'other.test', 'localhost', 'OTHER.test']) {
      expect(await ask(pool, origin, { Host: host })).toBe(host);
    }
    const { body } = await pool.request({ origin, path: '/', method: 'GET', headers: ['host', 'localhost:1'] });
    expect(await body.text()).toBe('localhost:1');
    expect(names.map((name) => String(name).toLowerCase())).toEqual(['localhost', 'other.test', 'other.test']);
  });

  it('carries requests whose headers can be read but once', async () => {
    const { origin } = await serveTls(({ headers }, answer) => void answer.end(headers.host));
    const pool = pooled({ connect, connections: 1 });
    await ask(pool, origin);
    const headers = {
      *[Symbol.iterator]() {
        yield ['host', 'localhost'] as [string, string];
      },
    };
    const { body } = await pool.request({ origin, path: '/', method: 'GET', headers });
    expect(await body.text()).toBe('localhost');
  });
});

describe('a custom connector', () => {
  it('opens the connections', async () => {
    const { port } = await serve((_, answer) => void answer.end('ok'));
    const { opened, open } = gate();
    const net = await import('node:net');
    const pool = pooled({
      connect: (_, callback) => {
        const socket = net.connect(port, '127.0.0.1', () => callback(null, socket));
        open();
      },
    });
    expect(await ask(pool, 'http://anywhere.test')).toBe('ok');
    await opened;
  });

  it('that hangs costs no longer than acquireTimeout, and its socket is closed when it comes late', async () => {
    const { port, sockets } = await serve((_, answer) => void answer.end('ok'));
    const net = await import('node:net');
    const { opened, open } = gate();
    const pool = pooled({
      acquireTimeout: 30,
      connect: (_, callback) => {
        const socket = net.connect(port, '127.0.0.1');
        const give = (): void => callback(null, socket);
        void Promise.all([opened, once(socket, 'connect')]).then(give);
      },
    });
    expect(await codeOf(ask(pool, 'http://anywhere.test'))).toBe('POOL_ACQUIRE_TIMEOUT');
    await expect.poll(() => sockets.size).toBe(1);
    const destroyed = pool.destroy();
    open();
    await destroyed;
    await expect.poll(() => sockets.size).toBe(0);
  });
});
