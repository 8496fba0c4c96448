import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HttpResponse } from '../../src/http/index.ts';
import { ManualBody, Origin, bytes, fields, read, settled, type Answer, type Fields } from './origin.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** An origin whose answers come when the test says so. */
function waiting(options = {}): {
  origin: Origin;
  answer: (headers: Fields, body?: string | ManualBody) => void;
  fail: (error: unknown) => void;
} {
  const open: { resolve: (response: HttpResponse) => void; reject: (error: unknown) => void }[] = [];
  const origin = new Origin(
    () => new Promise<HttpResponse>((resolve, reject) => open.push({ resolve, reject })),
    options,
  );
  return {
    origin,
    answer: (headers, body = 'x') =>
      open
        .shift()!
        .resolve({ status: 200, headers: fields(headers), body: typeof body === 'string' ? bytes(body) : body }),
    fail: (error) => open.shift()!.reject(error),
  };
}

const FRESH = { 'Cache-Control': 'max-age=60' };

describe('HttpCache collapses', () => {
  it('equal requests into one, when its answer may be shared', async () => {
    const { origin, answer } = waiting();
    const answers = Promise.all([origin.get(), origin.get(), origin.send('GET', '/', { 'If-None-Match': '"x"' })]);
    await settled();
    expect(origin.requests).toHaveLength(2);
    answer(FRESH, 'one');
    answer(FRESH, 'two');

    const [first, second, conditional] = await answers;
    expect([first.body, second.body, conditional.body]).toEqual(['one', 'one', 'two']);
    expect(second.how).toContain('collapsed');
    expect(origin.cache.getMetrics()).toMatchObject({ misses: 2, collapsed: 1, hits: 0 });
  });

  it('and streams the body to all while it comes, when its length is known', async () => {
    const { origin, answer } = waiting();
    const body = new ManualBody();
    const request = { method: 'GET', url: 'https://example.com/', headers: [] };
    const responses = [1, 2].map(() => origin.cache.handle(request, origin.forward));
    await settled();
    answer({ ...FRESH, 'Content-Length': '2' }, body);
    const [first, second] = await Promise.all(responses);
    body.push('a');

    const reader = (second!.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    expect((await reader.next()).value).toEqual(bytes('a'));
    body.push('b');
    body.end();
    expect((await reader.next()).value).toEqual(bytes('b'));
    expect((await read(first!)).body).toBe('ab');
  });

  it('and lets the others wait for the whole, when its length is unknown', async () => {
    const { origin, answer } = waiting({ maxBodyBytes: 3 });
    const body = new ManualBody();
    const answers = [origin.get(), origin.get()];
    await settled();
    answer(FRESH, body);
    body.push('ab');
    await settled();
    expect(origin.requests).toHaveLength(1);
    body.push('cd');
    body.end();
    await settled();
    answer(FRESH, 'own');

    expect((await Promise.all(answers)).map((each) => each.body)).toEqual(['abcd', 'own']);
  });

  it.each<[string, Fields]>([
    ['private', { 'Cache-Control': 'private' }],
    ['stale at once', { 'Cache-Control': 'max-age=0', ETag: '"a"' }],
    ['of another variant', { ...FRESH, Vary: 'Foo' }],
  ])('nothing whose answer is %s: who waited goes on alone, all at once', async (_, headers) => {
    const { origin, answer } = waiting();
    const answers = [1, 2, 3].map((foo) => origin.get('/', { Foo: String(foo) }));
    await settled();
    answer(headers, '1');
    await settled();
    expect(origin.requests).toHaveLength(3);
    answer(headers, '2');
    answer(headers, '3');

    expect((await Promise.all(answers)).map(({ body }) => body)).toEqual(['1', '2', '3']);
  });

  it('nothing for a while where an answer could not be shared', async () => {
    const { origin, answer } = waiting();
    const first = origin.get();
    await settled();
    answer({ 'Cache-Control': 'no-store' });
    await first;
    const later = [origin.get(), origin.get()];
    await settled();
    expect(origin.requests).toHaveLength(3);
    answer(FRESH, 'a');
    answer(FRESH, 'b');
    await Promise.all(later);
    vi.advanceTimersByTime(61_000);
    const collapsed = [origin.get(), origin.get()];
    await settled();

    expect(origin.requests).toHaveLength(4);
    answer(FRESH);
    await Promise.all(collapsed);
  });

  it('revalidations too', async () => {
    const { origin, answer } = waiting();
    const first = origin.get();
    await settled();
    answer({ 'Cache-Control': 'max-age=1', ETag: '"a"' }, 'whole');
    await first;
    vi.advanceTimersByTime(2000);
    origin.answers = async () => ({ status: 304, headers: { ETag: '"a"', 'Cache-Control': 'max-age=9' } });
    const answers = await Promise.all([
      origin.get(),
      origin.get(),
      origin.get('/', { 'If-None-Match': '"a"' }),
      origin.get('/', { Range: 'bytes=1-2' }),
    ]);

    expect(answers.map(({ status, body }) => `${status} ${body}`)).toEqual([
      '200 whole',
      '200 whole',
      '304 ',
      '206 ho',
    ]);
    expect(origin.requests).toHaveLength(2);
  });

  it('and gives all the failure of the one', async () => {
    const { origin, fail } = waiting();
    const answers = [origin.get(), origin.get()];
    await settled();
    fail(new Error('refused'));

    for (const each of answers) await expect(each).rejects.toThrow('refused');
    expect(origin.requests).toHaveLength(1);
  });
});

describe('HttpCache when a client leaves', () => {
  const handle = (origin: Origin, signal: AbortSignal): Promise<HttpResponse> =>
    origin.cache.handle({ method: 'GET', url: 'https://example.com/', headers: [], signal }, origin.forward);

  it('rejects that one with its reason, and answers the others', async () => {
    const { origin, answer } = waiting();
    const client = new AbortController();
    const left = handle(origin, client.signal);
    const stays: Promise<Answer> = origin.get();
    await settled();
    client.abort('gone');
    await expect(left).rejects.toBe('gone');
    answer(FRESH, 'kept');

    expect((await stays).body).toBe('kept');
    expect(getEventListeners(client.signal, 'abort')).toEqual([]);
  });

  it('aborts the request when nobody is left, and lets the next client start anew', async () => {
    const { origin, answer } = waiting();
    const client = new AbortController();
    const left = handle(origin, client.signal);
    await settled();
    client.abort('gone');
    await expect(left).rejects.toBe('gone');
    expect(origin.requests[0]!.signal!.aborted).toBe(true);
    const next = origin.get();
    await settled();
    answer(FRESH, 'late');
    answer(FRESH, 'anew');

    expect((await next).body).toBe('anew');
  });

  it('rejects at once when it has left before', async () => {
    const { origin } = waiting();

    await expect(handle(origin, AbortSignal.abort('gone'))).rejects.toBe('gone');
    expect(origin.requests).toEqual([]);
  });

  it('reads a storable body to its end without it', async () => {
    const { origin, answer } = waiting();
    const body = new ManualBody();
    const client = new AbortController();
    const response = handle(origin, client.signal);
    await settled();
    answer(FRESH, body);
    await ((await response).body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]().return!();
    client.abort('gone');
    body.push('whole');
    body.end();
    await settled();

    expect(await origin.get()).toMatchObject({ body: 'whole' });
    expect(origin.requests).toHaveLength(1);
  });

  it.each(['signal', 'return'])('ends a body that is not storable, told by its %s', async (by) => {
    const { origin, answer } = waiting();
    const client = new AbortController();
    const response = handle(origin, client.signal);
    await settled();
    answer({ 'Cache-Control': 'no-store' }, new ManualBody());
    const reader = ((await response).body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    if (by === 'signal') client.abort('gone');
    else await reader.return!();

    expect(origin.requests[0]!.signal!.aborted).toBe(true);
    expect(getEventListeners(client.signal, 'abort')).toEqual([]);
  });
});
