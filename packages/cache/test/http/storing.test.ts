import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fieldValue } from '../../src/http/http-message.ts';
import type { HttpRequest } from '../../src/http/index.ts';
import { Origin, bytes, fields, type Fields } from './origin.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Whether a second request is answered without the origin. */
async function isReused(
  headers: Fields,
  {
    mode = 'shared',
    status = 200,
    request = {},
  }: { mode?: 'shared' | 'private'; status?: number; request?: Fields } = {},
): Promise<boolean> {
  const origin = new Origin({ status, headers }, { mode });
  await origin.get('/', request);
  await origin.get('/', request);
  return origin.requests.length === 1;
}

describe('HttpCache stores', () => {
  it.each<[Fields]>([
    [{ 'Cache-Control': 'max-age=60' }],
    [{ 'Cache-Control': 's-maxage=60, max-age=0' }],
    [{ Expires: 'Fri, 01 Jan 2100 00:00:00 GMT' }],
    [{ 'Last-Modified': 'Wed, 01 Jan 2020 00:00:00 GMT' }],
    [{ 'Cache-Control': 'no-store, max-age=60, must-understand' }],
    [{ 'CDN-Cache-Control': 'max-age=60', 'Cache-Control': 'no-store' }],
    [{ 'Cache-Control': 'public, max-age=60', 'Set-Cookie': 'a=b' }],
    [{ 'Cache-Control': 'private="x-user", max-age=60' }],
  ])('%j', async (headers) => {
    expect(await isReused(headers)).toBe(true);
  });

  it.each<[Fields]>([
    [{}],
    [{ ETag: '"a"' }],
    [{ 'Cache-Control': 'no-store, max-age=60' }],
    [{ 'Cache-Control': 'no-store="x", max-age=60' }],
    [{ 'Cache-Control': 'private, max-age=60' }],
    [{ 'Cache-Control': 'private="@", max-age=60' }],
    [{ 'Cache-Control': 'max-age=60', 'Set-Cookie': 'a=b' }],
    [{ 'Cache-Control': 'max-age=60, "broken' }],
    [{ 'Cache-Control': 'max-age=60', Vary: '*' }],
    [{ 'Cache-Control': 'max-age=60', Vary: 'a b' }],
    [{ 'CDN-Cache-Control': 'no-store', 'Cache-Control': 'max-age=60' }],
    [{ 'CDN-Cache-Control': 'private', 'Cache-Control': 'max-age=60' }],
    [{ 'CDN-Cache-Control': 'max-age=0', Expires: 'Fri, 01 Jan 2100 00:00:00 GMT' }],
    [{ 'CDN-Cache-Control': 'max-age=60', Age: '61' }],
    [{ 'Cache-Control': 'max-age=60', Age: '61' }],
  ])('nothing for the next client with %j', async (headers) => {
    expect(await isReused(headers)).toBe(false);
  });

  it('in private mode what is for one user', async () => {
    expect(await isReused({ 'Cache-Control': 'private, max-age=60', 'Set-Cookie': 'a=b' }, { mode: 'private' })).toBe(
      true,
    );
    expect(await isReused({ 'Cache-Control': 's-maxage=60, max-age=0' }, { mode: 'private' })).toBe(false);
    expect(
      await isReused({ 'Cache-Control': 'max-age=60' }, { mode: 'private', request: { Authorization: 'x' } }),
    ).toBe(true);
  });

  it.each([
    ['max-age=60', false],
    ['max-age=60, public', true],
    ['max-age=60, must-revalidate', true],
    ['s-maxage=60', true],
  ])('an answer to Authorization with %s: %s', async (control, reused) => {
    expect(await isReused({ 'Cache-Control': control }, { request: { Authorization: 'Bearer a' } })).toBe(reused);
  });

  it('no unknown status with must-understand, and otherwise any final one', async () => {
    expect(await isReused({ 'Cache-Control': 'max-age=60' }, { status: 599 })).toBe(true);
    expect(await isReused({ 'Cache-Control': 'max-age=60, must-understand' }, { status: 599 })).toBe(false);
  });

  it('nothing of a request with no-store or a Cache-Control that cannot be parsed', async () => {
    expect(await isReused({ 'Cache-Control': 'max-age=60' }, { request: { 'Cache-Control': 'no-store' } })).toBe(false);
    expect(await isReused({ 'Cache-Control': 'max-age=60' }, { request: { 'Cache-Control': '"' } })).toBe(false);
  });

  it('never the same by the look of a path', async () => {
    const origin = new Origin({ headers: {} });
    await origin.get('/account/x.css');
    await origin.get('/account/x.css');

    expect(origin.requests).toHaveLength(2);
  });

  it('no field that concerns one connection or one client', async () => {
    const origin = new Origin({
      headers: {
        'Cache-Control': 'max-age=60, no-cache="a, Set-Cookie", private="b"',
        'Set-Cookie': 'e=5',
        Connection: 'c',
        a: '1',
        b: '2',
        c: '3',
        d: '4',
        TE: 'x',
      },
    });
    const first = await origin.get();
    const { headers } = await origin.get();

    expect(first.headers).toMatchObject({ a: '1', b: '2', 'set-cookie': 'e=5' });
    expect(headers).toMatchObject({ d: '4' });
    const kept = ['a', 'b', 'c', 'connection', 'set-cookie', 'te'].filter((name) => name in headers);
    expect(kept).toEqual([]);
  });

  it('repeated fields as they came, whatever their names', async () => {
    const headers = { 'Cache-Control': 'max-age=60', Link: ['<a>', '<b>'], __proto__x: '1', constructor: 'c' };
    const origin = new Origin({ headers });
    await origin.get();

    expect((await origin.get()).headers).toMatchObject({ link: '<a>, <b>', constructor: 'c' });
  });

  it('what it has when one request may not replace it', async () => {
    const origin = new Origin({ headers: { 'Cache-Control': 'max-age=60', ETag: '"a"' } });
    await origin.get();
    await origin.get('/', { 'Cache-Control': 'no-cache, no-store' });
    await origin.get('/', { 'Cache-Control': 'no-cache', Authorization: 'x' });

    expect((await origin.get()).body).toBe('answer 1');
  });

  it('plain data, which a clone equals', async () => {
    const origin = new Origin({ headers: { 'Cache-Control': 'max-age=60', Vary: 'Accept' }, body: 'x' });
    const put = vi.spyOn(origin.records, 'set');
    await origin.get();
    await origin.get();

    expect(put).toHaveBeenCalledTimes(2);
    for (const [, record] of put.mock.calls) expect(structuredClone(record)).toEqual(record);
  });

  it('no body that is longer than maxBodyBytes or than it said', async () => {
    const tooLong = new Origin({ headers: { 'Cache-Control': 'max-age=60' }, body: '12345' }, { maxBodyBytes: 4 });
    await tooLong.get();
    expect((await tooLong.get()).body).toBe('12345');
    expect(tooLong.requests).toHaveLength(2);

    const cut = new Origin({ headers: { 'Cache-Control': 'max-age=60', 'Content-Length': '9' }, body: '12345' });
    await cut.get();
    await cut.get();
    expect(cut.requests).toHaveLength(2);
  });

  it.each<[Fields]>([
    [{ 'Cache-Control': 'private, max-age=60' }],
    [{ 'Cache-Control': 'max-age=60' }],
    [{ 'Cache-Control': 'public, max-age=60', Vary: 'Authorization' }],
    [{ 'Cache-Control': 's-maxage=60', Vary: 'Authorization' }],
  ])('for no other principal with %j, whether they ask at once or one by one', async (headers) => {
    const names = ['ann', 'bob', 'cid'];
    const token = (sent: readonly (readonly [string, string])[]): string =>
      sent.find(([name]) => name === 'Authorization')![1];
    const origin = new Origin((request) => ({ headers, body: token(request.headers) }), { mode: 'shared' });
    const ask = async (name: string): Promise<string> => (await origin.get('/', { Authorization: name })).body;

    expect(await Promise.all([...names, ...names].map(ask))).toEqual([...names, ...names]);
    for (const name of [...names, ...names]) expect(await ask(name)).toBe(name);
  });

  it.each<[what: string, headers: Fields, partitioned: boolean, seen: string]>([
    ['for everyone, whatever their Cookie', { 'Cache-Control': 'max-age=60' }, false, 'session=ann'],
    ['for one Cookie with Vary', { 'Cache-Control': 'max-age=60', Vary: 'Cookie' }, false, 'session=bob'],
    ['for nobody else when it is private', { 'Cache-Control': 'private, max-age=60' }, false, 'session=bob'],
    ['for one Cookie where partition names it', { 'Cache-Control': 'max-age=60' }, true, 'session=bob'],
  ])('what was answered to a Cookie, in shared mode, %s', async (_, headers, partitioned, seen) => {
    const cookieOf = (request: HttpRequest): string => fieldValue(request.headers, 'cookie') ?? '';
    const origin = new Origin((request) => ({ headers, body: cookieOf(request) }), {
      mode: 'shared',
      ...(partitioned && { partition: cookieOf }),
    });
    await origin.get('/', { Cookie: 'session=ann' });

    expect((await origin.get('/', { Cookie: 'session=bob' })).body).toBe(seen);
  });

  it('apart what partition tells apart', async () => {
    const user = (headers: readonly (readonly [string, string])[]): string =>
      headers.find(([name]) => name === 'User')![1];
    const origin = new Origin(({ headers }) => ({ headers: { 'Cache-Control': 'max-age=60' }, body: user(headers) }), {
      mode: 'private',
      partition: ({ headers }) => user(headers),
    });
    await origin.get('/', { User: 'ann' });

    expect((await origin.get('/', { User: 'bob' })).body).toBe('bob');
    expect((await origin.get('/', { User: 'ann' })).how).toContain('hit');
  });

  it('the answer to a POST only where the caller opts in, under its body', async () => {
    const origin = new Origin({ headers: { 'Cache-Control': 'max-age=60' } }, { cacheBody: () => true });
    const post = (body: string): Promise<{ body: string }> => origin.send('POST', '/', {}, { body: bytes(body) });

    expect([(await post('a')).body, (await post('a')).body, (await post('b')).body]).toEqual([
      'answer 1',
      'answer 1',
      'answer 2',
    ]);
    const without = new Origin({ headers: { 'Cache-Control': 'max-age=60' } });
    await without.send('POST', '/', {}, { body: bytes('a') });
    await without.send('POST', '/', {}, { body: bytes('a') });
    expect(without.requests).toHaveLength(2);
  });

  it('the answer to a POST for later GETs when it says that it is one', async () => {
    const origin = new Origin({ headers: { 'Cache-Control': 'max-age=60', 'Content-Location': '/a' } });
    await origin.send('POST', '/a', {}, { body: bytes('x') });

    expect((await origin.get('/a')).body).toBe('answer 1');
    await origin.send('POST', '/b', {}, { body: bytes('x') });
    expect((await origin.get('/b')).body).toBe('answer 3');
  });
});

