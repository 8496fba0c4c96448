import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ResponseCache, type DumpedEntry } from '../../src/index.ts';
import { recorded } from './harness.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

async function dumpOf<V>(cache: ResponseCache<V>): Promise<DumpedEntry<V>[]> {
  const entries: DumpedEntry<V>[] = [];
  for await (const entry of cache.dump()) entries.push(entry);
  return entries;
}

describe('ResponseCache.dump and load', () => {
  it('carry entries with what is left of them into another cache', async () => {
    const cache = new ResponseCache<object>({ values: 'bytes', staleWhileRevalidate: 5, errorTTL: 100 });
    await cache.set('a', { n: 1 }, { ttl: 100, tags: ['t'], etag: 'v1', staleIfError: 7 });
    await cache.set('b', { n: 2 }, { dependsOn: ['a'] });
    await cache.getOrSet('bad', () => Promise.reject(new Error('loader of a test'))).catch(() => {});
    vi.advanceTimersByTime(40);
    const entries = await dumpOf(cache);
    expect(new Set(entries)).toEqual(
      new Set([
        {
          key: 'a',
          value: { n: 1 },
          ttl: 60,
          tags: ['t'],
          dependsOn: [],
          etag: 'v1',
          staleWhileRevalidate: 5,
          staleIfError: 7,
        },
        {
          key: 'b',
          value: { n: 2 },
          ttl: Infinity,
          tags: [],
          dependsOn: ['a'],
          etag: undefined,
          staleWhileRevalidate: 5,
          staleIfError: 0,
        },
      ]),
    );
    const other = new ResponseCache<object>();
    const events = recorded(other);
    expect([await other.load(entries), events]).toEqual([2, []]);
    expect(other.explain('a')).toMatchObject({ freshFor: 60, etag: 'v1', staleIfError: 7 });
    expect([await other.get('a'), await other.invalidate('a'), await other.get('b')]).toEqual([
      { n: 1 },
      true,
      undefined,
    ]);
  });

  it('load takes neither the place of an entry nor of a load, nor what is over', async () => {
    const cache = new ResponseCache<string>();
    await cache.set('held', 'here');
    const caller = cache.getOrSet('loading', async () => 'loaded');
    const entry = (key: string, ttl: number): DumpedEntry<string> => ({ key, value: 'dumped', ttl });
    const entries = [entry('held', 10), entry('loading', 10), entry('over', 0), entry('late', -5), entry('new', 10)];
    expect(await cache.load(entries)).toBe(1);
    expect([await caller, await cache.getMany(['held', 'loading', 'over', 'late', 'new'])]).toEqual([
      'loaded',
      ['here', 'loaded', undefined, undefined, 'dumped'],
    ]);
  });

  it('load takes what was softened before it came for stale', async () => {
    const cache = new ResponseCache<string>({ staleWhileRevalidate: 100 });
    await cache.invalidateTag('t', { soft: true });
    await cache.load([{ key: 'a', value: 'of unknown age', ttl: 50, tags: ['t'] }]);
    expect(cache.explain('a')).toMatchObject({ state: 'stale' });
  });

  it('load rejects for what dump cannot have given, and after close', async () => {
    const cache = new ResponseCache<string>();
    const bad = [{ key: 1 }, { key: 'a', tags: 't' }, { key: 'a', ttl: '5' }] as unknown as DumpedEntry<string>[];
    for (const entry of bad) await expect(cache.load([entry])).rejects.toThrow(TypeError);
    await cache.close();
    const entries = (async function* () {
      yield { key: 'a', value: 'A' };
    })();
    await expect(cache.load(entries)).rejects.toMatchObject({ code: 'CACHE_CLOSED' });
  });
});
