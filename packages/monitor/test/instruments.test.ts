import { describe, expect, it, vi } from 'vitest';
import type { HistogramPoint } from '../src/index.ts';
import { familyOf, monitors, valuesOf } from './support/monitors.ts';

const monitor = monitors();

describe('histogram', () => {
  it('takes ms and gives ms, and is exported in seconds', () => {
    const own = monitor();
    const histogram = own.histogram('tool.duration', { labels: ['tool'] });
    for (const ms of [10, 20, 30]) histogram.record(ms, 'search');
    const { count, sum, quantile } = histogram.snapshot('search');
    expect([count, sum]).toEqual([3, 60]);
    expect(Math.abs(quantile(0.5) - 20)).toBeLessThan(0.22);
    expect(familyOf(own, 'tool.duration')).toMatchObject({
      kind: 'histogram',
      unit: 'seconds',
      points: [{ labelValues: ['search'], sum: 0.06 }],
    });
    const point = familyOf(own, 'tool.duration')?.points[0] as HistogramPoint | undefined;
    expect(point?.bins.countsUpTo([0.01, 0.025])).toEqual([1, 2]);
  });

  it.each(['bytes', 'count'] as const)('leaves %s as they are', (unit) => {
    const own = monitor();
    const histogram = own.histogram('size', { unit });
    histogram.record(4096);
    expect(histogram.snapshot().sum).toBe(4096);
    expect(Math.abs(histogram.snapshot().quantile(1) / 4096 - 1)).toBeLessThan(0.011);
    expect(familyOf(own, 'size')).toMatchObject({ unit, points: [{ sum: 4096 }] });
  });

  it('snapshots the last window while its export keeps everything', () => {
    vi.useFakeTimers();
    const own = monitor({ window: 12_000 });
    const histogram = own.histogram('h', { unit: 'count' });
    histogram.record(5);
    vi.advanceTimersByTime(13_000);
    histogram.record(7);
    expect(histogram.snapshot()).toMatchObject({ count: 1, sum: 7 });
    expect(familyOf(own, 'h')).toMatchObject({ points: [{ sum: 12 }] });
  });

  it('gives a snapshot that later values do not change', () => {
    const histogram = monitor().histogram('h');
    histogram.record(1);
    const before = histogram.snapshot();
    histogram.record(100);
    expect(before.count).toBe(1);
    expect(before.quantile(1)).toBeCloseTo(1, 1);
  });

  it('snapshots nothing, and makes no series, for label values that were never recorded', () => {
    const own = monitor();
    const histogram = own.histogram('h', { labels: ['a'] });
    expect(histogram.snapshot('x')).toMatchObject({ count: 0, sum: 0 });
    expect(histogram.snapshot('x').quantile(0.5)).toBeNaN();
    expect(familyOf(own, 'h')?.points).toEqual([]);
  });

  it.each([Number.NaN, Infinity, -1, '5' as unknown as number])(
    'counts %s as refused and leaves the sum alone',
    (value) => {
      const own = monitor();
      const histogram = own.histogram('h');
      histogram.record(3);
      histogram.record(value);
      histogram.bind().record(value);
      expect(histogram.snapshot()).toMatchObject({ count: 1, sum: 3 });
      expect(familyOf(own, 'h')).toMatchObject({ points: [{ sum: 0.003, bins: { count: 1 } }] });
      expect(valuesOf(own, 'forge.refused')).toEqual({ h: 2 });
    },
  );

  it('sums the largest values without reaching Infinity', () => {
    const histogram = monitor().histogram('h', { unit: 'bytes' });
    for (let i = 0; i < 100; i++) histogram.record(2 ** 512);
    expect(histogram.snapshot().sum).toBe(100 * 2 ** 512);
  });
});

describe('bind', () => {
  it('records into the series of its label values', () => {
    const own = monitor();
    const histogram = own.histogram('h', { labels: ['a', 'b'] });
    const bound = histogram.bind('x', 'y');
    bound.record(1);
    histogram.record(2, 'x', 'y');
    expect(histogram.snapshot('x', 'y').sum).toBe(3);
  });

  it('stays valid over a reset', () => {
    const own = monitor();
    const histogram = own.histogram('h').bind();
    const counter = own.counter('c').bind();
    histogram.record(1);
    counter.add(5);
    own.reset();
    histogram.record(2);
    counter.add();
    expect(own.histogram('h').snapshot()).toMatchObject({ count: 1, sum: 2 });
    expect(valuesOf(own, 'c')).toEqual({ '': 1 });
  });
});

describe('counter', () => {
  it('adds up by label values, and from 0 when it has none', () => {
    const own = monitor();
    const counter = own.counter('hits', { labels: ['tier'] });
    counter.add(2, 'memory');
    counter.add(1, 'store');
    counter.bind('memory').add();
    own.counter('idle');
    expect(valuesOf(own, 'hits')).toEqual({ memory: 3, store: 1 });
    expect(valuesOf(own, 'idle')).toEqual({ '': 0 });
  });

  it.each([-1, Number.NaN, Infinity])('refuses to add %s', (n) => {
    const own = monitor();
    own.counter('c').add(n);
    expect(valuesOf(own, 'c')).toEqual({ '': 0 });
    expect(valuesOf(own, 'forge.refused')).toEqual({ c: 1 });
  });
});

describe('gauge', () => {
  it('keeps the last value, below zero too, over a reset', () => {
    const own = monitor();
    const gauge = own.gauge('offset', { unit: 'ms' });
    gauge.set(7);
    gauge.bind().set(-1500);
    own.reset();
    expect(familyOf(own, 'offset')).toMatchObject({ unit: 'seconds', points: [{ value: -1.5 }] });
  });

  it.each([Number.NaN, Infinity, '1' as unknown as number])('refuses %s', (value) => {
    const own = monitor();
    own.gauge('g').set(value);
    expect(valuesOf(own, 'g')).toEqual({ '': 0 });
    expect(valuesOf(own, 'forge.refused')).toEqual({ g: 1 });
  });
});

describe('maxSeries', () => {
  it('bounds each metric for itself, and counts what went to the overflow series', () => {
    const own = monitor({ maxSeries: 2 });
    const calls = own.counter('calls', { labels: ['tool'] });
    const other = own.counter('other', { labels: ['tool'] });
    for (const tool of ['a', 'b', 'c', 'd', 'c', 'a']) calls.add(1, tool);
    other.add(1, 'e');
    expect(valuesOf(own, 'calls')).toEqual({ a: 2, b: 1, __overflow__: 3 });
    expect(valuesOf(own, 'other')).toEqual({ e: 1 });
    expect(valuesOf(own, 'forge.series.overflow')).toEqual({ calls: 3 });
  });

  it('does not apply to the counters that tell of it', () => {
    const own = monitor({ maxSeries: 1 });
    for (const name of ['a', 'b', 'c']) {
      own.counter(name, { labels: ['x'] }).add(1, '1');
      own.counter(name, { labels: ['x'] }).add(1, '2');
    }
    expect(valuesOf(own, 'forge.series.overflow')).toEqual({ a: 1, b: 1, c: 1 });
  });
});
