import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fieldValue } from '../../src/http/http-message.ts';
import type { HttpRecord, HttpRequest, HttpResponse } from '../../src/http/index.ts';
import { ResponseCache } from '../../src/index.ts';
import { ManualBody, Origin, bytes, fields, read, settled, type Fields } from './origin.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const FRESH = { 'Cache-Control': 'max-age=60' };

/** A body that tells whether its clean-up ran, and heeds no signal. */
function guarded(...chunks: string[]): { body: AsyncIterable<Uint8Array>; isClosed: () => boolean } {
  let closed = false;
  const body = (async function* () {
    try {
      for (const chunk of chunks) yield bytes(chunk);
    } finally {
      closed = true;
    }
  })();
  return { body, isClosed: () => closed };
}

describe('HttpCache cannot be poisoned', () => {
  it.each([401, 407, 412, 416, 421, 425, 428, 429, 431, 511])(
    'by a %i, which answers what no key knows of',
    async (status) => {
      const origin = new Origin({ status, headers: FRESH, body: 'failed' });
      await origin.get('/', { Range: 'bytes=99-' });
      origin.answers = () => ({ headers: FRESH, body: 'page' });

      expect((await origin.get()).body).toBe('page');
    },
  );

  it.each([
    ['/admin/%2e%2e/', '/'],
    ['/a\\b', '/a/b'],
    ['/a\tb', '/ab'],
  ])('by %j, which is not %j to every server', async (odd, plain) => {
    const origin = new Origin(({ url }) => ({ headers: FRESH, body: url.slice('https://example.com'.length) }));
    await origin.get(odd);

    expect((await origin.get(plain)).body).toBe(plain);
  });

  it('by a Host that is not that of the URL', async () => {
    const origin = new Origin(({ headers }) => ({ headers: FRESH, body: fieldValue(headers, 'host') ?? '' }));
    await origin.get('/', { Host: 'evil.example' });

    expect((await origin.get('/', { Host: 'Example.com' })).body).toBe('Example.com');
    expect((await origin.get('/')).body).toBe('Example.com');
    await origin.send('DELETE', '/', { Host: 'other.example' });
    expect((await origin.get('/', { Host: 'evil.example' })).how).toContain('miss');
  });

  it('by an answer to a POST that failed', async () => {
    const origin = new Origin({ status: 400, headers: { ...FRESH, 'Content-Location': '/' }, body: 'bad form' });
    await origin.send('POST', '/', {}, { body: bytes('x') });
    origin.answers = () => ({ headers: FRESH, body: 'page' });

    expect((await origin.get()).body).toBe('page');
  });

  it("by another client's wish for stale answers", async () => {
    const origin = new Origin({ headers: { 'Cache-Control': 'max-age=1' }, body: 'old' });
    await origin.get();
    vi.advanceTimersByTime(5000);
    origin.answers = () => ({ status: 503, body: 'down' });
    const answers = await Promise.all([origin.get('/', { 'Cache-Control': 'stale-if-error=600' }), origin.get()]);

    expect(answers.map(({ body }) => body)).toEqual(['old', 'down']);
  });

  it.each([undefined, 7, { user: 1 }])('by a partition that is no string but %o', async (partition) => {
    const origin = new Origin({ headers: FRESH }, { partition: () => partition as never });

    await expect(origin.get()).rejects.toThrow('Cannot handle a request: the partition must be a string');
  });

  it('across URLs whose scheme has no origin', async () => {
    const origin = new Origin({ headers: { ...FRESH, 'Cache-Groups': '"g"' } });
    const send = async (method: string, url: string): Promise<string> =>
      (await read(await origin.cache.handle({ method, url, headers: [] }, origin.forward))).how;
    await send('GET', 'app://a/');

    expect(await send('GET', 'app://a/')).toContain('fwd=bypass');
  });
});

describe('HttpCache keeps what it has', () => {
  it.each([400, 405, 429, 431])('when a request gets a %i', async (status) => {
    const origin = new Origin({ headers: FRESH, body: 'page' });
    await origin.get();
    origin.answers = () => ({ status, body: 'no' });
    await origin.get('/', { 'Cache-Control': 'no-cache', 'X-Huge': 'x' });
    await origin.send('HEAD', '/', { 'Cache-Control': 'no-cache' });

    expect((await origin.get()).how).toContain('hit');
  });

  it.each([401, 403, 404, 410])('only until the resource answers %i', async (status) => {
    const origin = new Origin({ headers: FRESH, body: 'page' });
    await origin.get();
    origin.answers = () => ({ status, body: 'no' });
    await origin.get('/', { 'Cache-Control': 'no-cache' });

    expect((await origin.get()).status).toBe(status);
  });
});

