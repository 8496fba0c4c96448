import { once } from 'node:events';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { fetch, request, upgrade, type Dispatcher } from 'undici';
import { describe, expect, it } from 'vitest';
import { good } from './fixtures/certificates.ts';
import { gate, pooled, serveH2 } from './fixtures/world.ts';

const connect = { ca: good.cert };

const ask = async (dispatcher: Dispatcher, origin: string, body?: string): Promise<string> => {
  const answer = await request(origin, { dispatcher, method: body === undefined ? 'GET' : 'POST', body: body ?? null });
  return answer.body.text();
};

describe('HTTP/2', () => {
  it('carries many requests on one connection', async () => {
    const { opened, open } = gate();
    const { server, origin, accepted } = await serveH2();
    let open20 = 0;
    server.on('request', (asked, answer) => {
      open20 += 1;
      void opened.then(() => answer.end(asked.httpVersion));
    });
    const pool = pooled({ connect, connections: 2 });
    const asking = Array.from({ length: 20 }, () => ask(pool, origin));
    await expect.poll(() => open20).toBe(20);
    expect(pool.getMetrics().leases).toBe(20);
    open();
    expect(new Set(await Promise.all(asking))).toEqual(new Set(['2.0']));
    await expect.poll(() => pool.getMetrics().leases).toBe(0);
    // The first request may want a second one before it is known what the first speaks.
    expect(accepted()).toBeLessThanOrEqual(2);
    const before = accepted();
    await Promise.all(Array.from({ length: 20 }, () => ask(pool, origin)));
    expect(accepted()).toBe(before);
  });

  it('is as fetch wants it', async () => {
    const { server, origin } = await serveH2();
    server.on('request', (asked, answer) => void asked.pipe(answer));
    const dispatcher = pooled({ connect });
    const answer = await fetch(origin, { method: 'POST', body: 'through', dispatcher });
    expect(await answer.text()).toBe('through');
  });

  it('is not spoken where the pool or the request does not want it', async () => {
    const { server, origin } = await serveH2({ allowHTTP1: true });
    server.on('request', (asked, answer) => void answer.end(asked.httpVersion));
    expect(await ask(pooled({ connect, allowH2: false }), origin)).toBe('1.1');
    const pool = pooled({ connect });
    expect(await ask(pool, origin)).toBe('2.0');
    const options = { origin, path: '/', method: 'GET', allowH2: false } as const;
    expect(await (await pool.request(options)).body.text()).toBe('1.1');
    expect(pool.getMetrics().keys).toBe(2);
  });

  it('leaves no request waiting inside a connection whose server takes fewer at once', async () => {
    const { server, origin } = await serveH2({ settings: { maxConcurrentStreams: 4 } });
    let open = 0;
    let most = 0;
    server.on('stream', (stream) => {
      most = Math.max(most, (open += 1));
      setTimeout(() => {
        open -= 1;
        stream.respond();
        stream.end('ok');
      }, 2);
    });
    const pool = pooled({ connect, connections: 1 });
    await Promise.all(Array.from({ length: 30 }, () => ask(pool, origin)));
    const asking = Array.from({ length: 30 }, () => ask(pool, origin));
    await expect.poll(() => pool.getMetrics().leases).toBeGreaterThan(0);
    expect(pool.getMetrics().leases).toBeLessThanOrEqual(8);
    expect(new Set(await Promise.all(asking))).toEqual(new Set(['ok']));
    expect(most).toBeLessThanOrEqual(4);
  });

  it('keeps its connection when one request of several is aborted', async () => {
    const { server, origin, accepted } = await serveH2();
    const streams: ServerHttp2Stream[] = [];
    server.on('stream', (stream) => void streams.push(stream.on('error', () => {})));
    const pool = pooled({ connect, connections: 1 });
    const controller = new AbortController();
    const aborted = request(origin, { dispatcher: pool, signal: controller.signal });
    const other = ask(pool, origin);
    await expect.poll(() => streams.length).toBe(2);
    controller.abort(new Error('not this one'));
    await expect(aborted).rejects.toThrow('not this one');
    await expect.poll(() => pool.getMetrics().leases).toBe(1);
    for (const stream of streams) {
      if (stream.destroyed) continue;
      stream.respond();
      stream.end('still');
    }
    expect(await other).toBe('still');
    expect(accepted()).toBe(1);
  });

  it('takes requests that a GOAWAY left out to a new connection, of any method', async () => {
    const { server, origin, accepted } = await serveH2();
    const sessions: ServerHttp2Session[] = [];
    server.on('session', (session) => sessions.push(session));
    let received = 0;
    server.on('request', (asked, answer) => {
      received += 1;
      // The first session says that it has looked at no stream but the first.
      if (asked.stream.session === sessions[0] && asked.stream.id! > 1) sessions[0]!.goaway(0, 1);
      else asked.pipe(answer);
    });
    const pool = pooled({ connect, connections: 1 });
    expect(await ask(pool, origin)).toBe('');
    expect(await ask(pool, origin, 'posted')).toBe('posted');
    expect([received, accepted()]).toEqual([3, 2]);
    await expect.poll(() => pool.getMetrics()).toMatchObject({ leases: 0, totalConnections: 1 });
  });

  it('serves to its end what runs at a GOAWAY', async () => {
    const { server, origin, accepted } = await serveH2();
    const streams: ServerHttp2Stream[] = [];
    server.on('stream', (stream) => streams.push(stream));
    const pool = pooled({ connect, connections: 1 });
    const running = ask(pool, origin);
    await expect.poll(() => streams.length).toBe(1);
    streams[0]!.session!.goaway(0, streams[0]!.id);
    await expect.poll(() => pool.getMetrics().availableConnections).toBe(0);
    const next = ask(pool, origin);
    streams[0]!.respond();
    streams[0]!.end('finished');
    expect(await running).toBe('finished');
    await expect.poll(() => streams.length).toBe(2);
    streams[1]!.respond();
    streams[1]!.end('elsewhere');
    expect(await next).toBe('elsewhere');
    expect(accepted()).toBe(2);
  });

  it('holds its connection for an upgraded stream until that closes', async () => {
    const { server, origin } = await serveH2({ settings: { enableConnectProtocol: true } });
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    });
    const pool = pooled({ connect });
    const { socket } = await upgrade(origin, { protocol: 'websocket', method: 'GET', dispatcher: pool });
    expect(pool.getMetrics().leases).toBe(1);
    socket.write('frame');
    expect(String((await once(socket, 'data'))[0])).toBe('frame');
    socket.destroy();
    await expect.poll(() => pool.getMetrics().leases).toBe(0);
  });
});
