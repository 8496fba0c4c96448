import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fieldValue } from '../../src/http/http-message.ts';
import { parseRange, resolveRange } from '../../src/http/ranges.ts';
import type { HttpRequest } from '../../src/http/index.ts';
import { Origin, type Answering, type Fields, type Script } from './origin.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const BODY = '0123456789';

/** An origin that serves ranges of a body, with these fields. */
function serving(headers: Fields, body = BODY): Answering {
  return (request: HttpRequest): Script => {
    const range = parseRange(request.headers);
    const ifRange = fieldValue(request.headers, 'if-range');
    if (range === undefined || (ifRange !== undefined && ifRange !== headers['ETag'])) return { headers, body };
    const resolved = resolveRange(range, body.length);
    if (typeof resolved !== 'object') return { status: 416, headers: { 'Content-Range': `bytes */${body.length}` } };
    const { first, last } = resolved;
    return {
      status: 206,
      headers: { ...headers, 'Content-Range': `bytes ${first}-${last}/${body.length}` },
      body: body.slice(first, last + 1),
    };
  };
}

const TAGGED = { 'Cache-Control': 'max-age=60', ETag: '"a"' };

describe('HttpCache answers a range', () => {
  it.each([
    ['bytes=0-1', '01', 'bytes 0-1/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=-2', '89', 'bytes 8-9/10'],
    ['bytes=8-99', '89', 'bytes 8-9/10'],
  ])('%s from the stored whole', async (range, body, place) => {
    const origin = new Origin(serving(TAGGED));
    await origin.get();

    expect(await origin.get('/', { Range: range })).toMatchObject({
      status: 206,
      body,
      headers: { 'content-range': place, 'content-length': String(body.length) },
    });
    expect(origin.requests).toHaveLength(1);
  });

  it('with 416 when it is beyond the whole', async () => {
    const origin = new Origin(serving(TAGGED));
    await origin.get();

    expect(await origin.get('/', { Range: 'bytes=10-' })).toMatchObject({
      status: 416,
      body: '',
      headers: { 'content-range': 'bytes */10' },
    });
  });

  it.each(['bytes=0-1,3-4', 'lines=0-1', 'bytes=x'])('with the whole when it is %s', async (range) => {
    const origin = new Origin(serving(TAGGED));
    await origin.get();

    expect(await origin.get('/', { Range: range })).toMatchObject({ status: 200, body: BODY });
  });

  it('with the whole when If-Range names something else', async () => {
    const origin = new Origin(serving(TAGGED));
    await origin.get();

    expect((await origin.get('/', { Range: 'bytes=0-1', 'If-Range': '"a"' })).status).toBe(206);
    expect((await origin.get('/', { Range: 'bytes=0-1', 'If-Range': '"b"' })).status).toBe(200);
    expect((await origin.get('/', { Range: 'bytes=0-1', 'If-Range': 'W/"a"' })).status).toBe(200);
  });

  it('from the parts that were seen, even without a validator', async () => {
    const origin = new Origin(serving({ 'Cache-Control': 'max-age=60' }));
    await origin.get('/', { Range: 'bytes=2-6' });

    expect((await origin.get('/', { Range: 'bytes=3-5' })).body).toBe('345');
    expect(origin.requests).toHaveLength(1);
    expect((await origin.get('/', { Range: 'bytes=3-7' })).how).toContain('fwd=partial');
  });

  it('from parts that were combined under one strong validator', async () => {
    const origin = new Origin(serving(TAGGED));
    await origin.get('/', { Range: 'bytes=0-4' });
    await origin.get('/', { Range: 'bytes=5-7' });

    expect((await origin.get('/', { Range: 'bytes=3-6' })).how).toContain('hit');
    await origin.get('/', { Range: 'bytes=-3' });
    expect(await origin.get()).toMatchObject({ status: 200, body: BODY, how: 'forge; hit; ttl=60' });
  });

  it.each<[string, Fields]>([
    ['a weak validator', { 'Cache-Control': 'max-age=60', ETag: 'W/"a"' }],
    ['none', { 'Cache-Control': 'max-age=60' }],
  ])('from no parts that were combined under %s', async (_, headers) => {
    const origin = new Origin(serving(headers));
    await origin.get('/', { Range: 'bytes=0-4' });
    await origin.get('/', { Range: 'bytes=5-9' });

    expect((await origin.get('/', { Range: 'bytes=3-6' })).how).toContain('fwd=partial');
  });
});

