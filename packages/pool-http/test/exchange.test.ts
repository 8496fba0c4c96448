import { once } from 'node:events';
import { createServer as createTcpServer } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { connect, fetch, interceptors, pipeline as pipe, request, stream, upgrade } from 'undici';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { codeOf, gate, pooled, serve } from './fixtures/world.ts';

const echo = (): ReturnType<typeof serve> =>
  serve((asked, answer) => {
    answer.setHeader('x-method', asked.method!);
    if (asked.method === 'POST' || asked.method === 'PUT') asked.pipe(answer);
    else answer.end(`at ${asked.url}`);
  });

describe('a request through the pool', () => {
  it('is answered as by undici: request, fetch, stream and pipeline', async () => {
    const { origin, accepted } = await echo();
    const dispatcher = pooled({ connections: 1 });
    const asked = await request(`${origin}/a?b=1`, { dispatcher });
    expect([asked.statusCode, asked.headers['x-method'], await asked.body.text()]).toEqual([200, 'GET', 'at /a?b=1']);
    const fetched = await fetch(`${origin}/f`, { method: 'POST', body: 'sent', dispatcher });
    expect([fetched.status, await fetched.text()]).toEqual([200, 'sent']);
    let streamed = '';
    const sink = new Writable({ write: (chunk, _, done) => ((streamed += String(chunk)), done()) });
    await stream(`${origin}/s`, { method: 'GET', dispatcher }, () => sink);
    expect(streamed).toBe('at /s');
    const piped = pipe(origin, { method: 'POST', dispatcher }, ({ body }) => body);
    expect(await buffer(Readable.from(['through']).pipe(piped)).then(String)).toBe('through');
    expect(accepted()).toBe(1);
  });

  it('works with interceptors', async () => {
    let tries = 0;
    const { origin } = await serve((_, answer) => {
      tries += 1;
      answer.statusCode = tries < 3 ? 503 : 200;
      answer.end('done');
    });
    const dispatcher = pooled().compose(interceptors.retry({ minTimeout: 1, maxRetries: 3 }));
    expect(await (await request(origin, { dispatcher })).body.text()).toBe('done');
    expect(tries).toBe(3);
  });

  it('goes by the origin whatever its spelling', async () => {
    const { origin, accepted } = await echo();
    const pool = pooled({ connections: 1 });
    for (const spelling of [origin, `${origin}/`, new URL(origin), origin.replace('http', 'HTTP')]) {
      const { body } = await pool.request({ origin: spelling, path: '/', method: 'GET' });
      await body.dump();
    }
    expect([accepted(), pool.getMetrics().origins]).toEqual([1, 1]);
  });

  it('carries a stream as its body', async () => {
    const { origin } = await echo();
    const body = Readable.from(['one ', 'two']);
    const answer = await request(origin, { method: 'PUT', body, dispatcher: pooled() });
    expect(await answer.body.text()).toBe('one two');
  });

  it('is refused like by undici when it is none', async () => {
    const pool = pooled();
    const { origin } = await echo();
    expect(await codeOf(pool.request({ origin, path: 'no-slash', method: 'GET' }))).toBe('UND_ERR_INVALID_ARG');
    expect(await codeOf(pool.request({ origin: 'no url', path: '/', method: 'GET' }))).toBe('ERR_INVALID_URL');
    expect(await codeOf(pool.request({ path: '/', method: 'GET' }))).toBe('UND_ERR_INVALID_ARG');
    expect(await codeOf(pool.request({ origin: 'ftp://a.test', path: '/', method: 'GET' }))).toBe(
      'UND_ERR_INVALID_ARG',
    );
    const headers = { host: 'x'.repeat(5_000) };
    await expect(pool.request({ origin: 'https://a.test', path: '/', method: 'GET', headers })).rejects.toThrow('key');
    expect(() => pool.dispatch({ origin, path: '/', method: 'GET' }, {})).toThrow('onRequestStart');
    expect(() => pool.dispatch({ origin, path: '/', method: 'GET' }, null as never)).toThrow('handler');
    expect(pool.getMetrics()).toMatchObject({ leases: 0, pending: 0 });
  });
});

