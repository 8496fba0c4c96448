import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { AlertThresholds, PerformanceAlert, PerformanceConfig, PerformanceMonitor } from '../src/index.ts';
import { monitors } from './support/monitors.ts';

const monitor = monitors();

/** A monitor that checks each second over a window of 12 s, and what it told. */
function watched(
  alertThresholds: AlertThresholds,
  config: PerformanceConfig = {},
): { own: PerformanceMonitor; told: string[]; alerts: PerformanceAlert[] } {
  const own = monitor({ metricsInterval: 1000, window: 12_000, alertThresholds, ...config });
  const told: string[] = [];
  const alerts: PerformanceAlert[] = [];
  own.on('alert', (alert) => {
    told.push(`+${alert.type}`);
    alerts.push(alert);
  });
  own.on('alertResolved', (alert) => {
    told.push(`-${alert.type}`);
    alerts.push(alert);
  });
  return { own, told, alerts };
}

function requests(own: PerformanceMonitor, count: number, latency: number, error = false): void {
  for (let i = 0; i < count; i++) own.recordRequest(latency, error);
}

describe('alertThresholds', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  it('alerts once when the average latency is above its threshold, and resolves once when it is back', () => {
    const { own, told, alerts } = watched({ latency: 100 });
    requests(own, 20, 250);
    vi.advanceTimersByTime(5000);
    expect(told).toEqual(['+latency']);
    vi.advanceTimersByTime(60_000);
    expect(told).toEqual(['+latency', '-latency']);
    expect(alerts).toEqual([
      {
        type: 'latency',
        value: 250,
        threshold: 100,
        message: 'Average latency is at 250 ms, should be at most 100 ms',
      },
      {
        type: 'latency',
        value: 0,
        threshold: 100,
        message: 'Average latency is back at 0 ms, should be at most 100 ms',
      },
    ]);
  });

  it('checks on the tick of the sampler and not on each record', () => {
    const { own, told } = watched({ latency: 100 });
    requests(own, 20, 250);
    own.getMetrics();
    expect(told).toEqual([]);
    vi.advanceTimersByTime(1000);
    expect(told).toEqual(['+latency']);
  });

  it('does not alert when a figure is on its threshold', () => {
    const { own, told } = watched({ latency: 100, errorRate: 50 });
    requests(own, 10, 100);
    requests(own, 10, 100, true);
    vi.advanceTimersByTime(1000);
    expect(told).toEqual([]);
  });

  it('takes a figure that wavers around its threshold for one alert', () => {
    const { own, told } = watched({ cpuUsage: 80 });
    for (const cpu of [85, 79, 81, 73, 90, 72.1, 82]) {
      own.recordResourceUsage(10, cpu);
      vi.advanceTimersByTime(1000);
    }
    expect(told).toEqual(['+cpuUsage']);
    own.recordResourceUsage(10, 72);
    vi.advanceTimersByTime(1000);
    expect(told).toEqual(['+cpuUsage', '-cpuUsage']);
    own.recordResourceUsage(10, 81);
    vi.advanceTimersByTime(1000);
    expect(told).toEqual(['+cpuUsage', '-cpuUsage', '+cpuUsage']);
  });

  it('needs ten requests before latency or errors are an alert', () => {
    const { own, told } = watched({ latency: 100, errorRate: 5 });
    requests(own, 9, 5000, true);
    vi.advanceTimersByTime(1000);
    expect(told).toEqual([]);
    requests(own, 1, 5000, true);
    vi.advanceTimersByTime(1000);
    expect(told).toEqual(['+latency', '+errorRate']);
  });

  it('watches throughput only once the window has passed', () => {
    const { own, told } = watched({ throughput: 10 });
    vi.advanceTimersByTime(11_000);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(1000);
    expect(told).toEqual(['+throughput']);
    for (let second = 0; second < 13; second++) {
      requests(own, 10, 1);
      vi.advanceTimersByTime(1000);
    }
    expect(told).toEqual(['+throughput']);
    for (let second = 0; second < 13; second++) {
      requests(own, 12, 1);
      vi.advanceTimersByTime(1000);
    }
    expect(told).toEqual(['+throughput', '-throughput']);
  });

  it('watches memory as the monitor measures it', () => {
    const { told } = watched({ memoryUsage: 0 });
    vi.advanceTimersByTime(2000);
    expect(told).toEqual(['+memoryUsage']);
  });

  it('watches nothing that has no threshold', () => {
    const { own, told } = watched({});
    own.recordResourceUsage(100, 100);
    requests(own, 100, 1e6, true);
    vi.advanceTimersByTime(20_000);
    expect(told).toEqual([]);
  });

  it('is not checked when metricsInterval is 0', () => {
    const { own, told } = watched({ cpuUsage: 1 }, { metricsInterval: 0 });
    own.recordResourceUsage(100, 100);
    vi.advanceTimersByTime(60_000);
    own.getMetrics();
    expect(told).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('still resolves when the traffic that caused the alert is gone', () => {
    const { own, told } = watched({ errorRate: 5 });
    requests(own, 10, 1, true);
    vi.advanceTimersByTime(15_000);
    expect(told).toEqual(['+errorRate', '-errorRate']);
  });

  it('survives a listener that throws', () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { own, told } = watched({ cpuUsage: 1 });
    own.prependListener('alert', () => {
      throw new Error('listener of a test');
    });
    own.recordResourceUsage(1, 50);
    vi.advanceTimersByTime(1000);
    expect(told).toEqual(['+cpuUsage']);
    expect(warning).toHaveBeenCalledOnce();
    warning.mockRestore();
  });

  it('survives a listener whose promise rejects', async () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { own, told } = watched({ cpuUsage: 1 });
    const gone = new Error('async listener of a test');
    // As an async function is, which the type of a listener admits.
    const listener: () => unknown = () => Promise.reject(gone);
    own.prependListener('alert', listener);
    own.recordResourceUsage(1, 50);
    await vi.advanceTimersByTimeAsync(1000);
    expect(told).toEqual(['+cpuUsage']);
    expect(warning.mock.calls).toEqual([[gone]]);
    warning.mockRestore();
  });
});
