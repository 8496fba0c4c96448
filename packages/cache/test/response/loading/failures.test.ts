import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ResponseCache, type CacheConfig, type LoaderContext } from '../../../src/index.ts';
import { recorded } from '../harness.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const error = new Error('loader of a test');
const fail = (): Promise<never> => Promise.reject(error);

describe('ResponseCache.getOrSet within staleIfError', () => {
  it('gives the stale value when the load fails, and rejects after it', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 10, staleIfError: 20 });
    await cache.set('a', 'old');
    vi.advanceTimersByTime(29);
    expect(await cache.getOrSet('a', fail)).toBe('old');
    expect(cache.getMetrics()).toMatchObject({ stale: 1, misses: 1, hits: 0, hitRate: 0, loadErrors: 1 });
    vi.advanceTimersByTime(1);
    await expect(cache.getOrSet('a', fail)).rejects.toBe(error);
  });

  it('rejects when the window ends while the value is loaded', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 10, staleIfError: 20 });
    await cache.set('a', 'old');
    vi.advanceTimersByTime(15);
    const slow = async (): Promise<never> => {
      vi.advanceTimersByTime(20);
      throw error;
    };
    await expect(cache.getOrSet('a', slow)).rejects.toBe(error);
  });

  it('gives each caller what the value policy gives', async () => {
    const cache = new ResponseCache<object>({ defaultTTL: 10, staleIfError: 20, values: 'clone' });
    await cache.set('a', { n: 1 });
    vi.advanceTimersByTime(10);
    const [one, two] = await Promise.all([cache.getOrSet('a', fail), cache.getOrSet('a', fail)]);
    expect([one, two, one === two]).toEqual([{ n: 1 }, { n: 1 }, false]);
  });

  it.each(['invalidate', 'invalidateTag', 'clear'] as const)('gives nothing that %s took meanwhile', async (how) => {
    const cache = new ResponseCache<string>({ defaultTTL: 10, staleIfError: 20 });
    await cache.set('a', 'old', { tags: ['a'] });
    vi.advanceTimersByTime(10);
    await cache[how]('a');
    await expect(cache.getOrSet('a', fail)).rejects.toBe(error);
  });
});

describe('ResponseCache.getOrSet with errorTTL', () => {
  it('gives a failure to later callers too, calls no loader for as long, and then again', async () => {
    const cache = new ResponseCache<string>({ errorTTL: 10 });
    const loader = vi.fn(fail);
    for (let i = 0; i < 3; i++) await expect(cache.getOrSet('a', loader)).rejects.toBe(error);
    expect(loader).toHaveBeenCalledOnce();
    expect(await cache.get('a')).toBeUndefined();
    vi.advanceTimersByTime(10);
    expect(await cache.getOrSet('a', () => 'A')).toBe('A');
    expect(cache.getMetrics()).toMatchObject({ hits: 2, loadErrors: 1 });
  });

  it('keeps a thrown undefined too', async () => {
    const cache = new ResponseCache<string>({ errorTTL: 10 });
    const loader = vi.fn(() => Promise.reject(undefined));
    for (let i = 0; i < 2; i++) await expect(cache.getOrSet('a', loader)).rejects.toBeUndefined();
    expect(loader).toHaveBeenCalledOnce();
  });

  it('serves what is stale meanwhile, without another try', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 10, errorTTL: 10, staleIfError: 50 });
    const loader = vi.fn(fail);
    await cache.set('a', 'old');
    vi.advanceTimersByTime(10);
    for (let i = 0; i < 3; i++) expect(await cache.getOrSet('a', loader)).toBe('old');
    expect(loader).toHaveBeenCalledOnce();
    expect(cache.explain('a')).toMatchObject({ state: 'stale', failing: true, failed: false });
    vi.advanceTimersByTime(10);
    expect(cache.explain('a')).toMatchObject({ state: 'fallback', failing: false });
    expect(await cache.getOrSet('a', () => 'new')).toBe('new');
  });

  it('gives the failure when what was stale is over', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 1000, errorTTL: 50, staleIfError: 10 });
    await cache.set('a', 'old', { tags: ['t'] });
    await cache.invalidateTag('t', { soft: true });
    const loader = vi.fn(fail);
    expect(await cache.getOrSet('a', loader)).toBe('old');
    vi.advanceTimersByTime(10);
    await expect(cache.getOrSet('a', loader)).rejects.toBe(error);
    expect(loader).toHaveBeenCalledOnce();
  });

  it.each<[how: string, act: (cache: ResponseCache<string>) => unknown]>([
    ['set', (cache) => cache.set('a', 'A')],
    ['invalidate', (cache) => cache.invalidate('a')],
    ['invalidateTag', (cache) => cache.invalidateTag('t')],
    ['a soft invalidateTag', (cache) => cache.invalidateTag('t', { soft: true })],
    ['invalidatePattern', (cache) => cache.invalidatePattern('*')],
    ['clear', (cache) => cache.clear()],
  ])('forgets the failure at %s', async (_how, act) => {
    const cache = new ResponseCache<string>({ errorTTL: 1000 });
    await cache.getOrSet('a', fail, { tags: ['t'] }).catch(() => {});
    await act(cache);
    expect(await cache.getOrSet('a', () => 'A')).toBe('A');
  });

  it.each<[what: string, config: CacheConfig<string>]>([
    ['refreshAhead', { errorTTL: 100, refreshAhead: 1 }],
    ['xfetchBeta', { errorTTL: 100, xfetchBeta: 1e9 }],
  ])('keeps a failure out of %s, and never shows it to a loader as a value', async (_what, config) => {
    const cache = new ResponseCache<string>(config);
    await cache.getOrSet('a', fail, { tags: ['t'] }).catch(() => {});
    const loader = vi.fn((_context: LoaderContext<string>) => 'A');
    await expect(cache.getOrSet('a', loader)).rejects.toBe(error);
    expect(loader).not.toHaveBeenCalled();
    await cache.invalidateTag('t', { soft: true });
    await cache.getOrSet('a', loader);
    expect(loader.mock.calls[0]![0].previous).toBeUndefined();
  });

  it('says nothing of a failure that leaves, under which there may be a value', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 10, staleIfError: 100, errorTTL: 1000 });
    await cache.set('a', 'A');
    vi.advanceTimersByTime(10);
    const events = recorded(cache);
    expect(await cache.getOrSet('a', fail, { tags: ['t'] })).toBe('A');
    expect(await cache.invalidateTag('t')).toBe(1);
    expect(await cache.getOrSet('a', fail)).toBe('A');
    expect([events.map(([name]) => name), cache.getMetrics().invalidations]).toEqual([['cacheMiss', 'cacheMiss'], 0]);
  });

  it('keeps no failure of a load that an invalidation came into', async () => {
    const cache = new ResponseCache<string>({ errorTTL: 1000 });
    const caller = cache.getOrSet('a', () => {
      void cache.invalidate('a');
      return fail();
    });
    await expect(caller).rejects.toBe(error);
    expect(await cache.getOrSet('a', () => 'A')).toBe('A');
  });

  it('lets no more failures in than a tenth of the entries, and none in place of a value', async () => {
    const cache = new ResponseCache<string>({ maxSize: 20, errorTTL: 1000 });
    for (let i = 0; i < 20; i++) await cache.set(`good ${i}`, 'A');
    for (let i = 0; i < 100; i++) await cache.getOrSet(`bad ${i}`, fail).catch(() => {});
    expect(cache.getMetrics().size).toBe(22);
    for (let i = 0; i < 20; i++) expect(await cache.get(`good ${i}`)).toBe('A');
  });
});

