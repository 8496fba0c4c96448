import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HttpRequest } from '../../src/http/index.ts';
import { fieldValue } from '../../src/http/http-message.ts';
import { Origin, type Fields, type Script } from './origin.ts';

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime('2026-01-01T00:00:00Z');
});
afterEach(() => {
  vi.useRealTimers();
});

const sent = (request: HttpRequest | undefined, name: string): string | undefined => fieldValue(request!.headers, name);

/** Answers 304 with these fields to whoever asks with the entity tag. */
function validating(etag: string, first: Fields, later: Fields = {}): (request: HttpRequest) => Script {
  return (request) =>
    sent(request, 'if-none-match') === etag
      ? { status: 304, headers: { ETag: etag, ...later }, body: '' }
      : { headers: { ETag: etag, ...first }, body: 'whole' };
}

describe('HttpCache validates', () => {
  it('a stale response with its validators, and updates it by the 304', async () => {
    const modified = 'Wed, 01 Jan 2020 00:00:00 GMT';
    const origin = new Origin(
      validating(
        '"a"',
        { 'Cache-Control': 'max-age=2', 'Last-Modified': modified, A: '1', B: '1' },
        { 'Cache-Control': 'max-age=9', A: '2', 'Content-Length': '77' },
      ),
    );
    await origin.get();
    vi.advanceTimersByTime(3000);
    const { body, headers, how, status } = await origin.get();

    expect(sent(origin.requests[1], 'if-modified-since')).toBe(modified);
    expect({ status, body }).toEqual({ status: 200, body: 'whole' });
    expect(headers).toMatchObject({ a: '2', b: '1', 'content-length': '5', age: '0' });
    expect(how).toBe('forge; fwd=stale; fwd-status=304');
    vi.advanceTimersByTime(8000);
    expect((await origin.get()).how).toBe('forge; hit; ttl=1');
  });

  it('on every use what says no-cache', async () => {
    const origin = new Origin(validating('"a"', { 'Cache-Control': 'no-cache, max-age=60' }));
    await origin.get();

    expect((await origin.get()).how).toContain('fwd-status=304');
    expect(origin.requests).toHaveLength(2);
  });

  it.each<[Fields]>([
    [{ 'Cache-Control': 'no-cache' }],
    [{ 'Cache-Control': 'max-age=0' }],
    [{ Pragma: 'no-cache' }],
    [{ 'Cache-Control': 'min-fresh=61' }],
  ])('a fresh response when the client asks for it with %j', async (wish) => {
    const origin = new Origin(validating('"a"', { 'Cache-Control': 'max-age=60' }));
    await origin.get();

    expect((await origin.get('/', wish)).how).toBe('forge; fwd=request; fwd-status=304');
  });

  it('and takes the new response when there is one', async () => {
    let version = 0;
    const origin = new Origin(() => ({
      headers: { 'Cache-Control': 'max-age=1', ETag: `"${++version}"` },
      body: `v${version}`,
    }));
    await origin.get();
    vi.advanceTimersByTime(1500);

    expect((await origin.get()).body).toBe('v2');
    expect((await origin.get()).body).toBe('v2');
    expect(origin.requests).toHaveLength(2);
  });

  it('and fetches anew when a 304 speaks of another representation', async () => {
    const origin = new Origin((request) =>
      sent(request, 'if-none-match') === undefined
        ? { headers: { 'Cache-Control': 'max-age=1', ETag: '"a"' } }
        : { status: 304, headers: { ETag: '"b"' } },
    );
    await origin.get();
    vi.advanceTimersByTime(1500);

    expect((await origin.get()).body).toBe('answer 3');
  });

  it('and forgets what is stored when it may no longer be', async () => {
    const answers = [
      { 'Cache-Control': 'max-age=1, stale-while-revalidate=600', ETag: '"a"' },
      { 'Cache-Control': 'private' },
    ];
    const origin = new Origin(() => ({
      headers: answers[origin.requests.length - 1] ?? { 'Cache-Control': 'no-store' },
    }));
    await origin.get();
    await origin.get('/', { 'Cache-Control': 'no-cache' });

    expect((await origin.get()).how).toContain('fwd=uri-miss'.replace('uri', 'vary'));
  });
});