describe('HttpCache asks its origin no more than it must', () => {
  it('when refreshes fail while many clients are answered stale', async () => {
    const origin = new Origin({ headers: { 'Cache-Control': 'max-age=1, stale-while-revalidate=600' } });
    await origin.get();
    vi.advanceTimersByTime(5000);
    origin.answers = () => ({ status: 500 });
    await origin.get();
    await settled();
    origin.answers = () => new Promise(() => {});
    for (let client = 0; client < 20; client++) await origin.get();

    expect(origin.requests).toHaveLength(3);
  });
});

describe('HttpCache never sends a body that is not as long as it says', () => {
  /** An origin whose rest of a body comes with the right place and these bytes. */
  const completing = (rest: string): Origin =>
    new Origin((request: HttpRequest) => {
      const tagged = { ...FRESH, ETag: '"a"' };
      return fieldValue(request.headers, 'if-range') === undefined
        ? { status: 206, headers: { ...tagged, 'Content-Range': 'bytes 0-4/10' }, body: '01234' }
        : { status: 206, headers: { ...tagged, 'Content-Range': 'bytes 5-9/10' }, body: rest };
    });

  it.each(['56789GET /evil', '567', ''])('when the rest of it is %j', async (rest) => {
    const origin = completing(rest);
    await origin.get('/', { Range: 'bytes=0-4' });

    await expect(origin.get()).rejects.toThrow('Cannot complete a body');
  });

  it.each(['5, 5', 'x', '1e1', '-1', ''])('to many when its Content-Length is %j', async (length) => {
    const origin = new Origin(() => {
      const body = new ManualBody();
      body.push('12345');
      body.end();
      return { status: 200, headers: fields({ ...FRESH, 'Content-Length': length }), body };
    });
    await Promise.all([origin.get(), origin.get()]);

    expect(origin.requests).toHaveLength(2);
  });
});

describe('HttpCache bounds what it holds', () => {
  it('of the variants of one URL', async () => {
    const cache = new ResponseCache<HttpRecord>({ maxBytes: 2 ** 16 });
    const origin = new Origin({ headers: { ...FRESH, Vary: 'X' } }, { cache });
    for (let n = 0; n < 1000; n++) await origin.get('/', { X: `${n}${'x'.repeat(1000)}` });

    expect(cache.getMetrics().totalSize).toBeLessThanOrEqual(2 ** 16);
    expect((await origin.get('/', { X: `999${'x'.repeat(1000)}` })).how).toContain('hit');
  });

  it('of a body whose parts together are longer than maxBodyBytes', async () => {
    const all = '0123456789abcdef';
    const origin = new Origin(
      ({ headers }) => {
        const [, first, last] = /bytes=(\d+)-(\d+)/.exec(fieldValue(headers, 'range')!)!;
        return {
          status: 206,
          headers: { ...FRESH, ETag: '"a"', 'Content-Range': `bytes ${first}-${last}/16` },
          body: all.slice(Number(first), Number(last) + 1),
        };
      },
      { maxBodyBytes: 8 },
    );
    const put = vi.spyOn(origin.records, 'set');
    for (const range of ['0-3', '4-7', '8-11', '12-15']) await origin.get('/', { Range: `bytes=${range}` });

    const held = put.mock.calls.flatMap(([, record]) =>
      record.kind === 'response' ? [record.parts.reduce((sum, { bytes: { length } }) => sum + length, 0)] : [],
    );
    expect(held).toEqual([4, 8, 4, 8]);
    expect(await origin.get('/', { Range: 'bytes=9-14' })).toMatchObject({ body: '9abcde' });
    expect(origin.requests).toHaveLength(4);
  });
});

describe('HttpCache lets go of a body', () => {
  const handle = (origin: Origin): Promise<HttpResponse> =>
    origin.cache.handle({ method: 'GET', url: 'https://example.com/', headers: [] }, origin.forward);
  const leave = async ({ body }: HttpResponse): Promise<void> => {
    const reader = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    await reader.next();
    await reader.return!();
    await settled();
  };

  it.each<[string, Fields]>([
    ['that is not stored', { 'Cache-Control': 'no-store' }],
    ['that is too long', FRESH],
  ])('%s, although its source heeds no signal', async (_, headers) => {
    const { body, isClosed } = guarded('1234', '5678', '9');
    const origin = new Origin(() => ({ status: 200, headers: fields(headers), body }), { maxBodyBytes: 5 });
    await leave(await handle(origin));

    expect(isClosed()).toBe(true);
  });

  it('that hangs behind an answer for which something stale stands in', async () => {
    const origin = new Origin({ headers: { 'Cache-Control': 'max-age=1, stale-if-error=60' } });
    await origin.get();
    vi.advanceTimersByTime(5000);
    origin.answers = () => ({ status: 503, headers: [], body: new ManualBody() });
    await origin.get();

    expect(origin.requests[1]!.signal!.aborted).toBe(true);
  });
});
