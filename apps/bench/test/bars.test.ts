import { describe, expect, it } from 'vitest';
import { describeBar, describeMeasured, excesses, judge, ratios } from '../src/bars.ts';
import type { Bar, Sample } from '../src/bench.ts';

const samples = (...cpu: number[]): Sample[] => cpu.map((time) => ({ cpu: time, wall: 2 * time, checksum: 0 }));
const comparison = { case: 'get', figure: 'cpu', contestant: 'forge', rival: 'other' } as const;
const atLeast = (bound: number): Bar => ({ ...comparison, atLeast: bound });
const atMostAbove = (bound: number): Bar => ({ ...comparison, atMostAbove: bound });

describe('ratios', () => {
  it('are above 1 when the contestant is faster', () => {
    expect(ratios(samples(10, 20), samples(20, 10), 'cpu')).toEqual([2, 0.5]);
  });
});

describe('excesses', () => {
  it('are what the contestant takes more, on the figure that is asked for', () => {
    expect(excesses(samples(3, 5), samples(1, 4), 'cpu')).toEqual([2, 1]);
    expect(excesses(samples(3, 5), samples(1, 4), 'wall')).toEqual([4, 2]);
  });
});

describe('judge', () => {
  it('lets a ratio hold when the median just reaches the bound, whatever one round says', () => {
    const found = new Map([
      ['forge', samples(10, 10, 90)],
      ['other', samples(9, 9, 9)],
    ]);
    expect(judge(atLeast(0.9), found)).toEqual({
      bar: atLeast(0.9),
      measured: { min: 0.1, median: 0.9, max: 0.9 },
      holds: true,
    });
  });

  it('finds a ratio missed when the median is below the bound', () => {
    const found = new Map([
      ['forge', samples(10, 10, 1)],
      ['other', samples(8, 8, 8)],
    ]);
    expect(judge(atLeast(0.9), found)).toMatchObject({ measured: { median: 0.8 }, holds: false });
  });

  it('bounds the time above a yardstick from above', () => {
    const found = new Map([
      ['forge', samples(17, 16, 99)],
      ['other', samples(1, 1, 1)],
    ]);
    expect(judge(atMostAbove(16), found)).toMatchObject({ measured: { median: 16 }, holds: true });
    expect(judge(atMostAbove(15), found)).toMatchObject({ measured: { median: 16 }, holds: false });
  });

  it('bounds an observation by points, by times and as it is', () => {
    const observing = (...values: number[]): Sample[] =>
      samples(...values).map((sample, round) => ({ ...sample, observations: { hits: values[round]! } }));
    const found = new Map([
      ['forge', observing(70, 60, 80)],
      ['other', observing(60, 52, 73)],
    ]);
    const { figure: _figure, ...subject } = { ...comparison, observation: 'hits' };
    const bars: [bar: Bar, median: number, holds: boolean][] = [
      [{ ...subject, morePoints: 8 }, 8, true],
      [{ ...subject, morePoints: 8.5 }, 8, false],
      [{ ...subject, atMostTimes: 1.16 }, 60 / 52, true],
      [{ ...subject, atMostTimes: 1.15 }, 60 / 52, false],
      [{ case: 'get', observation: 'hits', contestant: 'forge', atMost: 70 }, 70, true],
      [{ case: 'get', observation: 'hits', contestant: 'forge', atMost: 69 }, 70, false],
    ];
    for (const [bar, median, holds] of bars) expect(judge(bar, found)).toMatchObject({ measured: { median }, holds });
    expect(bars.map(([bar]) => describeBar(bar))).toEqual([
      'get: hits of forge at least 8 above other',
      'get: hits of forge at least 8.5 above other',
      'get: hits of forge at most 1.16 × other',
      'get: hits of forge at most 1.15 × other',
      'get: hits of forge at most 70',
      'get: hits of forge at most 69',
    ]);
  });

  it('throws when nothing was measured, rather than hold', () => {
    expect(() => judge(atLeast(0.9), new Map())).toThrow(RangeError);
    const zero = new Map([
      ['forge', samples(0)],
      ['other', samples(0)],
    ]);
    expect(() => judge(atLeast(0.9), zero)).toThrow(RangeError);
  });
});

describe('describeBar', () => {
  it('names the case, the figure, both contestants and the bound', () => {
    expect(describeBar(atLeast(0.9))).toBe('get: cpu of forge at least 0.90 × other');
    expect(describeBar(atMostAbove(15))).toBe('get: cpu of forge at most 15.00 ms above other');
  });
});

describe('describeMeasured', () => {
  it('carries the unit of the bar', () => {
    const measured = { min: 1, median: 2, max: 3 };
    expect(describeMeasured({ bar: atLeast(1), measured, holds: true })).toBe('2.00 (1.00 to 3.00) ×');
    expect(describeMeasured({ bar: atMostAbove(1), measured, holds: false })).toBe('2.00 (1.00 to 3.00) ms');
  });
});
