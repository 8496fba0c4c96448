import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binOf, Bins, isMeasurable, rankOf } from '../src/bins.ts';
import { generator } from './support/random.ts';

const QUANTILES = [0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1];

function binsOf(values: Iterable<number>): Bins {
  const bins = new Bins();
  for (const value of values) bins.add(binOf(value));
  return bins;
}

describe('Bins.quantile', () => {
  const random = generator(1);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const distributions: Record<string, () => number> = {
    constant: () => 0.0173,
    uniform: random,
    exponential: () => -Math.log(1 - random()) * 0.05,
    'log-normal': () => 0.018 * Math.exp(normal()),
    Pareto: () => 0.001 / (1 - random()) ** (1 / 1.2),
    bimodal: () => (random() < 0.9 ? 0.0004 : 2.5) * (1 + random() / 10),
    'powers of two, which are edges': () => 2 ** Math.floor(random() * 40 - 20),
    'whole milliseconds': () => Math.ceil(random() * 500) / 1000,
    'of 60 orders of magnitude': () => 10 ** (random() * 60 - 30),
    bytes: () => Math.floor(random() * 2 ** 40),
  };

  it.each(Object.entries(distributions))('is within 1.1 % of an exact sort for %s values', (_, draw) => {
    const values = Float64Array.from({ length: 20_000 }, draw);
    const bins = binsOf(values);
    const sorted = values.toSorted();
    for (const q of QUANTILES) {
      const exact = sorted[rankOf(q, sorted.length) - 1]!;
      expect(Math.abs(bins.quantile(q) - exact)).toBeLessThanOrEqual(0.011 * exact);
    }
  });

  it('is NaN when there are no values', () => {
    expect(new Bins().quantile(0.5)).toBeNaN();
  });

  it('is 0 for values at or below 2^-128', () => {
    expect(binsOf([0, -0, Number.MIN_VALUE, 2 ** -128]).quantile(1)).toBe(0);
  });

  it.each([-0.1, 1.1, 99, Number.NaN])('throws a RangeError when q is %s', (q) => {
    expect(() => binsOf([1]).quantile(q)).toThrow(RangeError);
  });
});

describe('rankOf', () => {
  it('is not lifted by the rounding of a product that is whole', () => {
    expect(rankOf(0.07, 100)).toBe(7);
    expect(rankOf(0.95, 20)).toBe(19);
    for (let n = 1; n < 2000; n++) expect(rankOf(7 / n > 1 ? 1 : 7 / n, n)).toBe(Math.min(7, n));
  });

  it('is the first for q = 0 and the last for q = 1', () => {
    expect([rankOf(0, 5), rankOf(1, 5), rankOf(0.21, 5)]).toEqual([1, 5, 2]);
  });
});

describe('binOf', () => {
  it('puts a value into the bin whose edges enclose it, the upper one included', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-38, max: 1e150, noNaN: true }), (value) => {
        const [[upper] = [Number.NaN]] = [...binsOf([value])];
        expect(upper).toBeGreaterThanOrEqual(value);
        expect(upper).toBeLessThan(value * 2 ** (1 / 32) * (1 + 2 ** -50));
      }),
    );
  });

  it('agrees with the logarithm where no edge is near', () => {
    const random = generator(2);
    const logarithms = Array.from({ length: 20_000 }, () => (random() - 0.5) * 4000);
    const clear = logarithms.filter((exact) => Math.abs(exact - Math.round(exact)) > 1e-6);
    expect(clear.length).toBeGreaterThan(19_000);
    expect(clear.filter((exact) => binOf(2 ** (exact / 32)) !== Math.ceil(exact))).toEqual([]);
  });

  it('puts every edge into the lower of its two bins and the next double into the upper', () => {
    const edges = [...binsOf(Array.from({ length: 64 }, (_, i) => 2 ** ((i - 32.5) / 32)))].map(([edge]) => edge);
    expect(edges).toHaveLength(64);
    for (const edge of edges) expect(binOf(edge * (1 + Number.EPSILON))).toBe(binOf(edge) + 1);
  });
});

