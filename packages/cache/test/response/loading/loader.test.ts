import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ResponseCache, type EntryOptions, type LoaderContext, type Previous } from '../../../src/index.ts';
import { recorded, settled } from '../harness.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('LoaderContext', () => {
  it('shows what was loaded before with its etag and age, whether it may serve or not', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 10, staleIfError: 100 });
    const seen: (Previous<string> | undefined)[] = [];
    const load = ({ previous, setOptions }: LoaderContext<string>): string => {
      seen.push(previous);
      setOptions({ etag: 'v1' });
      return 'A';
    };
    await cache.getOrSet('a', load);
    vi.advanceTimersByTime(30);
    await cache.getOrSet('a', load);
    await cache.invalidate('a');
    await cache.getOrSet('a', load);
    expect(seen).toEqual([undefined, { value: 'A', etag: 'v1', age: 30 }, undefined]);
  });

  it('notModified keeps the value, its etag and tags for another ttl, without an event', async () => {
    const cache = new ResponseCache<{ n: number }>({ defaultTTL: 10, staleIfError: 100 });
    const first = await cache.getOrSet('a', ({ setOptions }) => (setOptions({ etag: 'v1', tags: ['t'] }), { n: 1 }));
    vi.advanceTimersByTime(10);
    const events = recorded(cache);
    expect(await cache.getOrSet('a', ({ notModified }) => notModified)).toBe(first);
    vi.advanceTimersByTime(9);
    expect(await cache.get('a')).toBe(first);
    expect(events.map(([name]) => name)).toEqual(['cacheMiss', 'cacheHit']);
    expect(cache.explain('a')).toMatchObject({ etag: 'v1', tags: ['t'], age: 9, freshFor: 1 });
    expect(cache.getMetrics().notModified).toBe(1);
    expect(await cache.invalidateTag('t')).toBe(1);
  });

  it('notModified rejects where nothing was loaded before, and stores nothing', async () => {
    const cache = new ResponseCache<string>();
    const caller = cache.getOrSet('a', ({ notModified }) => notModified);
    await expect(caller).rejects.toThrow(/Cannot keep the previous value of "a": there is none/);
    expect(await cache.get('a')).toBeUndefined();
  });

  it('notModified keeps nothing that was invalidated meanwhile', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 10, staleIfError: 100 });
    await cache.set('a', 'A');
    vi.advanceTimersByTime(10);
    const value = await cache.getOrSet('a', ({ notModified }) => {
      void cache.invalidate('a');
      return notModified;
    });
    expect([value, await cache.get('a')]).toEqual(['A', undefined]);
  });

  it('setOptions says ttl, tags, size, etag and windows, and wins over the caller', async () => {
    const cache = new ResponseCache<string>({ maxBytes: 1000 });
    const said: EntryOptions = {
      ttl: 20,
      tags: ['said'],
      size: 7,
      etag: 'v1',
      staleWhileRevalidate: 30,
      staleIfError: 40,
      dependsOn: ['b'],
    };
    const options = { ttl: () => 1, tags: ['given'], size: 1, staleWhileRevalidate: 1, staleIfError: 1 };
    await cache.getOrSet('a', ({ setOptions }) => (setOptions(said), 'A'), options);
    expect(cache.explain('a')).toMatchObject({
      freshFor: 20,
      tags: ['given', 'said'],
      etag: 'v1',
      staleWhileRevalidate: 30,
      staleIfError: 40,
      dependsOn: ['b'],
    });
    expect(cache.getMetrics().totalSize).toBe(7);
  });

  it('takes from the caller what its loader leaves open', async () => {
    const cache = new ResponseCache<string>({ maxBytes: 1000 });
    const options = { ttl: 20, size: 7, staleWhileRevalidate: 30, staleIfError: 40, dependsOn: ['b'] };
    await cache.getOrSet('a', () => 'A', options);
    expect(cache.explain('a')).toMatchObject({ freshFor: 20, staleWhileRevalidate: 30, staleIfError: 40 });
    expect([cache.explain('a'), cache.getMetrics().totalSize]).toMatchObject([{ dependsOn: ['b'] }, 7]);
  });

  it.each<[what: string, options: unknown]>([
    ['a ttl that is NaN', { ttl: Number.NaN }],
    ['tags that are one string', { tags: 't' }],
    ['an etag that is a number', { etag: 1 }],
    ['dependsOn that holds a number', { dependsOn: [1] }],
    ['a negative window', { staleIfError: -1 }],
    ['null', null],
  ])('setOptions throws at once for %s', async (_what, options) => {
    const cache = new ResponseCache<string>();
    const caller = cache.getOrSet('a', ({ setOptions }) => (setOptions(options as EntryOptions), 'A'));
    await expect(caller).rejects.toThrow(/^Cannot set the options of a loaded value/);
  });

  it('a tag that its loader names is fenced by an invalidation that came while it loaded', async () => {
    const cache = new ResponseCache<string>();
    const value = await cache.getOrSet('a', async ({ setOptions }) => {
      await cache.invalidateTag('t');
      setOptions({ tags: ['t'] });
      return 'A';
    });
    expect([value, await cache.get('a'), cache.getMetrics().fenced]).toEqual(['A', undefined, 1]);
  });

  it('previous is left out where it cannot be decoded any more', async () => {
    let isBroken = false;
    const codec = {
      encode: (value: string) => Buffer.from(value),
      decode: (bytes: Uint8Array) => {
        if (isBroken) throw new Error('codec of a test');
        return Buffer.from(bytes).toString();
      },
    };
    const cache = new ResponseCache<string>({ defaultTTL: 10, staleIfError: 100, values: 'bytes', codec });
    await cache.set('a', 'old');
    vi.advanceTimersByTime(10);
    isBroken = true;
    const seen = vi.fn((_context: LoaderContext<string>) => {
      isBroken = false;
      return 'new';
    });
    expect(await cache.getOrSet('a', seen)).toBe('new');
    expect(seen.mock.calls[0]![0].previous).toBeUndefined();
  });
});

