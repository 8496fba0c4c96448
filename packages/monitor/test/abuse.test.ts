import { describe, expect, it } from 'vitest';
import { PerformanceMonitor, type MetricsSource, type PerformanceConfig } from '../src/index.ts';
import { monitors } from './support/monitors.ts';

const monitor = monitors();

describe('new PerformanceMonitor', () => {
  it.each([
    [{ metricsInterval: -1 }],
    [{ metricsInterval: 2 ** 31 }],
    [{ metricsInterval: Infinity }],
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
    [{ clock: {} }],
    [{ clock: 5 }],
    [{ alertThresholds: { latency: '1s' } }],
  ])('throws a TypeError for %j', (config) => {
    expect(() => new PerformanceMonitor(config as unknown as PerformanceConfig)).toThrow(TypeError);
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

  it('throws a TypeError when the name is empty or taken', () => {
    const own = monitor();
    const source = { getMetrics: () => ({}) };
    own.observe('s', source);
    expect(() => own.observe('s', source)).toThrow('Cannot observe: there is a source "s" with these labels already');
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