describe('HttpCache varies', () => {
  it('by what a Vary names that Connection would have taken away, after a validation too', async () => {
    const headers = {
      'Cache-Control': 'max-age=1',
      Vary: 'Remote-User',
      ETag: '"a"',
      Connection: 'Vary, Cache-Control',
    };
    const origin = new Origin(({ headers: asked }) =>
      asked.some(([name]) => name === 'If-None-Match') ? { status: 304, headers } : { headers },
    );
    await origin.get('/', { 'Remote-User': 'alice' });
    vi.advanceTimersByTime(2000);
    expect((await origin.get('/', { 'Remote-User': 'alice' })).body).toBe('answer 1');

    expect((await origin.get('/', { 'Remote-User': 'bob' })).how).toContain('fwd=vary-miss');
    vi.advanceTimersByTime(2000);
    expect((await origin.get('/', { 'Remote-User': 'alice' })).how).toContain('fwd=stale');
  });

  it('by the fields that Vary names, and by no others', async () => {
    const origin = new Origin({ headers: { 'Cache-Control': 'max-age=60', Vary: 'Foo' } });
    await origin.get('/', { Foo: '1' });

    expect((await origin.get('/', { Foo: '2' })).how).toContain('fwd=vary-miss');
    expect((await origin.get('/', { Foo: '1', Bar: '2' })).body).toBe('answer 1');
    expect((await origin.get('/')).body).toBe('answer 3');
    expect((await origin.get('/', { Foo: '2' })).body).toBe('answer 2');
  });

  it('by what each answer says, and prefers the latest', async () => {
    const origin = new Origin(({ headers }) => ({
      headers: { 'Cache-Control': 'max-age=60', Vary: headers.some(([name]) => name === 'Beta') ? 'Beta' : 'Foo' },
    }));
    await origin.get('/', { Foo: '1' });
    vi.advanceTimersByTime(2000);
    await origin.get('/', { Foo: '2', Beta: '1' });

    expect((await origin.get('/', { Foo: '1', Beta: '1' })).body).toBe('answer 2');
    expect((await origin.get('/', { Foo: '1' })).body).toBe('answer 1');
  });

  it('by the whole query, and not by the fragment', async () => {
    const origin = new Origin({ headers: { 'Cache-Control': 'max-age=60' } });
    await origin.get('/?a=1#x');

    expect((await origin.get('/?a=1#y')).body).toBe('answer 1');
    expect((await origin.get('/?a=2')).body).toBe('answer 2');
    expect(origin.requests[0]!.headers).toEqual(fields({}));
  });
});
