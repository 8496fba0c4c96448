import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HttpResponse } from '../../src/http/index.ts';
import { Origin, bytes, fields, settled, type Fields } from './origin.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const FRESH = { 'Cache-Control': 'max-age=60' };

/** Which of the paths are still stored after an unsafe request with this answer. */
async function keptAfter(
  method: string,
  status: number,
  headers: Fields,
  options: { groups?: Fields } = {},
): Promise<string[]> {
  const origin = new Origin({ headers: { ...FRESH, ...options.groups } });
  const paths = ['/a', '/b', '/c?d'];
  for (const path of paths) await origin.get(path);
  origin.answers = () => ({ status, headers });
  await origin.send(method, '/a', {}, { body: bytes('x') });
  const answers = await Promise.all(paths.map((path) => origin.get(path)));
  return paths.filter((_, at) => answers[at]!.how.includes('hit'));
}

describe('HttpCache invalidates', () => {
  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'M-SEARCH', 'get'])('the URL of a %s', async (method) => {
    expect(await keptAfter(method, 204, {})).toEqual(['/b', '/c?d']);
  });

  it.each(['GET', 'HEAD', 'OPTIONS', 'TRACE'])('nothing for a %s', async (method) => {
    expect(await keptAfter(method, 204, { Location: '/b' })).toEqual(['/a', '/b', '/c?d']);
  });

  it('what Location and Content-Location name on the same origin', async () => {
    expect(await keptAfter('POST', 201, { Location: '/b#x', 'Content-Location': 'https://example.com/c?d' })).toEqual(
      [],
    );
    expect(
      await keptAfter('POST', 201, { Location: 'http://example.com/b', 'Content-Location': '//evil.example/c?d' }),
    ).toEqual(['/b', '/c?d']);
  });

  it.each([400, 404, 500])('nothing when the answer is %i', async (status) => {
    expect(await keptAfter('POST', status, { Location: '/b' })).toEqual(['/a', '/b', '/c?d']);
  });

  it('the groups that the answer names, which are of its origin', async () => {
    const groups = { 'Cache-Groups': '"scripts", "x"' };

    expect(await keptAfter('POST', 200, { 'Cache-Group-Invalidation': '"other", "scripts"' }, { groups })).toEqual([]);
    expect(await keptAfter('POST', 200, { 'Cache-Group-Invalidation': 'scripts' }, { groups })).toEqual(['/b', '/c?d']);
    expect(await keptAfter('GET', 200, { 'Cache-Group-Invalidation': '"scripts"' }, { groups })).toEqual([
      '/a',
      '/b',
      '/c?d',
    ]);
  });

  it('every variant, and every partition', async () => {
    const origin = new Origin({ headers: { ...FRESH, Vary: 'Foo' } }, { partition: ({ headers }) => headers[0]![1] });
    for (const foo of ['1', '2']) await origin.get('/', { Foo: foo });
    await origin.send('DELETE', '/', { Foo: '3' });

    for (const foo of ['1', '2']) expect((await origin.get('/', { Foo: foo })).how).toContain('miss');
  });

  it('when it cannot know whether the request was done', async () => {
    const origin = new Origin({ headers: FRESH });
    await origin.get();
    const { answers } = origin;
    origin.answers = () => Promise.reject(new Error('reset'));
    await expect(origin.send('PUT', '/')).rejects.toThrow('reset');
    origin.answers = answers;

    expect((await origin.get()).how).toContain('uri-miss');
  });

  it.each<[string, Fields]>([
    ['its URL', {}],
    ['a group', { 'Cache-Group-Invalidation': '"g"' }],
  ])('what is on its way when %s is invalidated: it is neither stored nor joined', async (_, headers) => {
    const origin = new Origin({ headers: FRESH });
    let land: (response: HttpResponse) => void = () => {};
    origin.answers = () => new Promise((resolve) => (land = resolve));
    const old = origin.get('/a');
    await settled();
    const landOld = land;
    origin.answers = () => ({ headers });
    await origin.send('POST', Object.keys(headers).length === 0 ? '/a' : '/z');
    origin.answers = () => ({ headers: FRESH, body: 'new' });
    const joined = origin.get('/a');
    await settled();
    landOld({ status: 200, headers: fields({ ...FRESH, 'Cache-Groups': '"g"' }), body: bytes('old') });

    expect((await old).body).toBe('old');
    expect((await joined).body).toBe('new');
    expect((await origin.get('/a')).body).toBe('new');
  });

  it('what is about to be stored while the store is slow', async () => {
    const origin = new Origin({ headers: FRESH, body: 'old' });
    const get = origin.records.get.bind(origin.records);
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    let reads = 0;
    vi.spyOn(origin.records, 'get').mockImplementation(async (key) => {
      // The first read looks for the response, the second is of the index that it is to be put in.
      if (++reads === 2) await gate;
      return get(key);
    });
    await origin.get();
    await origin.send('PUT', '/');
    release();
    await settled();
    origin.answers = () => ({ headers: FRESH, body: 'new' });

    expect((await origin.get()).body).toBe('new');
  });

  it('nothing stale that stands in afterwards', async () => {
    const origin = new Origin({ headers: { 'Cache-Control': 'max-age=1, stale-if-error=600', ETag: '"a"' } });
    await origin.get();
    vi.advanceTimersByTime(2000);
    let fail: (error: unknown) => void = () => {};
    origin.answers = () => new Promise((_, reject) => (fail = reject));
    const revalidating = origin.get();
    await settled();
    const failOld = fail;
    origin.answers = () => ({ status: 204 });
    await origin.send('PUT', '/');
    failOld(new Error('refused'));

    await expect(revalidating).rejects.toThrow('refused');
  });
});
