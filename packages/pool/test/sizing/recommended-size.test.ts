import { describe, expect, it } from 'vitest';
import { recommendedSize } from '../../src/sizing/recommended-size.ts';
import { erlangC, meanWait } from './simulator/erlang-c.ts';

describe('recommendedSize', () => {
  it('lets 6 to 11 % of callers wait, all of them for less than 0.05 of a hold on average, at every size', () => {
    for (const inUse of [1, 3, 10, 30, 100, 300, 1_000]) {
      const size = recommendedSize({ arrivals: inUse / 20, hold: 20, concurrency: 1 });
      expect(erlangC(size, inUse)).toBeGreaterThan(0.055);
      expect(erlangC(size, inUse)).toBeLessThan(0.11);
      expect(meanWait(size, inUse, 20)).toBeLessThan(1);
    }
  });

  it('is 39 for the step of scenario S3, 1,500 callers a second of 20 ms', () => {
    expect(recommendedSize({ arrivals: 1.5, hold: 20, concurrency: 1 })).toBe(39);
  });

  it('shares the places of a connection', () => {
    expect(recommendedSize({ arrivals: 1.5, hold: 20, concurrency: 10 })).toBe(4);
  });

  it('is 1 where there is no load or no measure of it', () => {
    expect(recommendedSize({ arrivals: 0, hold: 20, concurrency: 1 })).toBe(1);
    expect(recommendedSize({ arrivals: NaN, hold: 20, concurrency: 1 })).toBe(1);
    expect(recommendedSize({ arrivals: 1, hold: Infinity, concurrency: 0 })).toBe(1);
  });
});
