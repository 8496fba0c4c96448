import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ResponseCache } from '../../src/index.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('ResponseCache.getMetrics', () => {
  it('adds up what loading took, once for each hit, stale ones too', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 1000, staleWhileRevalidate: 1000 });
    const load = async (): Promise<string> => {
      await vi.advanceTimersByTimeAsync(250);
      return 'A';
    };
    await cache.getOrSet('a', load);
    await cache.getOrSet('a', load);
    await cache.get('a');
    expect(cache.getMetrics().secondsSaved).toBe(0.5);
    vi.advanceTimersByTime(1000);
    const late = cache.getOrSet('a', load);
    expect(cache.getMetrics()).toMatchObject({ secondsSaved: 0.75, hits: 2, stale: 1, misses: 1, hitRate: 75 });
    await late;
    await cache.set('b', 'set');
    await cache.get('b');
    expect(cache.getMetrics().secondsSaved).toBe(0.75);
  });

  it('counts each read as one of hit, stale, coalesced and miss', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 10, staleIfError: 100 });
    await cache.getOrSet('a', () => 'A');
    await cache.get('a');
    await Promise.all([cache.getOrSet('b', async () => 'B'), cache.getOrSet('b', () => 'never')]);
    vi.advanceTimersByTime(10);
    await cache.getOrSet('a', () => Promise.reject(new Error('loader of a test')));
    expect(cache.getMetrics()).toMatchObject({ hits: 1, misses: 3, coalesced: 1, stale: 1, hitRate: 25 });
  });
});