describe('a lease ends once', () => {
  const settled = async (pool: ReturnType<typeof pooled>): Promise<void> => {
    await expect.poll(() => pool.getMetrics().leases).toBe(0);
    const { acquired, released } = pool.getMetrics();
    expect(released).toBe(acquired);
  };

  it('when the response has been read, and its connection serves on', async () => {
    const { origin, accepted } = await echo();
    const pool = pooled({ connections: 1 });
    for (let round = 0; round < 3; round += 1) await (await request(origin, { dispatcher: pool })).body.text();
    await settled(pool);
    expect([accepted(), pool.getMetrics().availableConnections]).toEqual([1, 1]);
  });

  it('when the body is dumped', async () => {
    const { origin } = await echo();
    const pool = pooled();
    await (await request(origin, { dispatcher: pool })).body.dump();
    await settled(pool);
    expect(pool.getMetrics().availableConnections).toBe(1);
  });

  it('when the body is destroyed, with its connection', async () => {
    const { origin } = await serve((_, answer) => void answer.write('endless'));
    const pool = pooled({ connections: 1 });
    const { body } = await request(origin, { dispatcher: pool });
    body.on('error', () => {}).destroy();
    await settled(pool);
    await expect.poll(() => pool.getMetrics().totalConnections).toBe(0);
  });

  it('when a signal aborts before the headers and within the body', async () => {
    const { origin } = await serve(({ url }, answer) => void (url === '/body' && answer.write('endless')));
    const pool = pooled();
    for (const path of ['/headers', '/body']) {
      const controller = new AbortController();
      const asking = request(origin + path, { dispatcher: pool, signal: controller.signal });
      const reading = asking.then(({ body }) => body.text());
      if (path === '/body') await asking;
      else await expect.poll(() => pool.getMetrics().leases).toBe(1);
      controller.abort(new Error('enough'));
      await expect(reading).rejects.toThrow('enough');
      await settled(pool);
    }
  });

  it('when a fetch is aborted', async () => {
    const { origin } = await serve((_, answer) => void answer.write('endless'));
    const pool = pooled();
    const controller = new AbortController();
    const { body } = await fetch(origin, { dispatcher: pool, signal: controller.signal });
    controller.abort();
    await expect(text(body!)).rejects.toThrow('aborted');
    await settled(pool);
  });

  it('when the server hangs up, before and within the response', async () => {
    const { origin } = await serve(({ url, socket }, answer) => {
      if (url === '/body') answer.write('some', () => socket.destroy());
      else socket.destroy();
    });
    const pool = pooled();
    expect(await codeOf(request(`${origin}/`, { dispatcher: pool }))).toBe('UND_ERR_SOCKET');
    const { body } = await request(`${origin}/body`, { dispatcher: pool });
    await expect(body.text()).rejects.toThrow();
    await settled(pool);
  });

  it('when the headers do not come in time', async () => {
    const { origin } = await serve(() => {});
    const pool = pooled({ headersTimeout: 50 });
    expect(await codeOf(request(origin, { dispatcher: pool }))).toBe('UND_ERR_HEADERS_TIMEOUT');
    await settled(pool);
  });

  it('when the handler throws', async () => {
    const { origin } = await echo();
    const pool = pooled();
    const failing = stream(origin, { method: 'GET', dispatcher: pool }, () => {
      throw new Error('no sink');
    });
    await expect(failing).rejects.toThrow('no sink');
    await settled(pool);
  });

  it('when the body of the request fails', async () => {
    const { origin } = await echo();
    const pool = pooled();
    const body = new Readable({ read() {} });
    const asking = request(origin, { method: 'POST', body, dispatcher: pool });
    await expect.poll(() => pool.getMetrics().leases).toBe(1);
    body.destroy(new Error('lost file'));
    await expect(asking).rejects.toThrow('lost file');
    await settled(pool);
  });

  it('when the server closes after each response, before the next caller gets the connection', async () => {
    const { origin, accepted } = await serve((_, answer) => {
      answer.setHeader('connection', 'close');
      answer.end('bye');
    });
    const pool = pooled({ connections: 1 });
    const ask = async (): Promise<string> => (await request(origin, { dispatcher: pool })).body.text();
    expect(await Promise.all([ask(), ask(), ask()])).toEqual(['bye', 'bye', 'bye']);
    await settled(pool);
    expect([accepted(), pool.getMetrics().moved]).toEqual([3, 0]);
  });

  it('when the socket is upgraded, which leaves the pool', async () => {
    const { origin, server } = await echo();
    server.on('upgrade', (_, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n');
      socket.pipe(socket);
    });
    const pool = pooled({ connections: 1 });
    const { socket } = await upgrade(origin, { protocol: 'echo', dispatcher: pool });
    await settled(pool);
    expect(pool.getMetrics().totalConnections).toBe(0);
    expect(await (await request(origin, { dispatcher: pool })).body.text()).toBe('at /');
    socket.write('still here');
    expect(String((await once(socket, 'data'))[0])).toBe('still here');
    socket.destroy();
  });

  it('when CONNECT opens a tunnel', async () => {
    const { origin, server } = await echo();
    server.on('connect', (_, socket) => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(socket);
    });
    const pool = pooled();
    const { socket } = await connect(origin, { path: 'elsewhere:1', dispatcher: pool } as never);
    await settled(pool);
    socket.write('tunnel');
    expect(String((await once(socket, 'data'))[0])).toBe('tunnel');
    socket.destroy();
  });
});

