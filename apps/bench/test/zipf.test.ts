import { describe, expect, it } from 'vitest';
import { seededRandom } from '../src/random.ts';
import { zipf } from '../src/zipf.ts';

function counts(size: number, exponent: number, draws: number): number[] {
  const next = zipf({ size, exponent, random: seededRandom(42) });
  const seen = Array.from({ length: size }, () => 0);
  for (let draw = 0; draw < draws; draw++) seen[next()]! += 1;
  return seen;
}

describe('zipf', () => {
  it('repeats its ranks when the seed is the same', () => {
    expect(counts(1000, 0.99, 5000)).toEqual(counts(1000, 0.99, 5000));
  });

  it.each([0, 0.7, 0.99, 1.5])('draws each rank as often as the law says when the exponent is %d', (exponent) => {
    const size = 50;
    const draws = 200_000;
    const weights = Array.from({ length: size }, (_, rank) => 1 / (rank + 1) ** exponent);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const chiSquare = counts(size, exponent, draws).reduce((sum, count, rank) => {
      const expected = (draws * weights[rank]!) / total;
      return sum + (count - expected) ** 2 / expected;
    }, 0);
    // 49 degrees of freedom: the 99.9 % quantile.
    expect(chiSquare).toBeLessThan(85.4);
  });

  it('gives the head of a large set its share', () => {
    const size = 100_000;
    const seen = counts(size, 0.99, 200_000);
    const head = seen.slice(0, 10_000).reduce((sum, count) => sum + count, 0);
    const weight = (ranks: number): number => {
      let sum = 0;
      for (let rank = 1; rank <= ranks; rank++) sum += rank ** -0.99;
      return sum;
    };
    expect(head / 200_000).toBeCloseTo(weight(10_000) / weight(size), 2);
  });

  it('draws the only rank when there is one', () => {
    expect(counts(1, 0.99, 10)).toEqual([10]);
  });

  it.each([0, -1, 1.5, NaN])('throws when the size is %d', (size) => {
    expect(() => zipf({ size, exponent: 1, random: Math.random })).toThrow(RangeError);
  });
});
