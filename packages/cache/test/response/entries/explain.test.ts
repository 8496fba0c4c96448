import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ResponseCache } from '../../../src/index.ts';
import { Departures } from '../../../src/response/entries/departures.ts';
import { manualLoader } from '../harness.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('ResponseCache.explain', () => {
  it('shows an entry as the next read will find it', async () => {
    const cache = new ResponseCache<string>({ staleWhileRevalidate: 20, staleIfError: 50 });
    const load = async ({ setOptions }: { readonly setOptions: (options: object) => void }): Promise<string> => {
      await vi.advanceTimersByTimeAsync(7);
      setOptions({ etag: 'v1' });
      return 'A';
    };
    await cache.getOrSet('a', load, { ttl: 100, tags: ['t'], dependsOn: ['b'] });
    vi.advanceTimersByTime(60);
    const explanation = cache.explain('a');
    expect(explanation).toEqual({
      state: 'fresh',
      failed: false,
      failing: false,
      suspect: false,
      loading: false,
      age: 60,
      freshFor: 40,
      staleWhileRevalidate: 20,
      staleIfError: 50,
      loadTime: 7,
      etag: 'v1',
      tags: ['t'],
      dependsOn: ['b'],
    });
    expect(Object.isFrozen(explanation)).toBe(true);
    vi.advanceTimersByTime(40);
    expect(cache.explain('a')).toMatchObject({ state: 'stale', freshFor: 0 });
    vi.advanceTimersByTime(20);
    expect(cache.explain('a')).toMatchObject({ state: 'fallback', freshFor: -20 });
    vi.advanceTimersByTime(30);
    expect(cache.explain('a')).toEqual({ state: 'absent', loading: false, reason: 'expired', since: 0 });
  });

  it('shows a load that runs, and one that is fenced no more', async () => {
    const cache = new ResponseCache<string>();
    const { load, loads } = manualLoader<string>();
    const caller = cache.getOrSet('a', load);
    expect(cache.explain('a')).toEqual({ state: 'absent', loading: true, reason: undefined, since: undefined });
    await cache.invalidate('a');
    expect(cache.explain('a')).toMatchObject({ loading: false });
    loads[0]!.resolve('A');
    await caller;
    vi.advanceTimersByTime(5);
    expect(cache.explain('a')).toMatchObject({ state: 'absent', reason: 'fenced', since: 5 });
  });

  it('shows a failure that is kept', async () => {
    const cache = new ResponseCache<string>({ errorTTL: 100 });
    await cache.getOrSet('a', () => Promise.reject(new Error('loader of a test'))).catch(() => {});
    expect(cache.explain('a')).toMatchObject({ state: 'fresh', failed: true, freshFor: 100 });
  });

  it.each<[reason: string, act: (cache: ResponseCache<string>) => unknown]>([
    ['expired', () => vi.advanceTimersByTime(1000)],
    ['evicted', (cache) => Promise.all(['x', 'y'].map((key) => cache.set(key, 'fill')))],
    ['deleted', (cache) => cache.invalidate('a')],
    ['deleted', (cache) => cache.invalidateTag('t')],
    ['deleted', (cache) => cache.invalidatePattern('a')],
    ['cleared', (cache) => cache.clear()],
    ['refused', (cache) => cache.set('a', 'too long')],
    ['refused', (cache) => cache.set('a', 'A', 0)],
  ])('says of a key without an entry that it was %s', async (reason, act) => {
    const cache = new ResponseCache<string>({ maxSize: 2, maxEntrySize: 7, policy: 'lru' });
    await cache.set('a', 'A', { ttl: 1000, tags: ['t'] });
    await act(cache);
    expect(cache.explain('a')).toMatchObject({ state: 'absent', reason });
  });

  it('counts as no use of the entry and no read', async () => {
    const cache = new ResponseCache<string>({ maxSize: 2, policy: 'lru' });
    await cache.set('a', 'A');
    await cache.set('b', 'B');
    cache.explain('a');
    await cache.set('c', 'C');
    expect(cache.explain('a').state).toBe('absent');
    expect(cache.getMetrics()).toMatchObject({ hits: 0, misses: 0 });
  });
});

describe('Departures', () => {
  it('remembers the last thousand, the latest of each key, and clear beyond them', () => {
    const departures = new Departures();
    for (let i = 0; i < 1000; i++) departures.add(`${i}`, 'evicted', i);
    departures.add('3', 'expired', 1000);
    departures.add('1000', 'deleted', 1001);
    expect([departures.of('0'), departures.of('1')]).toEqual([undefined, undefined]);
    expect([departures.of('2')?.at, departures.of('3')?.reason, departures.of('999')?.at]).toEqual([2, 'expired', 999]);
    departures.clear(5);
    expect(departures.of('2')).toEqual({ reason: 'cleared', at: 5 });
  });
});