describe('isMeasurable', () => {
  it.each([Number.NaN, Infinity, -Infinity, -1, -1e-300, 1e200, '5', 5n, undefined, null])(
    'is false for %s',
    (value) => {
      expect(isMeasurable(value as number)).toBe(false);
    },
  );

  it.each([0, -0, Number.MIN_VALUE, 1, 2 ** 512])('is true for %s', (value) => {
    expect(isMeasurable(value)).toBe(true);
  });
});

describe('Bins.add', () => {
  it('keeps the counts of all bins there are, wherever they meet in the table', () => {
    const expected = new Map<number, number>();
    const bins = new Bins();
    // Values that recur in each octave want the same few places; then every bin of all octaves, again and again.
    for (let octave = -127; octave < 512; octave++) {
      for (const step of [1, 7, 31]) {
        const value = 2 ** (octave + step / 32 - 1 / 64);
        const count = 1 + ((octave + 128) % 3);
        bins.add(binOf(value), count);
        expected.set(binOf(value), count);
      }
    }
    expect(bins.count).toBe([...expected.values()].reduce((sum, count) => sum + count, 0));
    expect([...bins].map(([edge, count]) => [binOf(edge), count])).toEqual([...expected].sort(([a], [b]) => a - b));
  });
});

describe('recording', () => {
  it.each(['bins', 'histogram', 'requests'])(
    'allocates nothing into %s once the bins of the window were touched',
    async (what) => {
      const fixture = fileURLToPath(new URL('fixtures/allocation.ts', import.meta.url));
      const flags = ['--conditions=@forge/source', '--expose-gc', '--min-semi-space-size=64'];
      const { stdout } = await promisify(execFile)(process.execPath, [...flags, fixture, what]);
      expect(Number(stdout)).toBeLessThan(1);
    },
    20_000,
  );

  it('holds 1000 series of six octaves in 10 MB, and gives the memory of empty windows back', async () => {
    const fixture = fileURLToPath(new URL('fixtures/memory.ts', import.meta.url));
    const flags = ['--conditions=@forge/source', '--expose-gc'];
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, fixture]);
    const { full, read, scraped } = JSON.parse(stdout) as Record<string, number>;
    expect(full).toBeLessThan(10e6);
    expect(read).toBeLessThan(full! / 3);
    expect(scraped).toBeLessThan(full! / 3);
  }, 20_000);
});

describe('Bins.merge', () => {
  it('equals one recorder of all the values, in whatever order the parts come', () => {
    const value = fc.oneof(fc.double({ min: 0, max: 1e12, noNaN: true }), fc.integer({ min: 0, max: 100 }));
    fc.assert(
      fc.property(fc.array(fc.array(value), { maxLength: 6 }), (parts) => {
        const one = binsOf(parts.flat());
        const merged = new Bins();
        for (const part of parts.toReversed()) merged.merge(binsOf(part));
        expect([...merged]).toEqual([...one]);
        expect(merged.count).toBe(one.count);
      }),
    );
  });

  it('does not wrap above 2^32', () => {
    const bins = binsOf([0.01, 3]);
    for (let i = 0; i < 40; i++) bins.merge(bins);
    expect(bins.count).toBe(2 ** 41);
    expect([...bins].map(([, count]) => count)).toEqual([2 ** 40, 2 ** 40]);
    expect(bins.quantile(0.5)).toBeCloseTo(0.01, 3);
    expect(bins.countsUpTo([1])).toEqual([2 ** 40]);
  });
});

describe('Bins.countsUpTo', () => {
  it('counts the values up to each limit, within the width of one bin above it', () => {
    const limits = [0.001, 0.01, 0.5, 1, 64];
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 100, noNaN: true })), (values) => {
        for (const [i, count] of binsOf(values).countsUpTo(limits).entries()) {
          expect(count).toBeGreaterThanOrEqual(values.filter((value) => value <= limits[i]!).length);
          expect(count).toBeLessThanOrEqual(values.filter((value) => value <= limits[i]! * 1.0219).length);
        }
      }),
    );
  });

  it('is exact for limits that are powers of two', () => {
    expect(binsOf([0, 1, 1.0001, 2, 3, 4]).countsUpTo([1, 2, 4])).toEqual([2, 4, 6]);
  });
});