describe('HttpCache answers 304', () => {
  const origin = (): Origin =>
    new Origin({
      headers: {
        'Cache-Control': 'max-age=60',
        ETag: 'W/"a"',
        'Last-Modified': 'Wed, 01 Jan 2020 00:00:00 GMT',
        'Content-Type': 'text/plain',
      },
    });

  it.each<[Fields, number]>([
    [{ 'If-None-Match': '"x", W/"a"' }, 304],
    [{ 'If-None-Match': '"a"' }, 304],
    [{ 'If-None-Match': '*' }, 304],
    [{ 'If-None-Match': '"x"', 'If-Modified-Since': 'Wed, 01 Jan 2020 00:00:00 GMT' }, 200],
    [{ 'If-Modified-Since': 'Wed, 01 Jan 2020 00:00:00 GMT' }, 304],
    [{ 'If-Modified-Since': 'Tue, 31 Dec 2019 23:59:59 GMT' }, 200],
    [{ 'If-Modified-Since': 'yesterday' }, 200],
  ])('to %j: %i', async (condition, status) => {
    const stored = origin();
    await stored.get();
    const answer = await stored.get('/', condition);

    expect(answer.status).toBe(status);
    expect(stored.requests).toHaveLength(1);
    expect(answer.headers['etag']).toBe('W/"a"');
    expect(answer.headers['content-type']).toBe(status === 304 ? undefined : 'text/plain');
  });

  it('after it has validated for itself', async () => {
    const stored = new Origin(validating('"a"', { 'Cache-Control': 'max-age=1' }));
    await stored.get();
    vi.advanceTimersByTime(1500);

    expect(await stored.get('/', { 'If-None-Match': '"a"' })).toMatchObject({ status: 304, body: '' });
    expect((await stored.get('/', { 'If-None-Match': '"b"' })).body).toBe('whole');
  });

  it('not at all to what only the origin can decide', async () => {
    const stored = origin();
    await stored.get();

    expect((await stored.get('/', { 'If-Match': '"a"' })).how).toBe('forge; fwd=bypass');
  });

  it('as the origin did, when nothing is stored', async () => {
    const stored = new Origin({ status: 304, headers: { ETag: '"a"' }, body: '' });

    expect((await stored.get('/', { 'If-None-Match': '"a"' })).status).toBe(304);
    expect(sent(stored.requests[0], 'if-none-match')).toBe('"a"');
  });
});

describe('HttpCache answers HEAD', () => {
  it('from the stored GET', async () => {
    const origin = new Origin({ headers: { 'Cache-Control': 'max-age=60' }, body: '12345' });
    await origin.get();

    expect(await origin.send('HEAD', '/')).toMatchObject({ body: '', headers: { 'content-length': '5' } });
    expect(origin.requests).toHaveLength(1);
  });

  it('and updates what is stored when the answer is about the same representation', async () => {
    const origin = new Origin(({ method }) => ({
      headers: { 'Cache-Control': method === 'HEAD' ? 'max-age=60' : 'max-age=1', ETag: '"a"' },
      body: method === 'HEAD' ? '' : 'whole',
    }));
    await origin.get();
    vi.advanceTimersByTime(1500);
    await origin.send('HEAD', '/');

    expect((await origin.get()).how).toContain('hit');
  });

  it('and forgets what is stored when it is about another', async () => {
    const origin = new Origin(({ method }) => ({
      headers: { 'Cache-Control': 'max-age=1, stale-while-revalidate=600', ETag: method === 'HEAD' ? '"b"' : '"a"' },
    }));
    await origin.get();
    await origin.send('HEAD', '/', { 'Cache-Control': 'no-cache' });

    expect((await origin.get()).how).toContain('miss');
  });
});
