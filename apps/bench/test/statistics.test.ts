import { describe, expect, it } from 'vitest';
import { describeSpread, median, pairwise, spread } from '../src/statistics.ts';

describe('spread', () => {
  it('takes the middle value when their number is odd', () => {
    expect(spread([30, 10, 20])).toEqual({ min: 10, median: 20, max: 30 });
  });

  it('takes the mean of the two middle values when their number is even', () => {
    expect(spread([100, 2, 4, 1])).toEqual({ min: 1, median: 3, max: 100 });
  });

  it('compares numbers, not texts, and leaves its argument alone', () => {
    const values = [10, 9, 100];
    expect(spread(values)).toEqual({ min: 9, median: 10, max: 100 });
    expect(values).toEqual([10, 9, 100]);
  });

  it.each([[[]], [[1, NaN]], [[Infinity, 1]]])('throws when a round has measured nothing: %j', (values) => {
    expect(() => spread(values)).toThrow(/^Cannot summarize rounds: .*, got (nothing|NaN|Infinity)$/);
  });
});

describe('median', () => {
  it('ignores how far an outlier lies off', () => {
    expect(median([1, 2, 1e9])).toBe(2);
  });
});

describe('pairwise', () => {
  it('combines the values of one round with each other', () => {
    expect(pairwise([10, 20, 30], [2, 4, 5], (a, b) => a / b)).toEqual([5, 5, 6]);
  });

  it('keeps a ratio that a disturbance of whole rounds would blur', () => {
    // The second and third rounds run on a machine that is three times slower.
    const own = [10, 31, 30];
    const others = [20, 60, 59];
    expect(median(pairwise(own, others, (a, b) => b / a))).toBeCloseTo(1.97, 2);
  });

  it('throws when a round lacks one side', () => {
    expect(() => pairwise([1], [1, 2], Math.max)).toThrow('Cannot compare round by round: got 1 rounds and 2');
  });
});

describe('describeSpread', () => {
  it('gives the median first and the extremes in brackets', () => {
    expect(describeSpread({ min: 0.9, median: 1, max: 1.256 })).toBe('1.00 (0.90 to 1.26)');
    expect(describeSpread({ min: 1, median: 2, max: 3 }, String)).toBe('2 (1 to 3)');
  });
});
