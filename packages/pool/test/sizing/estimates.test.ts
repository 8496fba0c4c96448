import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Mean, Rate } from '../../src/sizing/estimates.ts';
import { Random, exponential, lognormal, pareto, type Distribution } from './simulator/random.ts';

function meanOf(samples: readonly number[]): number | undefined {
  const mean = new Mean();
  for (const sample of samples) mean.add(sample);
  return mean.value;
}

describe('Mean', () => {
  it('is undefined before the first sample, then that sample', () => {
    expect(meanOf([])).toBeUndefined();
    expect(meanOf([7])).toBe(7);
  });

  it('is the plain mean of the first samples', () => {
    expect(meanOf([10, 20, 30, 20])).toBeCloseTo(20);
  });

  it('ignores what is no duration', () => {
    expect(meanOf([5, NaN, -1, Infinity])).toBe(5);
  });

  it('moves by less than a fifth for one outlier of any size', () => {
    const samples = Array<number>(50).fill(10);
    expect(meanOf([...samples, 1e9])).toBeLessThan(12);
    expect(meanOf([...samples, 0])).toBeGreaterThan(9);
  });

  it('follows a lasting change by a factor of 1,000 within 40 samples', () => {
    expect(meanOf([...Array<number>(50).fill(2), ...Array<number>(40).fill(2_000)])).toBeGreaterThan(1_000);
  });

  it('leaves 0, which a coarse clock gives', () => {
    expect(meanOf([0, 0, 0, ...Array<number>(100).fill(50)])).toBeGreaterThan(40);
  });

  const biases: [string, Distribution, number, number][] = [
    ['exponential', exponential, -0.035, -0.015],
    ['lognormal', lognormal, -0.1, -0.07],
    ['Pareto', pareto, -0.24, -0.2],
  ];
  it.each(biases)('of %s samples is as near as its essay says', (_, distribution, least, most) => {
    const random = new Random(5);
    const mean = new Mean();
    let total = 0;
    for (let sample = 0; sample < 100_000; sample += 1) {
      mean.add(100 * distribution(random));
      total += mean.value ?? 0;
    }
    const bias = total / 100_000 / 100 - 1;
    expect(bias).toBeGreaterThan(least);
    expect(bias).toBeLessThan(most);
  });

  it('stays between the least and the largest sample', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 1 }), (samples) => {
        const mean = meanOf(samples) ?? -1;
        expect(mean).toBeGreaterThanOrEqual(Math.min(...samples) * (1 - 1e-9));
        expect(mean).toBeLessThanOrEqual(Math.max(...samples) * (1 + 1e-9));
      }),
    );
  });
});

describe('Rate', () => {
  it('is undefined in the first 100 ms, then the rate so far', () => {
    let now = 0;
    const rate = new Rate({ now: () => now }, 40);
    now = 99;
    expect(rate.read(60)).toBeUndefined();
    now = 100;
    expect(rate.read(60)).toBeCloseTo(0.2);
  });

  it('follows a change within some 10 s, however often it is read', () => {
    for (const step of [100, 700, 5_000]) {
      let [now, total] = [0, 0];
      const rate = new Rate({ now: () => now });
      const run = (duration: number, perMillisecond: number): number => {
        for (const end = now + duration; now < end;) {
          now += step;
          total += perMillisecond * step;
          rate.read(total);
        }
        return rate.read(total) ?? NaN;
      };
      expect(run(60_000, 1)).toBeCloseTo(1, 5);
      expect(run(10_000, 3)).toBeCloseTo(3 - 2 * Math.exp(-(Math.ceil(10_000 / step) * step) / 10_000), 5);
      expect(run(100_000, 0)).toBeLessThan(0.001);
    }
  });
});