describe('backpressure', () => {
  it('reaches the server when nobody reads the body', async () => {
    let sent = 0;
    const { origin } = await serve((_, answer) => {
      const chunk = Buffer.alloc(64 * 1024);
      const push = (): void => {
        while (sent < 200 && answer.write(chunk)) sent += 1;
        if (sent < 200) answer.once('drain', () => ((sent += 1), push()));
        else answer.end();
      };
      push();
    });
    const { body } = await request(origin, { dispatcher: pooled() });
    await expect.poll(() => sent).toBeGreaterThan(0);
    const before = await vi.waitFor(async () => {
      const then = sent;
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(sent).toBe(then);
      return then;
    });
    expect(before).toBeLessThan(200);
    let read = 0;
    await pipeline(body, new Writable({ write: (chunk: Buffer, _, done) => ((read += chunk.length), done()) }));
    expect(read).toBeGreaterThan(before * 64 * 1024);
  });

  it('of dispatch tells those who ask: false while it queues, drain when nobody waits', async () => {
    const { opened, open } = gate();
    const { origin } = await serve((_, answer) => void opened.then(() => answer.end('late')));
    const pool = pooled({ connections: 1 });
    const first = request(origin, { dispatcher: pool }).then(({ body }) => body.text());
    await expect.poll(() => pool.getMetrics().leases).toBe(1);
    const ended = new Promise<void>((resolve, reject) => {
      const goesOn = pool.dispatch(
        { origin, path: '/', method: 'GET' },
        {
          onRequestStart: () => {},
          onResponseStart: () => {},
          onResponseData: () => {},
          onResponseEnd: () => resolve(),
          onResponseError: (_, error) => reject(error),
        },
      );
      expect(goesOn).toBe(false);
    });
    const drained = once(pool, 'drain');
    open();
    expect(String((await drained)[0])).toBe(`${origin}/`);
    await Promise.all([first, ended]);
  });
});

describe('a request that was not written', () => {
  it('is taken to another connection when its own has closed', async () => {
    const { origin, sockets, accepted } = await echo();
    const pool = pooled({ connections: 1 });
    await (await request(origin, { dispatcher: pool })).body.text();
    // Closed in this turn, so that nobody has noticed when the request is dispatched; undici looks before it writes.
    const [client] = [...sockets];
    const closed = once(client!, 'close');
    await new Promise((resolve) => setImmediate(resolve));
    client!.resetAndDestroy();
    const answer = await request(origin, { method: 'POST', body: 'once', dispatcher: pool });
    expect(await answer.body.text()).toBe('once');
    await closed;
    expect([accepted(), pool.getMetrics().moved]).toEqual([2, 1]);
  });

  it('is never sent twice once it was written', async () => {
    let received = 0;
    const server = createTcpServer((socket) => {
      socket
        .on('error', () => {})
        .once('data', () => {
          received += 1;
          socket.destroy();
        });
    });
    onTestFinished(() => void server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    for (const method of ['POST', 'GET'] as const) {
      received = 0;
      expect(await codeOf(request(origin, { method, dispatcher: pooled() }))).toBe('UND_ERR_SOCKET');
      expect(received).toBe(1);
    }
  });
});
