import { MemoryCache } from '@forge/cache';
import { beforeAll, describe, expect, it } from 'vitest';
import { adaptiveCache, hitRatioPage, lruCache, replayAll } from '../src/hit-ratio.ts';
import { hitRatio, meanOfOptimum, sizedHitRatio, type CellResult } from '../src/replay.ts';
import { readSizedTrace, readTrace } from '../src/traces.ts';

describe('the adaptive policy on recorded traces', () => {
  let results: readonly CellResult[] = [];

  beforeAll(() => {
    results = replayAll(undefined);
  }, 60_000);

  it('reaches 0.85 of the optimum in the mean', () => {
    expect(meanOfOptimum(results)).toBeGreaterThanOrEqual(0.85);
  });

  it('is nowhere more than 2.5 points below LRU', () => {
    for (const { adaptive, lru, trace, maxSize } of results) {
      expect(adaptive, `${trace} @ ${maxSize}`).toBeGreaterThan(lru - 0.025);
    }
  });

  it('is 8 points above lru-cache on the transactions of OLTP with room for 1,000', () => {
    const { adaptive, lru } = results.find(({ trace, maxSize }) => trace === 'oltp' && maxSize === 1000)!;
    expect(adaptive - lru).toBeGreaterThanOrEqual(0.08);
  });

  it('exceeds the optimum nowhere', () => {
    for (const { adaptive, optimum } of results) expect(adaptive).toBeLessThanOrEqual(optimum);
  });

  it('holds its bars at sizes that nobody published, too', () => {
    const sizes = { web12: [50, 100, 600, 3000], multi3: [200, 1500, 3000], gli: [200, 1500], corda: [100, 8000] };
    for (const [name, each] of Object.entries(sizes)) {
      const trace = readTrace(name as keyof typeof sizes);
      for (const maxSize of each) {
        const adaptive = hitRatio(adaptiveCache(maxSize), trace);
        expect(adaptive, `${name} @ ${maxSize}`).toBeGreaterThan(hitRatio(lruCache(maxSize), trace) - 0.025);
      }
    }
  });

  it('has each cell on its page', () => {
    const page = hitRatioPage(results);
    for (const { trace, maxSize } of results) expect(page).toContain(`${trace} @ ${maxSize}`);
  });
});

describe('the policy lru', () => {
  it('hits exactly what lru-cache hits', () => {
    const trace = readTrace('multi3');
    expect(hitRatio(new MemoryCache({ maxSize: 600, policy: 'lru' }), trace)).toBe(hitRatio(lruCache(600), trace));
  });
});

describe('the policy gdsf', () => {
  it('hits 34 % of the requests of the sized trace with 4 MB', () => {
    const cache = new MemoryCache({ maxBytes: 4 * 2 ** 20, policy: 'gdsf' });
    expect(sizedHitRatio(cache, readSizedTrace())).toBeGreaterThanOrEqual(0.34);
    expect(cache.bytes).toBeLessThanOrEqual(4 * 2 ** 20);
  });
});
