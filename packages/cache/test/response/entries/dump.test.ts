import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ResponseCache, type DumpedEntry } from '../../../src/index.ts';
import { recorded } from '../harness.ts';

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
          size: undefined,
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
          size: undefined,
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

  it('carry the sizes that were said or measured', async () => {
    const cache = new ResponseCache<string>({ maxBytes: 100 });
    await cache.set('said', 'short', { size: 40 });
    await cache.set('measured', 'four');
    const entries = await dumpOf(cache);
    expect(new Set(entries.map(({ key, size }) => [key, size]))).toEqual(
      new Set([
        ['said', 40],
        ['measured', 4],
      ]),
    );
    const other = new ResponseCache<string>({ maxBytes: 100 });
    expect([await other.load(entries), other.getMetrics().totalSize]).toEqual([2, 44]);
  });

  it('carry entries through JSON', async () => {
    const cache = new ResponseCache<string>({ staleWhileRevalidate: Infinity, staleIfError: Infinity });
    await cache.set('a', 'A');
    const entries = JSON.parse(JSON.stringify(await dumpOf(cache))) as DumpedEntry<string>[];
    const other = new ResponseCache<string>({ defaultTTL: 5 });
    expect(await other.load(entries)).toBe(1);
    expect(other.explain('a')).toMatchObject({
      freshFor: Infinity,
      staleWhileRevalidate: Infinity,
      staleIfError: Infinity,
    });
  });

  it('let the event loop go on between slices', async () => {
    const cache = new ResponseCache<number>({ maxSize: 10_000 });
    for (let i = 0; i < 10_000; i++) void cache.set(`${i}`, i);
    let turns = 0;
    const count = (): void => {
      turns += 1;
      counting = setImmediate(count);
    };
    let counting = setImmediate(count);
    try {
      const entries = await dumpOf(cache);
      expect(turns).toBeGreaterThan(5);
      turns = 0;
      expect(await new ResponseCache<number>({ maxSize: 10_000 }).load(entries)).toBe(10_000);
      expect(turns).toBeGreaterThan(5);
    } finally {
      clearImmediate(counting);
    }
  });

  it('load takes no jitter from what is left of a ttl, and takes it from the default', async () => {
    const cache = new ResponseCache<number>({ ttlJitter: 1, defaultTTL: 1000 });
    await cache.load([{ key: 'said', value: 1, ttl: 1000 }]);
    await cache.load(Array.from({ length: 20 }, (_, i) => ({ key: `${i}`, value: i })));
    const ttls = (await dumpOf(cache)).map(({ ttl }) => ttl!);
    expect(ttls[0]).toBe(1000);
    expect(Math.min(...ttls)).toBeLessThan(1000);
  });

  it.each<[what: string, entry: unknown]>([
    ['no entry', null],
    ['an entry without a key', { value: 'v' }],
    ['an entry with a key that is a number', { key: 1, value: 'v' }],
    ['an entry with tags that are one string', { key: 'c', value: 'v', tags: 't' }],
    ['an entry with a ttl that is a string', { key: 'c', value: 'v', ttl: '5' }],
    ['an entry with a ttl that is NaN', { key: 'c', value: 'v', ttl: Number.NaN }],
    ['an entry of a held key with a ttl that is a string', { key: 'a', value: 'v', ttl: '5' }],
    ['an entry with a size that is negative', { key: 'c', value: 'v', size: -1 }],
  ])(
    'load rejects with CACHE_ENTRY_INVALID that names the position of %s, and keeps what it has',
    async (_what, entry) => {
      const cache = new ResponseCache<string>();
      await cache.set('a', 'A');
      const entries = [{ key: 'b', value: 'B' }, entry as DumpedEntry<string>, { key: 'd', value: 'D' }];
      await expect(cache.load(entries)).rejects.toMatchObject({
        code: 'CACHE_ENTRY_INVALID',
        message: expect.stringMatching(/^Cannot load the entry at position 1: /),
        cause: expect.any(Error),
      });
      expect(await cache.getMany(['a', 'b', 'd'])).toEqual(['A', 'B', undefined]);
    },
  );

  it.each([undefined, null, 5, 'a', {}])('load throws a TypeError for %j, which is no list', (entries) => {
    const load = (): unknown => new ResponseCache<string>().load(entries as DumpedEntry<string>[]);
    expect(load).toThrow(/^Cannot load entries: they must be an array or another iterable, got /);
  });

  it('load rejects what its cache cannot keep with CACHE_ENTRY_INVALID', async () => {
    const cache = new ResponseCache<object>({ values: 'bytes' });
    await expect(cache.load([{ key: 'a', value: new Map() }])).rejects.toMatchObject({ code: 'CACHE_ENTRY_INVALID' });
  });

  it('load rejects after close, and with what its entries come from rejects with', async () => {
    const cache = new ResponseCache<string>();
    const failure = new Error('source of a test');
    const failing = (async function* () {
      yield { key: 'a', value: 'A' };
      throw failure;
    })();
    await expect(cache.load(failing)).rejects.toBe(failure);
    await cache.close();
    const entries = (async function* () {
      yield { key: 'a', value: 'A' };
    })();
    await expect(cache.load(entries)).rejects.toMatchObject({ code: 'CACHE_CLOSED' });
  });
});
