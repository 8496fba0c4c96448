import { beforeEach, describe, expect, it, vi } from 'vitest';
import { monitors, valuesOf, familyOf } from './support/monitors.ts';

const monitor = monitors();

describe('recordRequest', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  it('gives exact quantiles by nearest rank while the history holds the window', () => {
    const own = monitor({ latencyHistorySize: 100 });
    for (let ms = 100; ms >= 1; ms--) own.recordRequest(ms);
    expect(own.getMetrics()).toMatchObject({
      requestCount: 100,
      averageLatency: 50.5,
      p50Latency: 50,
      p95Latency: 95,
      p99Latency: 99,
    });
  });

  it.each([0, 10])('gives quantiles within 1.1 %% of exact when the history holds %i', (latencyHistorySize) => {
    const own = monitor({ latencyHistorySize });
    for (let ms = 1; ms <= 1000; ms++) own.recordRequest(ms);
    const { p50Latency, p95Latency, p99Latency } = own.getMetrics();
    for (const [got, exact] of [
      [p50Latency, 500],
      [p95Latency, 950],
      [p99Latency, 990],
    ] as const) {
      expect(Math.abs(got / exact - 1)).toBeLessThan(0.011);
    }
  });

  it('is exact again when the window holds few enough, with the history wrapped', () => {
    const own = monitor({ latencyHistorySize: 4, window: 12_000 });
    for (let ms = 1; ms <= 7; ms++) own.recordRequest(ms * 1000);
    vi.advanceTimersByTime(13_000);
    for (const ms of [31, 33, 32]) own.recordRequest(ms);
    expect(own.getMetrics()).toMatchObject({ p50Latency: 32, p99Latency: 33, requestCount: 10 });
  });

  it('speaks of the last window only, but counts all requests', () => {
    const own = monitor({ window: 60_000 });
    for (let i = 0; i < 50; i++) own.recordRequest(5000, true);
    vi.advanceTimersByTime(65_000);
    own.recordRequest(10);
    const { requestCount, averageLatency, p99Latency, errorRate } = own.getMetrics();
    expect({ requestCount, averageLatency, p99Latency, errorRate }).toEqual({
      requestCount: 51,
      averageLatency: 10,
      p99Latency: 10,
      errorRate: 0,
    });
  });

  it('gives the error rate in percent, of all requests in the window', () => {
    const own = monitor();
    for (let i = 0; i < 8; i++) own.recordRequest(1, i < 2);
    expect(own.getMetrics().errorRate).toBe(25);
  });

  it('counts a request whose latency is no measurement, and only refuses the latency', () => {
    const own = monitor();
    own.recordRequest(10);
    for (const latency of [Number.NaN, Infinity, -5]) own.recordRequest(latency, true);
    expect(own.getMetrics()).toMatchObject({ requestCount: 4, errorRate: 75, averageLatency: 10, p99Latency: 10 });
    expect(valuesOf(own, 'forge.refused')).toEqual({ 'forge.request.duration': 3 });
    expect(valuesOf(own, 'forge.request.errors')).toEqual({ '': 3 });
    expect(familyOf(own, 'forge.request.duration')).toMatchObject({ points: [{ sum: 0.01 }] });
  });

  it('keeps a request and its latency equally long, however long the start took', () => {
    let now = 0;
    let reading = 300;
    const own = monitor({ window: 12_000, metricsInterval: 0, clock: { now: () => (now += reading) } });
    reading = 0;
    const start = now;
    own.recordRequest(10);
    for (now = start + 11_500; now < start + 14_000; now += 50) {
      const { averageLatency, throughput } = own.getMetrics();
      expect(averageLatency > 0).toBe(throughput > 0);
    }
    expect(own.getMetrics().throughput).toBe(0);
  });

  it('gives 0 for everything when there were no requests', () => {
    const zero = { requestCount: 0, averageLatency: 0, p50Latency: 0, p95Latency: 0, p99Latency: 0 };
    expect(monitor().getMetrics()).toMatchObject({ ...zero, errorRate: 0, throughput: 0 });
  });
});

describe('throughput', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  it('is never taken over less than a second', () => {
    const own = monitor();
    own.recordRequest(1);
    vi.advanceTimersByTime(1);
    expect(own.getMetrics().throughput).toBe(1);
  });

  it('is taken over the time since the start while that is shorter than the window', () => {
    const own = monitor();
    for (let i = 0; i < 40; i++) own.recordRequest(1);
    vi.advanceTimersByTime(4000);
    expect(own.getMetrics().throughput).toBe(10);
  });

  it('is the rate over the window afterwards', () => {
    const own = monitor({ window: 12_000 });
    for (let second = 0; second < 60; second++) {
      for (let i = 0; i < 5; i++) own.recordRequest(1);
      vi.advanceTimersByTime(1000);
    }
    expect(own.getMetrics().throughput).toBeCloseTo(5, 5);
  });
});

describe('startRequest', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  it('records the time until the returned function is called', () => {
    const own = monitor();
    const done = own.startRequest();
    vi.advanceTimersByTime(120);
    done();
    expect(own.getMetrics()).toMatchObject({ requestCount: 1, averageLatency: 120, errorRate: 0 });
  });

  it('records an error when the outcome says so', () => {
    const own = monitor();
    own.startRequest()({ error: true });
    own.startRequest()({ error: false });
    own.startRequest()({});
    expect(own.getMetrics().errorRate).toBeCloseTo(100 / 3);
  });

  it('records once when it is ended twice', () => {
    const own = monitor();
    const done = own.startRequest();
    done({ error: true });
    done();
    expect(own.getMetrics()).toMatchObject({ requestCount: 1, errorRate: 100 });
  });

  it('reads the clock that was injected', () => {
    let now = 5;
    const own = monitor({ clock: { now: () => now } });
    const done = own.startRequest();
    now = 47;
    done();
    expect(own.getMetrics().p50Latency).toBe(42);
  });
});
