import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ResponseCache } from '../../../src/index.ts';
import { randomRatios } from '@forge/internal';
import { isDueEarly } from '../../../src/response/loading/early-refresh.ts';
import { settled } from '../harness.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('isDueEarly', () => {
  it('is true in the last part of the life that refreshAhead names', () => {
    const due = (left: number, refreshAhead: number): boolean =>
      isDueEarly({ left, life: 100, loadTime: 5 }, { refreshAhead, xfetchBeta: 0 }, () => 0.5);
    expect([due(21, 0.2), due(20, 0.2), due(19, 0.2), due(1, 0)]).toEqual([false, false, true, false]);
  });

  it.each([0.5, 1, 2])('draws for XFetch with beta %d from an exponential distribution', (xfetchBeta) => {
    const random = randomRatios(7);
    const draws = 20_000;
    for (const left of [1, 10, 30]) {
      let due = 0;
      for (let i = 0; i < draws; i++) {
        if (isDueEarly({ left, life: 1000, loadTime: 10 }, { refreshAhead: 0, xfetchBeta }, random)) due++;
      }
      expect(due / draws).toBeCloseTo(Math.exp(-left / (10 * xfetchBeta)), 1.5);
    }
  });

  it('is never true by XFetch for what took no time to load', () => {
    expect(isDueEarly({ left: 1, life: 9, loadTime: 0 }, { refreshAhead: 0, xfetchBeta: 9 }, () => 0.999)).toBe(false);
  });
});

describe('ResponseCache refreshAhead', () => {
  it('keeps a key in use from ever expiring: one load in the background, at a hit late in its life', async () => {
    const cache = new ResponseCache<number>({ defaultTTL: 100, refreshAhead: 0.2 });
    const loader = vi.fn(() => loader.mock.calls.length);
    expect(await cache.getOrSet('a', loader)).toBe(1);
    vi.advanceTimersByTime(80);
    expect(await cache.getOrSet('a', loader)).toBe(1);
    expect(loader).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(1);
    expect(await cache.getOrSet('a', loader)).toBe(1);
    await settled();
    vi.advanceTimersByTime(80);
    expect([await cache.getOrSet('a', loader), loader.mock.calls.length]).toEqual([2, 2]);
    expect(cache.getMetrics()).toMatchObject({ misses: 1, hits: 3, stale: 0, refreshes: 1 });
  });

  it('leaves a key alone that never expires, or whose refresh failed a short time ago', async () => {
    const cache = new ResponseCache<string>({ refreshAhead: 1, errorTTL: 50 });
    await cache.set('forever', 'A');
    await cache.set('a', 'A', 1000);
    const loader = vi.fn(() => Promise.reject(new Error('loader of a test')));
    await cache.getOrSet('forever', loader);
    expect(loader).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    for (let i = 0; i < 3; i++) {
      expect(await cache.getOrSet('a', loader)).toBe('A');
      await settled();
    }
    expect(loader).toHaveBeenCalledOnce();
  });
});
