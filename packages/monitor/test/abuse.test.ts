import { describe, expect, it } from 'vitest';
import {
  PerformanceMonitor,
  type InstrumentOptions,
  type MetricsSource,
  type PerformanceConfig,
  type SourceLabels,
} from '../src/index.ts';
import { monitors } from './support/monitors.ts';

const monitor = monitors();

describe('new PerformanceMonitor', () => {
  it.each([
    [{ metricsInterval: -1 }],
    [{ latencyHistorySize: -1 }],
    [{ latencyHistorySize: 1.5 }],
    [{ latencyHistorySize: Infinity }],
    [{ window: 999 }],
    [{ window: Infinity }],
    [{ maxSeries: 0 }],
    [{ alertThresholds: { latency: -1 } }],
    [{ alertThresholds: { errorRate: 101 } }],
    [{ alertThresholds: { cpuUsage: Infinity } }],
  ])('throws a RangeError for %j', (config) => {
    expect(() => new PerformanceMonitor(config)).toThrow(RangeError);
  });

  it.each([
    [{ metricsInterval: '10' }],
    [{ window: Number.NaN }],
    [{ windows: 5_000 }],
    [{ alertThresholds: { latencies: 5 } }],
    [null],
    [5],
    [{ clock: {} }],
    [{ clock: 5 }],
    [{ clock: { now: () => Number.NaN } }],
    [{ alertThresholds: null }],
    [{ alertThresholds: { latency: '1s' } }],
  ])('throws a TypeError for %j', (config) => {
    const create = (): unknown => new PerformanceMonitor(config as unknown as PerformanceConfig);
    expect(create).toThrow(TypeError);
    expect(create).toThrow(/^Cannot create a PerformanceMonitor: /);
  });

  it('says what it cannot do, why and with what', () => {
    expect(() => new PerformanceMonitor({ window: 5 })).toThrow(
      'Cannot create a PerformanceMonitor: window must be >= 1000 and <= 2147483647, got 5',
    );
  });
});

describe('an instrument', () => {
  it('is the same when it is asked for twice', () => {
    const own = monitor();
    const options = { labels: ['a'], unit: 'bytes' } as const;
    expect(own.histogram('h', options)).toBe(own.histogram('h', options));
  });

  it.each<(own: PerformanceMonitor) => unknown>([
    (own) => own.counter('h'),
    (own) => own.histogram('h', { labels: ['a', 'b'] }),
    (own) => own.histogram('h', { labels: ['a'], unit: 'count' }),
    (own) => own.histogram(''),
    (own) => own.gauge(5 as unknown as string),
    (own) => own.gauge('g', { labels: ['a', 'a'] }),
    (own) => own.gauge('g', { labels: 'a' as unknown as string[] }),
    (own) => own.gauge('g', { labels: [1 as unknown as string] }),
    (own) => own.gauge('g', { unit: 's' as 'ms' }),
    (own) => own.gauge('g', { help: 5 as unknown as string }),
    (own) => own.gauge('g', null as unknown as InstrumentOptions),
    (own) => own.histogram('forge.request.duration'),
    (own) => own.counter('forge.refused', { labels: ['metric'] }),
    (own) => own.gauge('forge.anything'),
  ])('throws a TypeError when it cannot be: case %#', (create) => {
    const own = monitor();
    own.histogram('h', { labels: ['a'] });
    expect(() => create(own)).toThrow(TypeError);
    expect(() => create(own)).toThrow(/^Cannot create /);
  });

  it.each<(own: PerformanceMonitor) => unknown>([
    (own) => own.histogram('h', { labels: ['a'] }).record(1),
    (own) => own.histogram('h', { labels: ['a'] }).bind('x', 'y'),
    (own) => own.histogram('h', { labels: ['a'] }).snapshot(),
    (own) => own.counter('c').add(1, 'x'),
    (own) => own.gauge('g', { labels: ['a'] }).set(1, 2 as unknown as string),
  ])('throws a TypeError when label values are missing, too many or no strings: case %#', (use) => {
    expect(() => use(monitor())).toThrow(/^Cannot use ".": it takes /);
  });
});

describe('observe', () => {
  it.each([undefined, null, 5, {}, { getMetrics: 5 }, { getMetrics: () => ({}), onMeasure: true }])(
    'throws a TypeError for %j, which is no source',
    (source) => {
      expect(() => monitor().observe('s', source as unknown as MetricsSource)).toThrow(TypeError);
    },
  );

  it.each([null, 5, { port: 8080 }, { upstream: undefined }, { upstream: { id: 'a' } }])(
    'throws a TypeError for the labels %j, and observes nothing',
    (labels) => {
      const own = monitor();
      const source = { getMetrics: () => ({ open: 1 }) };
      expect(() => own.observe('s', source, labels as unknown as SourceLabels)).toThrow(/^Cannot observe "s": /);
      expect(() => own.observe('s', source, labels as unknown as SourceLabels)).toThrow(TypeError);
      expect(own.collect().some(({ name }) => name === 's_open')).toBe(false);
    },
  );

  it.each(['forge', 'forge.request'])(
    'throws a TypeError for the name %s, whose measures are the monitor itself',
    (name) => {
      expect(() => monitor().observe(name, { getMetrics: () => ({}) })).toThrow(
        /^Cannot observe: names that begin with/,
      );
    },
  );

  it('throws a TypeError when the name is empty or taken', () => {
    const own = monitor();
    const source = { getMetrics: () => ({}) };
    own.observe('s', source);
    expect(() => own.observe('s', source)).toThrow('Cannot observe "s": there is a source with this name and labels');
    expect(() => own.observe('', source)).toThrow(TypeError);
  });

  it('throws MONITOR_CLOSED after close', async () => {
    const own = monitor();
    await own.close();
    expect(() => own.observe('s', { getMetrics: () => ({}) })).toThrow(
      expect.objectContaining({ name: 'MonitorError', code: 'MONITOR_CLOSED' }) as Error,
    );
  });
});
