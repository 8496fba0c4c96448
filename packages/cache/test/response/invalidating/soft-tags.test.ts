import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ResponseCache } from '../../../src/index.ts';
import { manualLoader, recorded, settled } from '../harness.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('ResponseCache.invalidateTag with soft', () => {
  it('makes the entries stale from now on, and removes none', async () => {
    const cache = new ResponseCache<string>({ staleWhileRevalidate: 20, staleIfError: 50 });
    const events = recorded(cache);
    await cache.set('a', 'A', { tags: ['t', 'u'] });
    await cache.set('b', 'B', { tags: ['u'] });
    vi.advanceTimersByTime(100);
    expect(await cache.invalidateTag('t', { soft: true })).toBe(1);
    expect(cache.explain('a')).toMatchObject({ state: 'stale', freshFor: 0, age: 100 });
    expect([await cache.get('a'), await cache.get('b'), cache.getMetrics().size]).toEqual([undefined, 'B', 2]);
    vi.advanceTimersByTime(20);
    expect(cache.explain('a')).toMatchObject({ state: 'fallback', freshFor: -20 });
    vi.advanceTimersByTime(30);
    expect(cache.explain('a').state).toBe('absent');
    expect(events.some(([name]) => name === 'cacheInvalidated')).toBe(false);
  });

  it('serves and renews it, after which it is fresh', async () => {
    const cache = new ResponseCache<string>({ staleWhileRevalidate: 20 });
    await cache.set('a', 'old', { tags: ['t'] });
    await cache.invalidateTag('t', { soft: true });
    expect(await cache.getOrSet('a', () => 'new', { tags: ['t'] })).toBe('old');
    await settled();
    expect([await cache.get('a'), cache.explain('a').state]).toEqual(['new', 'fresh']);
  });

  it('keeps a load out that began before, and no later one', async () => {
    const cache = new ResponseCache<string>();
    const { load, loads } = manualLoader<string>();
    const early = cache.getOrSet('a', load, { tags: ['t'] });
    await cache.invalidateTag('t', { soft: true });
    const late = cache.getOrSet('a', load, { tags: ['t'] });
    loads[0]!.resolve('old');
    expect([await early, await cache.get('a')]).toEqual(['old', undefined]);
    loads[1]!.resolve('new');
    expect([await late, await cache.get('a')]).toEqual(['new', 'new']);
  });

  it('lengthens no window, however often it comes', async () => {
    const cache = new ResponseCache<string>({ staleWhileRevalidate: 20 });
    await cache.set('a', 'A', { tags: ['t'] });
    for (let i = 0; i < 3; i++) {
      await cache.invalidateTag('t', { soft: true });
      vi.advanceTimersByTime(9);
    }
    expect(cache.explain('a').state).toBe('absent');
    await cache.invalidateTag('t', { soft: true });
    expect(await cache.getOrSet('a', () => 'new')).toBe('new');
  });

  it('gives what was set between two of them its whole window', async () => {
    const cache = new ResponseCache<string>({ staleWhileRevalidate: 20 });
    await cache.set('early', 'A', { tags: ['t'] });
    await cache.invalidateTag('t', { soft: true });
    vi.advanceTimersByTime(100);
    await cache.set('late', 'A', { tags: ['t'] });
    await cache.invalidateTag('t', { soft: true });
    vi.advanceTimersByTime(19);
    expect([cache.explain('early').state, cache.explain('late').state]).toEqual(['absent', 'stale']);
  });

  it('remembers ten thousand tags one by one, and is careful with older entries beyond that', async () => {
    const cache = new ResponseCache<string>({ staleWhileRevalidate: 20, maxSize: 100 });
    await cache.set('tagged', 'A', { tags: ['t'] });
    await cache.set('bare', 'A');
    for (let i = 0; i < 10_000; i++) void cache.invalidateTag(`other ${i}`, { soft: true });
    expect(cache.explain('tagged').state).toBe('fresh');
    await cache.set('late', 'A', { tags: ['t'] });
    void cache.invalidateTag('one more', { soft: true });
    expect([cache.explain('tagged').state, cache.explain('late').state, cache.explain('bare').state]).toEqual([
      'stale',
      'fresh',
      'fresh',
    ]);
  });
});
