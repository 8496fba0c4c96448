import { describe, expect, it, vi } from 'vitest';
import { HttpCache, type HttpCacheOptions, type HttpRequest } from '../../src/http/index.ts';
import { Origin, bytes, type Fields } from './origin.ts';

const FRESH = { 'Cache-Control': 'max-age=60' };

describe('new HttpCache', () => {
  const cache = new Origin({}).records;

  it.each<[unknown, string]>([
    [undefined, 'Cannot create an HttpCache: the options must be an object, got undefined'],
    [{}, 'cache must be an object'],
    [{ cache: { get() {} } }, 'cache.set must be a function'],
    [{ cache, mode: 'public' }, 'mode must be one of shared, private'],
    [{ cache, maxBodyBytes: -1 }, 'maxBodyBytes must be >= 0'],
    [{ cache, staleOnDisconnect: Number.NaN }, 'staleOnDisconnect must be a number'],
    [{ cache, partition: 'x' }, 'partition must be a function'],
    [{ cache, cacheBody: true }, 'cacheBody must be a function'],
    [{ cache, clock: {} }, 'clock.now must be a function'],
    [{ cache, name: 1 }, 'name must be a string'],
    [{ cache, private: true }, 'there is no option "private"'],
  ])('refuses %j', (options, message) => {
    expect(() => new HttpCache(options as HttpCacheOptions)).toThrow(message);
  });
});

describe('HttpCache.handle', () => {
  it.each<[unknown, unknown, string]>([
    [undefined, () => {}, 'the request must be an object'],
    [{ method: 1, url: 'http://a/', headers: [] }, () => {}, 'method must be a string'],
    [{ method: 'GET', url: new URL('http://a/'), headers: [] }, () => {}, 'url must be a string'],
    [{ method: 'GET', url: 'http://a/', headers: {} }, () => {}, 'headers, as a list of fields, must be'],
    [{ method: 'GET', url: 'http://a/', headers: [] }, undefined, 'forward must be a function'],
    [{ method: 'GET', url: 'http://a/', headers: [], signal: {} }, () => {}, 'signal must be an AbortSignal'],
  ])('refuses %j at once', (request, forward, message) => {
    const { cache } = new Origin({});

    expect(() => cache.handle(request as HttpRequest, forward as never)).toThrow(message);
  });

  it.each<[string, string, string, Fields, Partial<HttpRequest>]>([
    ['a URL that is not absolute', 'GET', 'bypass', {}, { url: '/a' }],
    ['a GET with a body', 'GET', 'bypass', {}, { body: bytes('x') }],
    ['a method that it does not know', 'OPTIONS', 'method', {}, {}],
    ['a precondition', 'GET', 'bypass', { 'If-Unmodified-Since': 'Wed, 01 Jan 2020 00:00:00 GMT' }, {}],
  ])('passes %s through', async (_, method, reason, headers, more) => {
    const origin = new Origin({ headers: FRESH });
    await origin.send(method, '/', headers, more);

    expect((await origin.send(method, '/', headers, more)).how).toBe(`forge; fwd=${reason}`);
    expect(origin.requests).toHaveLength(2);
    expect(origin.cache.getMetrics().bypassed).toBe(2);
  });

  it('adds its own member behind those of other caches', async () => {
    const origin = new Origin({ headers: { ...FRESH, 'Cache-Status': 'cdn; fwd=uri-miss' } }, { name: 'my cache' });

    expect((await origin.get()).how).toBe('cdn; fwd=uri-miss, "my cache"; fwd=uri-miss; stored');
  });

  it('answers on when the store fails, and tells of it', async () => {
    const origin = new Origin({ headers: FRESH });
    const error = new Error('down');
    vi.spyOn(origin.records, 'get').mockRejectedValue(error);
    vi.spyOn(origin.records, 'invalidateTag').mockRejectedValue(error);
    const heard: unknown[] = [];
    origin.cache.on('httpCacheError', (event) => heard.push(event.error));

    expect((await origin.get()).body).toBe('answer 1');
    expect((await origin.send('POST', '/')).body).toBe('answer 2');
    expect(heard).toEqual([error, error, error]);
  });

  it('takes a record that it did not write for a miss', async () => {
    const origin = new Origin({ headers: FRESH });
    vi.spyOn(origin.records, 'get').mockResolvedValue({ kind: 'index', varies: 'x' } as never);

    expect((await origin.get()).body).toBe('answer 1');
  });

  it('holds nothing when all is done', async () => {
    const origin = new Origin({ headers: FRESH });
    const { signal } = new AbortController();
    const listen = vi.spyOn(signal, 'addEventListener');
    const unlisten = vi.spyOn(signal, 'removeEventListener');
    await Promise.all([origin.send('GET', '/', {}, { signal }), origin.send('GET', '/', {}, { signal })]);

    expect(listen.mock.calls.length).toBeGreaterThan(0);
    expect(unlisten).toHaveBeenCalledTimes(listen.mock.calls.length);
  });
});
