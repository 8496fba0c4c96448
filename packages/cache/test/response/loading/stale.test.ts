import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ResponseCache } from '../../../src/index.ts';
import { manualLoader, recorded, settled } from '../harness.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('ResponseCache.getOrSet within staleWhileRevalidate', () => {
  it('gives the stale value at once and loads a new one, once, in the background', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 10, staleWhileRevalidate: 20 });
    const events = recorded(cache);
    const { load, loads } = manualLoader<string>();
    await cache.set('a', 'old');
    vi.advanceTimersByTime(10);
    expect([await cache.getOrSet('a', load), await cache.getOrSet('a', load)]).toEqual(['old', 'old']);
    expect(loads.length).toBe(1);
    loads[0]!.resolve('new');
    await settled();
    expect([await cache.getOrSet('a', load), loads.length]).toEqual(['new', 1]);
    expect(cache.getMetrics()).toMatchObject({ stale: 2, hits: 1, misses: 0, loads: 1, refreshes: 1, hitRate: 100 });
    expect(events.map(([name, event]) => ('stale' in event ? `${name} ${String(event.stale)}` : name))).toEqual([
      'cacheSet',
      'cacheHit true',
      'cacheHit true',
      'cacheSet',
      'cacheHit false',
    ]);
  });

  it('waits for the load after it', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 10, staleWhileRevalidate: 20 });
    await cache.set('a', 'old');
    vi.advanceTimersByTime(30);
    expect(await cache.getOrSet('a', () => 'new')).toBe('new');
    expect(cache.getMetrics()).toMatchObject({ stale: 0, misses: 1, refreshes: 0 });
  });

  it('is a miss for get, which could renew nothing', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 10, staleWhileRevalidate: 20 });
    await cache.set('a', 'old');
    vi.advanceTimersByTime(10);
    expect(await cache.get('a')).toBeUndefined();
    expect(await cache.getOrSet('a', () => 'new')).toBe('old');
  });

  it('tells of a load that fails in the background, and serves on', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 10, staleWhileRevalidate: 20 });
    const events = recorded(cache);
    const error = new Error('loader of a test');
    await cache.set('a', 'old');
    vi.advanceTimersByTime(10);
    expect(await cache.getOrSet('a', () => Promise.reject(error))).toBe('old');
    await settled();
    expect(events.at(-1)).toEqual(['cacheError', { key: 'a', error }]);
    expect(await cache.getOrSet('a', () => 'new')).toBe('old');
    expect(cache.getMetrics()).toMatchObject({ loadErrors: 1, stale: 2 });
  });

  it('gives nothing that an invalidation took, and keeps out the load that ran for it', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 10, staleWhileRevalidate: 20 });
    const { load, loads } = manualLoader<string>();
    await cache.set('a', 'old');
    vi.advanceTimersByTime(10);
    expect(await cache.getOrSet('a', load)).toBe('old');
    await cache.invalidate('a');
    const next = cache.getOrSet('a', load);
    loads[0]!.resolve('older than the invalidation');
    loads[1]!.resolve('new');
    expect([await next, await cache.get('a')]).toEqual(['new', 'new']);
  });

  it.each([
    ['the caller', { staleWhileRevalidate: 100 }, {}],
    ['the loader, who wins,', { staleWhileRevalidate: 1 }, { staleWhileRevalidate: 100 }],
  ])('lasts as long as %s says', async (_who, options, said) => {
    const cache = new ResponseCache<string>({ defaultTTL: 10 });
    await cache.getOrSet('a', ({ setOptions }) => (setOptions(said), 'old'), options);
    vi.advanceTimersByTime(109);
    expect(await cache.getOrSet('a', () => 'new', { staleWhileRevalidate: 0 })).toBe('old');
  });

  it('ends a background load that nobody waits for when the cache is closed', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 10, staleWhileRevalidate: 20 });
    const { load, loads } = manualLoader<string>();
    await cache.set('a', 'old');
    vi.advanceTimersByTime(10);
    await cache.getOrSet('a', load);
    await cache.close();
    expect(loads[0]!.signal.reason).toMatchObject({ code: 'CACHE_CLOSED' });
    expect([cache.getMetrics().pending, vi.getTimerCount()]).toEqual([0, 0]);
  });
});