describe('ResponseCache.getOrSet with bad loaders', () => {
  const throwing = (thrown: unknown) => (): never => {
    // oxlint-disable-next-line only-throw-error
    throw thrown;
  };

  it.each<[what: string, loader: () => never]>([
    ['throws undefined at once', throwing(undefined)],
    ['throws an error at once', throwing(error)],
    // oxlint-disable-next-line no-thenable
    ['returns a thenable that throws', () => ({ then: throwing(error) }) as never],
    ['returns a promise that rejects with undefined', () => Promise.reject(undefined) as never],
  ])('rejects, and loads again for the next, when one %s', async (_what, loader) => {
    const cache = new ResponseCache<string>();
    const [outcome] = await Promise.allSettled([cache.getOrSet('a', loader)]);
    expect(outcome.status).toBe('rejected');
    expect(await cache.getOrSet('a', () => 'A')).toBe('A');
    expect(cache.getMetrics()).toMatchObject({ loadErrors: 1, pending: 0 });
  });

  it('lets a loader use the cache, its own key included, but for getOrSet', async () => {
    const cache = new ResponseCache<string>();
    const value = cache.getOrSet('a', async () => {
      await cache.set('a', 'set inside');
      await cache.invalidate('b');
      return `${await cache.getOrSet('b', () => 'B')} and ${await cache.get('a')}`;
    });
    expect([await value, await cache.get('a'), await cache.get('b')]).toEqual(['B and set inside', 'set inside', 'B']);
  });

  it('warns of no unhandled rejection when all callers have left before the load fails', async () => {
    const cache = new ResponseCache<string>({ softTimeout: 5 });
    const events = recorded(cache);
    const abort = new AbortController();
    let reject = (_error: Error): void => {};
    const leaver = cache.getOrSet('a', () => new Promise<string>((_, no) => (reject = no)), { signal: abort.signal });
    abort.abort('enough');
    await expect(leaver).rejects.toBe('enough');
    reject(error);
    await new Promise((resolve) => setImmediate(resolve));
    expect(events.filter(([name]) => name === 'cacheError')).toEqual([]);
    expect([cache.getMetrics().loadErrors, cache.getMetrics().pending, vi.getTimerCount()]).toEqual([0, 0, 0]);
  });
});
