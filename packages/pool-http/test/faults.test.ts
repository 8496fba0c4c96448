import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createTcpServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort, ServerProcess } from '@forge/config/server-process';
import { faultProxy, type FaultProxy } from '@forge/pool/testing';
import { request, type Dispatcher } from 'undici';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { good } from './fixtures/certificates.ts';
import { codeOf, pooled, serve, serveTls } from './fixtures/world.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

const ask = async (dispatcher: Dispatcher, url: string): Promise<string> => {
  const { statusCode, body } = await request(url, { dispatcher });
  return `${statusCode} ${await body.text()}`;
};

/** A proxy before a server that answers with 5000 bytes, and the URL of it. */
async function faulty(
  protocol: 'http' | 'https' = 'http',
): Promise<{ proxy: FaultProxy; url: string; hits: () => number }> {
  let hits = 0;
  const answer = (_: unknown, response: { end(body: string): void }): void => {
    hits += 1;
    response.end('x'.repeat(5_000));
  };
  const { port } = await (protocol === 'http' ? serve(answer) : serveTls(answer));
  const proxy = await faultProxy({ to: port });
  onTestFinished(() => proxy.close());
  return { proxy, url: `${protocol}://127.0.0.1:${proxy.port}`, hits: () => hits };
}

const ANSWER = `200 ${'x'.repeat(5_000)}`;

describe('a pool survives', () => {
  it('a server that refuses, and finds it when it is back', async () => {
    const { proxy, url } = await faulty();
    const pool = pooled();
    expect(await ask(pool, url)).toBe(ANSWER);
    await proxy.set({ down: true });
    await expect.poll(() => pool.getMetrics().totalConnections).toBe(0);
    expect(await codeOf(ask(pool, url))).toBe('ECONNREFUSED');
    await proxy.set({});
    await expect.poll(() => ask(pool, url).catch(() => '')).toBe(ANSWER);
  });

  it('a reset within a request, whose connection is not used again', async () => {
    const { proxy, url } = await faulty();
    const pool = pooled({ connections: 1 });
    expect(await ask(pool, url)).toBe(ANSWER);
    await proxy.set({ toClient: { reset: 0 } });
    expect(await codeOf(ask(pool, url))).toMatch(/^(ECONNRESET|UND_ERR_SOCKET)$/);
    await proxy.set({});
    expect(await ask(pool, url)).toBe(ANSWER);
    expect(pool.getMetrics()).toMatchObject({ created: 2, leases: 0 });
  });

  it.each([10, 1_000])('an end of the connection %i bytes into the response', async (limit) => {
    const { proxy, url } = await faulty();
    const pool = pooled({ connections: 1 });
    await proxy.set({ toClient: { limit } });
    await expect(ask(pool, url)).rejects.toThrow();
    await proxy.set({});
    expect(await ask(pool, url)).toBe(ANSWER);
  });

  it('idle connections that were all closed, without a failed request', async () => {
    const { proxy, url } = await faulty();
    const pool = pooled({ connections: 5 });
    await Promise.all(Array.from({ length: 5 }, () => ask(pool, url)));
    await new Promise((resolve) => setImmediate(resolve));
    for (const connection of proxy.connections) connection.cut('reset');
    const ends = await Promise.all(Array.from({ length: 5 }, () => ask(pool, url)));
    expect(new Set(ends)).toEqual(new Set([ANSWER]));
  });

  it('a half-open connection, by headersTimeout, and goes on over another endpoint', async () => {
    const [gone, well] = [await faulty(), await faulty()];
    const pool = pooled({
      headersTimeout: 100,
      endpoints: () => [gone, well].map(({ proxy: { port } }) => ({ address: '127.0.0.1', port })),
    });
    const origin = 'http://service.test';
    await Promise.all(Array.from({ length: 20 }, () => ask(pool, origin)));
    await gone.proxy.set({ blackHole: true });
    const ends = await Promise.allSettled(Array.from({ length: 40 }, () => ask(pool, origin)));
    expect(ends.some(({ status }) => status === 'rejected')).toBe(true);
    await expect.poll(() => pool.getMetrics().ejected).toBe(1);
    for (let round = 0; round < 20; round += 1) expect(await ask(pool, origin)).toBe(ANSWER);
  });

  it('a server that accepts slowly', async () => {
    const { proxy, url } = await faulty('https');
    await proxy.set({ latency: 40 });
    const pool = pooled({ connect: { ca: good.cert }, connections: 2 });
    const ends = await Promise.all(Array.from({ length: 4 }, () => ask(pool, url)));
    expect(new Set(ends)).toEqual(new Set([ANSWER]));
  });

  it('a server that accepts and then says nothing, by connectTimeout', async () => {
    const server = createTcpServer((socket) => void socket.on('error', () => {}));
    onTestFinished(() => void server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const url = `https://127.0.0.1:${(server.address() as { port: number }).port}`;
    const pool = pooled({ connectTimeout: 50 });
    expect(await codeOf(ask(pool, url))).toBe('UND_ERR_CONNECT_TIMEOUT');
    expect(pool.getMetrics()).toMatchObject({ creating: 0, leases: 0 });
  });

  it('a response that comes byte by byte', async () => {
    const { proxy, url } = await faulty();
    await proxy.set({ slice: { size: 2, variation: 1, delay: 0 } });
    expect(await ask(pooled(), url)).toBe(ANSWER);
  });

  it('a chunk that is cut off', async () => {
    const { server, origin } = await serve(() => {});
    server.removeAllListeners('request').on('request', (_, answer) => {
      answer.socket!.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nhalf', () =>
        answer.socket!.end(),
      );
    });
    const pool = pooled();
    await expect(ask(pool, origin)).rejects.toThrow();
    await expect.poll(() => pool.getMetrics().leases).toBe(0);
    expect(pool.getMetrics().totalConnections).toBe(0);
  });

  it('a response that is none', async () => {
    const { server, origin } = await serve(() => {});
    server.removeAllListeners('request').on('request', (_, answer) => answer.socket!.write('SSH-2.0-OpenSSH\r\n'));
    const pool = pooled();
    await expect(ask(pool, origin)).rejects.toThrow('does not match the HTTP/1.1 protocol');
    await expect.poll(() => pool.getMetrics().totalConnections).toBe(0);
  });

  it('a name that is not known, and then is', async () => {
    const { port } = await serve((_, answer) => void answer.end('found'));
    let isKnown = false;
    const pool = pooled({
      connect: {
        lookup: (name, _, found) => {
          if (isKnown) found(null, [{ address: '127.0.0.1', family: 4 }]);
          else found(Object.assign(new Error(`no ${name}`), { code: 'ENOTFOUND' }), []);
        },
      },
    });
    expect(await codeOf(ask(pool, `http://new.test:${port}`))).toBe('ENOTFOUND');
    isKnown = true;
    expect(await ask(pool, `http://new.test:${port}`)).toBe('200 found');
  });

  it('a clock that jumps', async () => {
    const { url } = await faulty();
    let jump = 0;
    const pool = pooled({ clock: { now: () => performance.now() + jump }, connections: 1 });
    for (const next of [3_600_000, -3_600_000, 0]) {
      jump = next;
      const ends = await Promise.all(Array.from({ length: 3 }, () => ask(pool, url)));
      expect(new Set(ends)).toEqual(new Set([ANSWER]));
    }
  });

  it('want of file descriptors: who waits is served by the connections that there are', async () => {
    const { origin } = await serve((_, answer) => void setTimeout(() => answer.end('ok'), 5));
    const node = [process.execPath, '--conditions=@forge/source', fixture('no-files.ts'), origin];
    const { stdout } = await promisify(execFile)('sh', ['-c', 'ulimit -n 60; exec "$@"', 'sh', ...node]);
    expect(JSON.parse(stdout)).toMatchObject({ ends: { ok: 300 }, hadErrors: true, after: 'ok' });
  });
});