describe('ResponseCache negativeTTL', () => {
  it.each([null, undefined])(
    'is the ttl of %s, set or loaded, whatever number the caller gave for a value',
    async (none) => {
      const cache = new ResponseCache<string | null | undefined>({ defaultTTL: 1000, negativeTTL: 10 });
      const loader = vi.fn(() => none);
      await cache.set('set', none);
      await cache.getOrSet('a', loader, { ttl: 500 });
      await cache.getOrSet('a', loader, { ttl: 500 });
      expect(loader).toHaveBeenCalledOnce();
      expect([cache.explain('set'), cache.explain('a')]).toMatchObject([{ freshFor: 10 }, { freshFor: 10 }]);
      vi.advanceTimersByTime(10);
      expect(await cache.getOrSet('a', () => 'there', { ttl: 500 })).toBe('there');
      expect(cache.explain('a')).toMatchObject({ freshFor: 500 });
    },
  );

  it('gives way to who knows that there is no value', async () => {
    const cache = new ResponseCache<null>({ negativeTTL: 10 });
    await cache.set('a', null, 20);
    await cache.getOrSet('b', () => null, { ttl: () => 30 });
    await cache.getOrSet('c', ({ setOptions }) => (setOptions({ ttl: 40 }), null));
    const left = ['a', 'b', 'c'].map((key) => cache.explain(key));
    expect(left).toMatchObject([{ freshFor: 20 }, { freshFor: 30 }, { freshFor: 40 }]);
  });

  it("keeps absences in a tenth of the size, in nobody's place", async () => {
    const cache = new ResponseCache<string | undefined>({ maxSize: 20, negativeTTL: 1000 });
    for (let i = 0; i < 20; i++) await cache.set(`good ${i}`, 'A');
    for (let i = 0; i < 100; i++) await cache.getOrSet(`bad ${i}`, () => undefined);
    expect(cache.getMetrics().size).toBe(22);
    expect(await cache.get('good 0')).toBe('A');
  });

  it("an absence and a value take each other's place", async () => {
    const cache = new ResponseCache<string | undefined>({ negativeTTL: 1000 });
    const events = recorded(cache);
    await cache.set('a', 'A');
    await cache.set('a', undefined);
    expect([cache.getMetrics().size, await cache.get('a')]).toEqual([1, undefined]);
    await cache.set('a', 'B');
    expect([cache.getMetrics().size, await cache.get('a')]).toEqual([1, 'B']);
    expect(events.map(([name]) => name)).toEqual(['cacheSet', 'cacheSet', 'cacheHit', 'cacheSet', 'cacheHit']);
    await settled();
  });
});
