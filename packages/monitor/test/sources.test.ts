import { describe, expect, it, vi } from 'vitest';
import type { MetricsSource, PerformanceEvents } from '../src/index.ts';
import { familyOf, monitors, valuesOf } from './support/monitors.ts';

const monitor = monitors();

type Listener = (name: string, value: number) => void;

/** A source whose `measure` its listeners hear. */
function measuring(): MetricsSource & { listeners: Set<Listener>; measure: Listener } {
  const listeners = new Set<Listener>();
  return {
    listeners,
    measure(name, value) {
      for (const listener of listeners) listener(name, value);
    },
    getMetrics: () => ({}),
    onMeasure(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

describe('observe', () => {
  it('pulls the figures when they are collected, as counters and gauges by metricKinds', () => {
    const own = monitor();
    const metricKinds = { hits: 'counter' } as const;
    const metrics = { hits: 1, hitRate: 50 };
    const getMetrics = vi.fn(() => metrics);
    own.observe('cache', { getMetrics, metricKinds });
    expect(getMetrics).not.toHaveBeenCalled();
    metrics.hits = 2;
    expect(familyOf(own, 'cache_hits')).toMatchObject({ kind: 'counter', points: [{ value: 2 }] });
    expect(familyOf(own, 'cache_hitRate')).toMatchObject({ kind: 'gauge', points: [{ value: 50 }] });
  });

  it('takes the numbers, and nothing else, from what a source gives', () => {
    const own = monitor();
    const odd: Record<string, unknown> = { text: '5', none: null, list: [1, 2], map: new Map([['a', 1]]), n: 5 };
    odd.self = odd;
    own.observe('odd', { getMetrics: () => odd });
    const names = own.collect().map(({ name }) => name);
    expect(names.filter((name) => name.startsWith('odd'))).toEqual(['odd_n']);
  });

  it('takes a field for a gauge whatever its name is on Object.prototype', () => {
    const own = monitor();
    own.observe('odd', { getMetrics: () => ({ constructor: 1, toString: 2 }), metricKinds: {} });
    expect(familyOf(own, 'odd_constructor')?.kind).toBe('gauge');
  });

  it('records what the source measures, in the unit that the name says', () => {
    const own = monitor();
    const source = measuring();
    own.observe('pool', source);
    for (const wait of [10, 20]) source.measure('wait', wait);
    source.measure('batchSize', 8);
    source.measure('sentBytes', 512);
    expect(own.histogram('pool.wait').snapshot()).toMatchObject({ count: 2, sum: 30 });
    expect(familyOf(own, 'pool.wait')).toMatchObject({ unit: 'seconds', points: [{ sum: 0.03 }] });
    expect(familyOf(own, 'pool.batchSize')).toMatchObject({ unit: 'count', points: [{ sum: 8 }] });
    expect(familyOf(own, 'pool.sentBytes')).toMatchObject({ unit: 'bytes', points: [{ sum: 512 }] });
  });

  it('stops with the function it returns, which frees the name', () => {
    const own = monitor();
    const source = measuring();
    const stop = own.observe('pool', { ...source, getMetrics: () => ({ open: 1 }) });
    stop();
    stop();
    expect(source.listeners.size).toBe(0);
    expect(familyOf(own, 'pool_open')).toBeUndefined();
    own.observe('pool', { getMetrics: () => ({ open: 2 }) });
    stop();
    expect(valuesOf(own, 'pool_open')).toEqual({ '': 2 });
  });

  it('makes one family of the sources of one name, told apart by their labels', () => {
    const own = monitor();
    const sources = [measuring(), measuring()];
    for (const [n, source] of sources.entries()) {
      own.observe('pool', { ...source, getMetrics: () => ({ open: n + 1 }) }, { upstream: `u${n}` });
      source.measure('wait', 10);
    }
    expect(valuesOf(own, 'pool_open')).toEqual({ u0: 1, u1: 2 });
    expect(own.collect().filter(({ name }) => name === 'pool_open')).toHaveLength(1);
    expect(own.histogram('pool.wait', { labels: ['upstream'] }).snapshot('u1')).toMatchObject({ count: 1, sum: 10 });
    expect(() => own.observe('pool', sources[0]!, { upstream: 'u0' })).toThrow(
      'there is a source with this name and labels',
    );
  });

  it('takes the same labels for the same, in whatever order they come', () => {
    const own = monitor();
    const told = vi.fn();
    own.on('sourceError', told);
    const [one, other] = [measuring(), measuring()];
    own.observe('pool', { ...one, getMetrics: () => ({ open: 1 }) }, { a: '1', b: '2' });
    own.observe('pool', { ...other, getMetrics: () => ({ open: 2 }) }, { b: '3', a: '1' });
    one.measure('wait', 10);
    other.measure('wait', 20);
    expect(own.collect().filter(({ name }) => name === 'pool_open')).toMatchObject([{ labels: ['a', 'b'] }]);
    expect(valuesOf(own, 'pool_open')).toEqual({ '1 2': 1, '1 3': 2 });
    const waits = own.histogram('pool.wait', { labels: ['a', 'b'] });
    expect([waits.snapshot('1', '2').sum, waits.snapshot('1', '3').sum]).toEqual([10, 20]);
    expect(told).not.toHaveBeenCalled();
    expect(() => own.observe('pool', measuring(), { b: '2', a: '1' })).toThrow(TypeError);
  });

  it('keeps the labels that it was given when the program changes them later', () => {
    const own = monitor();
    const labels = { upstream: 'files' };
    own.observe('pool', { getMetrics: () => ({ open: 1 }) }, labels);
    labels.upstream = 'other';
    expect(valuesOf(own, 'pool_open')).toEqual({ files: 1 });
  });

  it('lets a monitor observe another', () => {
    const own = monitor();
    const other = monitor();
    other.recordRequest(5);
    own.observe('other', other);
    expect(familyOf(own, 'other_requestCount')).toMatchObject({ kind: 'counter', points: [{ value: 1 }] });
  });
});

describe('a source that throws', () => {
  it('is left out and counted, and told of once until it has worked again', () => {
    const own = monitor();
    const told: PerformanceEvents['sourceError'][0][] = [];
    own.on('sourceError', (event) => told.push(event));
    const cause = new Error('gone');
    let broken = true;
    own.observe('bad', {
      getMetrics: () => {
        if (broken) throw cause;
        return { open: 1 };
      },
    });
    own.observe('good', { getMetrics: () => ({ open: 2 }) });
    for (let i = 0; i < 3; i++) expect(valuesOf(own, 'good_open')).toEqual({ '': 2 });
    expect(valuesOf(own, 'forge.source.failures')).toEqual({ bad: 4 });
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ source: 'bad', error: { code: 'MONITOR_SOURCE_FAILED', cause } });
    broken = false;
    expect(valuesOf(own, 'bad_open')).toEqual({ '': 1 });
    broken = true;
    own.collect();
    expect(told).toHaveLength(2);
  });

  it('does not touch getMetrics of the monitor', () => {
    const own = monitor();
    const getMetrics = vi.fn(() => {
      throw new Error('gone');
    });
    own.observe('bad', { getMetrics });
    expect(own.getMetrics().requestCount).toBe(0);
  });

  it('does not keep close from stopping the others', async () => {
    const own = monitor();
    const source = measuring();
    const throwing = (): never => {
      throw new Error('no');
    };
    own.observe('bad', { getMetrics: () => ({}), onMeasure: () => throwing });
    own.observe('good', source);
    await own.close();
    expect(source.listeners.size).toBe(0);
    expect(valuesOf(own, 'forge.source.failures')).toEqual({ bad: 1 });
  });

  it('never hears that its measure has the name of another metric', () => {
    const own = monitor();
    const source = measuring();
    own.counter('pool.wait');
    own.observe('pool', source);
    for (let i = 0; i < 3; i++) source.measure('wait', 1);
    expect(valuesOf(own, 'forge.source.failures')).toEqual({ pool: 1 });
  });
});
