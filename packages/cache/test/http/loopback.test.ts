import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Loopback, type Behaviour } from './proxy.ts';

let running: Loopback | undefined;
afterEach(() => running?.stop());

async function serving(behaviour: Behaviour, options = {}): Promise<Loopback> {
  running = await new Loopback(behaviour, options).start();
  return running;
}

const raw =
  (...lines: string[]): Behaviour =>
  (socket) =>
    socket.write(lines.join('\r\n'));

interface Got {
  readonly status: number;
  readonly body: string;
  readonly how: string;
  readonly headers: Headers;
}

async function ask({ url }: Loopback, headers: Record<string, string> = {}, path = '/'): Promise<Got> {
  const response = await fetch(url + path, { headers });
  const body = await response.text();
  return { status: response.status, body, how: response.headers.get('cache-status') ?? '', headers: response.headers };
}

const FRESH = 'Cache-Control: max-age=60';

describe('HttpCache behind real servers stores no part of a body as the whole', () => {
  it.each<[string, Behaviour]>([
    ['its length was told', raw('HTTP/1.1 200 OK', FRESH, 'Content-Length: 10', '', '12345')],
    ['it comes in chunks', raw('HTTP/1.1 200 OK', FRESH, 'Transfer-Encoding: chunked', '', '5', '12345', '')],
    [
      'it is the rest of a part',
      raw('HTTP/1.1 206 OK', FRESH, 'Content-Range: bytes 0-9/10', 'Content-Length: 10', '', '1'),
    ],
  ])('when the origin dies and %s', async (_, dying) => {
    const proxy = await serving((socket, request) => {
      dying(socket, request);
      setImmediate(() => socket.destroy());
    });
    await Promise.allSettled([ask(proxy), ask(proxy, { Range: 'bytes=0-9' }), ask(proxy)]);
    proxy.behaviour = raw('HTTP/1.1 200 OK', FRESH, 'Content-Length: 10', '', '1234567890');

    expect(await ask(proxy)).toMatchObject({ status: 200, body: '1234567890' });
    expect((await ask(proxy)).how).toContain('hit');
  });

  it('when the client dies in its middle, and yet the whole for the next', async () => {
    let finish = (): void => {};
    const proxy = await serving((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${FRESH}\r\nContent-Length: 10\r\n\r\n12345`);
      finish = () => socket.write('67890');
    });
    const first = get(proxy.url, { agent: false });
    const [response] = (await once(first, 'response')) as [IncomingMessage];
    await once(response, 'data');
    first.destroy();
    await once(first, 'close');
    const second = ask(proxy);
    await vi.waitFor(() => expect(proxy.cache.getMetrics().collapsed).toBe(1));
    finish();

    expect(await second).toMatchObject({ body: '1234567890' });
    expect(proxy.requests).toHaveLength(1);
  });

  it('when it is over the cap: it goes at the pace of its client, who can leave', async () => {
    const chunk = 'x'.repeat(2 ** 16);
    let closed = false;
    const proxy = await serving(
      (socket) => {
        socket.once('close', () => (closed = true));
        socket.write(`HTTP/1.1 200 OK\r\n${FRESH}\r\nTransfer-Encoding: chunked\r\n\r\n`);
        const more = (): void => {
          while (!socket.destroyed && socket.write(`10000\r\n${chunk}\r\n`));
          socket.once('drain', more);
        };
        more();
      },
      { maxBodyBytes: 2 ** 18 },
    );
    const request = get(proxy.url, { agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    await once(response, 'data');
    expect(closed).toBe(false);
    request.destroy();

    await vi.waitFor(() => expect(closed).toBe(true));
  });
});

describe('HttpCache behind real servers, sent what is odd,', () => {
  it.each([
    ['two that contradict', [FRESH, 'Cache-Control: no-store'], false],
    ['an argument that is no number', ['Cache-Control: max-age=1e9'], false],
    ['a Vary of all', [FRESH, 'Vary: Accept', 'Vary: *'], false],
    ['a Vary of 1000 names', [FRESH, `Vary: ${Array.from({ length: 1000 }, (_, n) => `x${n}`).join()}`], false],
    ['an Age of ages', [FRESH, `Age: ${'9'.repeat(400)}`], false],
    ['a Date of the year 9999', [FRESH, 'Date: Fri, 31 Dec 9999 23:59:59 GMT'], true],
    ['a Set-Cookie', [FRESH, 'Set-Cookie: session=1'], false],
    ['fields named after members of objects', [FRESH, '__proto__: 1', 'constructor: 2'], true],
    ['15 kB of fields', [FRESH, `X-Huge: ${'x'.repeat(15_000)}`], true],
  ])('%s: stores by what it means', async (_, fields, reused) => {
    const freshened = fields.some((field) => field.startsWith('Cache-Control')) ? fields : [FRESH, ...fields];
    const proxy = await serving(raw('HTTP/1.1 200 OK', ...freshened, 'Content-Length: 2', '', 'ok'));

    expect((await ask(proxy)).body).toBe('ok');
    expect((await ask(proxy)).body).toBe('ok');
    expect(proxy.requests).toHaveLength(reused ? 1 : 2);
  });

  it('trailers, interim responses and a close: keeps the body alone', async () => {
    const chunked = [
      'Transfer-Encoding: chunked',
      'Trailer: Set-Cookie',
      '',
      '2',
      'ok',
      '0',
      'Set-Cookie: a=b',
      '',
      '',
    ];
    const proxy = await serving(
      raw('HTTP/1.1 103 Early Hints', 'Link: </a>', '', 'HTTP/1.1 200 OK', FRESH, 'Connection: close', ...chunked),
    );
    await ask(proxy);
    const { body, how, headers } = await ask(proxy);

    expect(body).toBe('ok');
    expect(how).toContain('hit');
    expect(headers.get('set-cookie')).toBeNull();
    expect(headers.get('content-length')).toBe('2');
  });

  it('a gzip: gives it to whom it is meant for', async () => {
    const gzip = gzipSync('squeezed');
    const proxy = await serving((socket, request) => {
      const isWanted = /accept-encoding:.*gzip/i.test(request);
      const body = isWanted ? gzip : Buffer.from('plain');
      const encoding = isWanted ? 'Content-Encoding: gzip\r\n' : '';
      socket.write(
        `HTTP/1.1 200 OK\r\n${FRESH}\r\nVary: Accept-Encoding\r\n${encoding}Content-Length: ${body.length}\r\n\r\n`,
      );
      socket.write(body);
    });
    for (let round = 0; round < 2; round++) {
      expect((await ask(proxy, { 'Accept-Encoding': 'gzip' })).body).toBe('squeezed');
      expect((await ask(proxy, { 'Accept-Encoding': 'identity' })).body).toBe('plain');
    }
    expect(proxy.requests).toHaveLength(2);
  });

  it('a HEAD: answers it without a body, and a GET from what it keeps', async () => {
    const proxy = await serving((socket, request) => {
      socket.write(
        `HTTP/1.1 200 OK\r\n${FRESH}\r\nContent-Length: 4\r\n\r\n${request.startsWith('HEAD') ? '' : 'body'}`,
      );
    });
    const head = async (): Promise<string> => await (await fetch(proxy.url, { method: 'HEAD' })).text();

    expect([await head(), (await ask(proxy)).body, await head()]).toEqual(['', 'body', '']);
    expect(proxy.requests).toHaveLength(2);
  });

  it.each([
    ['1000 ranges', Array.from({ length: 1000 }, (_, n) => `${n}-${n}`).join()],
    ['ranges that overlap', '0-4,0-4,0-4'],
    ['a range of 300 digits', `0-${'9'.repeat(300)}`],
    ['a range from beyond what a number holds', '9007199254740993-'],
    ['a range of -5', '--5'],
  ])('%s: gives the whole, or says that there is none', async (_, range) => {
    const proxy = await serving(raw('HTTP/1.1 200 OK', FRESH, 'ETag: W/"a"', 'Content-Length: 5', '', '01234'));
    await ask(proxy);
    const { status, body } = await ask(proxy, { Range: `bytes=${range}` });

    expect([`200 01234`, '416 ']).toContain(`${status} ${body}`);
    expect(proxy.requests).toHaveLength(1);
  });
});