describe('HttpCache completes', () => {
  it.each([
    ['bytes=0-4', 'bytes=5-'],
    ['bytes=5-9', 'bytes=0-4'],
  ])('what it has of %s by asking for %s', async (had, asked) => {
    const origin = new Origin(serving(TAGGED));
    await origin.get('/', { Range: had });
    const whole = await origin.get();

    expect(whole).toMatchObject({ status: 200, body: BODY, headers: { 'content-length': '10' } });
    expect(whole.headers['content-range']).toBeUndefined();
    expect(fieldValue(origin.requests[1]!.headers, 'range')).toBe(asked);
    expect(fieldValue(origin.requests[1]!.headers, 'if-range')).toBe('"a"');
    expect((await origin.get()).how).toContain('hit');
  });

  it('nothing from two versions: a change in between gives the new whole', async () => {
    const origin = new Origin(serving(TAGGED));
    await origin.get('/', { Range: 'bytes=0-4' });
    origin.answers = serving({ ...TAGGED, ETag: '"b"' }, 'abcdefghij');

    expect((await origin.get()).body).toBe('abcdefghij');
  });

  it('nothing without a strong validator: it asks, and then fetches the whole', async () => {
    const origin = new Origin(serving({ 'Cache-Control': 'max-age=60' }));
    await origin.get('/', { Range: 'bytes=0-4' });

    expect((await origin.get()).body).toBe(BODY);
    expect(origin.requests).toHaveLength(3);
  });

  it('never a byte that the origin did not have, whatever is asked while it changes', async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ first: fc.nat(11), last: fc.option(fc.nat(11)), suffix: fc.boolean() }) },
      { weight: 2, arbitrary: fc.constant('whole' as const) },
      { weight: 1, arbitrary: fc.constant('change' as const) },
      { weight: 1, arbitrary: fc.constant('wait' as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14, size: 'max' }), fc.boolean(), async (steps, tagged) => {
        let version = 0;
        const bodyOf = (at: number): string =>
          Array.from({ length: 10 }, (_, i) => String.fromCodePoint(97 + ((at * 10 + i) % 26))).join('');
        const origin = new Origin(() => ({}));
        const update = (): void => {
          origin.answers = serving(
            { 'Cache-Control': 'max-age=5', ...(tagged && { ETag: `"${version}"` }) },
            bodyOf(version),
          );
        };
        update();
        const versions = new Set([bodyOf(0)]);
        for (const each of steps) {
          if (each === 'change') version += 1;
          if (each === 'wait') vi.advanceTimersByTime(6000);
          if (typeof each === 'string' && each !== 'whole') {
            update();
            versions.add(bodyOf(version));
            continue;
          }
          const range =
            each === 'whole'
              ? undefined
              : each.suffix
                ? `bytes=-${each.first}`
                : `bytes=${each.first}-${each.last ?? ''}`;
          const answer = await origin.get('/', range === undefined ? {} : { Range: range });
          if (answer.status === 416) continue;
          const parsed =
            answer.status === 206 ? /^bytes (\d+)-(\d+)\/10$/.exec(answer.headers['content-range']!)! : ['', '0', '9'];
          const matches = [...versions].some(
            (body) => body.slice(Number(parsed[1]), Number(parsed[2]) + 1) === answer.body,
          );
          expect(matches).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });
});