describe('whatever comes together', () => {
  it('loses no place: aborts, resets and bodies that nobody reads, under load', async () => {
    const { proxy, url } = await faulty();
    const pool = pooled({ connections: 5, acquireTimeout: 500, headersTimeout: 500 });
    // The same numbers in each run.
    let seed = 1;
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    const one = async (): Promise<void> => {
      const controller = new AbortController();
      const fate = random(4);
      if (fate === 0) setTimeout(() => controller.abort(new Error('aborted')), random(10));
      const { body } = await request(url, { dispatcher: pool, signal: controller.signal });
      if (fate === 1) body.on('error', () => {}).destroy();
      else if (fate === 2) await body.dump();
      else await body.text();
    };
    for (let round = 0; round < 8; round += 1) {
      const asking = Array.from({ length: 40 }, one);
      if (round % 2 === 1) for (const connection of proxy.connections) connection.cut('reset');
      await Promise.allSettled(asking);
    }
    await expect.poll(() => pool.getMetrics()).toMatchObject({ leases: 0, pending: 0, creating: 0 });
    const { acquired, released, created, destroyed, totalConnections } = pool.getMetrics();
    expect([released, created]).toEqual([acquired, destroyed + totalConnections]);
    await expect.poll(() => ask(pool, url).catch(() => '')).toBe(ANSWER);
  });
});

describe('a pool before a server in another process survives', () => {
  let server: ServerProcess;
  let origin: string;

  beforeAll(async () => {
    const port = await freePort();
    origin = `http://127.0.0.1:${port}`;
    server = await ServerProcess.start({
      program: process.execPath,
      args: [fixture('server.ts'), String(port)],
      ready: 'ready',
    });
  });

  afterAll(() => server.end('SIGKILL'));

  it('a stall of the event loop: what was answered meanwhile is in time', async () => {
    const pool = pooled({ connections: 5, acquireTimeout: 150, headersTimeout: 1_000 });
    await Promise.all(Array.from({ length: 5 }, () => ask(pool, `${origin}/0`)));
    const asking = Array.from({ length: 10 }, () => ask(pool, `${origin}/20`));
    // All ten have begun: five are sent, five wait.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(pool.getMetrics().pending).toBe(5);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
    expect(new Set(await Promise.all(asking))).toEqual(new Set(['200 ok']));
    expect(pool.getMetrics().timeouts).toBe(0);
  });

  it('a server that is stopped and goes on', async () => {
    const pool = pooled({ connections: 2, headersTimeout: 100, acquireTimeout: 1_000 });
    expect(await ask(pool, `${origin}/0`)).toBe('200 ok');
    server.freeze();
    const codes = await Promise.all(Array.from({ length: 4 }, () => codeOf(ask(pool, `${origin}/0`))));
    server.thaw();
    expect(new Set(codes)).toEqual(new Set(['UND_ERR_HEADERS_TIMEOUT']));
    expect(await ask(pool, `${origin}/0`)).toBe('200 ok');
    expect(pool.getMetrics()).toMatchObject({ leases: 0, pending: 0 });
  });
});
