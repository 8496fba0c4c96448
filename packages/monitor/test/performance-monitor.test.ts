import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { PerformanceMonitor } from '../src/index.ts';
import { familyOf, monitors, valuesOf } from './support/monitors.ts';

const monitor = monitors();
const run = async (file: string): Promise<string> => {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@forge/source', path], {
    timeout: 10_000,
  });
  return stdout;
};

describe('getMetrics', () => {
  it('returns a frozen snapshot of its own', () => {
    const own = monitor();
    const before = own.getMetrics();
    own.recordRequest(5);
    expect(before.requestCount).toBe(0);
    expect(Object.isFrozen(before)).toBe(true);
  });

  it('has numbers only, of which metricKinds names those that only grow', () => {
    const own = monitor();
    expect(Object.values(own.getMetrics()).filter((figure) => typeof figure !== 'number')).toEqual([]);
    expect(own.metricKinds).toEqual({ requestCount: 'counter' });
    expect(Object.isFrozen(own.metricKinds)).toBe(true);
  });
});

describe('recordConnectionCount', () => {
  it('sets activeConnections', () => {
    const own = monitor();
    own.recordConnectionCount(7);
    expect(own.getMetrics().activeConnections).toBe(7);
    expect(valuesOf(own, 'forge.active.connections')).toEqual({ '': 7 });
  });

  it('refuses what is no count', () => {
    const own = monitor();
    own.recordConnectionCount(7);
    for (const count of [-1, Number.NaN, Infinity]) own.recordConnectionCount(count);
    expect(own.getMetrics().activeConnections).toBe(7);
    expect(valuesOf(own, 'forge.refused')).toEqual({ 'forge.active.connections': 3 });
  });
});

describe('reset', () => {
  it('sets counters, histograms and windows to zero, keeps gauges and tells how much was forgotten', () => {
    vi.useFakeTimers();
    const own = monitor();
    const told = vi.fn();
    own.on('metricsReset', told);
    own.recordRequest(10, true);
    own.recordRequest(20);
    own.recordConnectionCount(3);
    own.histogram('h').record(1);
    vi.advanceTimersByTime(30_000);
    own.reset();
    expect(told.mock.calls).toEqual([[{ requestCount: 2 }]]);
    const zero = { requestCount: 0, averageLatency: 0, p99Latency: 0, errorRate: 0, throughput: 0 };
    expect(own.getMetrics()).toMatchObject({ ...zero, activeConnections: 3 });
    expect(own.histogram('h').snapshot().count).toBe(0);
    expect(familyOf(own, 'forge.request.duration')).toMatchObject({ points: [{ sum: 0, bins: { count: 0 } }] });
    own.recordRequest(30);
    vi.advanceTimersByTime(2000);
    expect(own.getMetrics()).toMatchObject({ requestCount: 1, p50Latency: 30, throughput: 0.5 });
  });
});

describe('metricsInterval', () => {
  it.each([0, Infinity])('leaves no timer when it is %s, and samples when it is read', (metricsInterval) => {
    vi.useFakeTimers();
    const own = monitor({ metricsInterval });
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(1000);
    const cpu = vi.spyOn(process, 'cpuUsage');
    own.getMetrics();
    expect(cpu).toHaveBeenCalledOnce();
    cpu.mockRestore();
  });

  it('ticks no earlier than a timer can be set when it is longer', () => {
    vi.useFakeTimers();
    const own = monitor({ metricsInterval: 2 ** 40, alertThresholds: { memoryUsage: 0 } });
    const told = vi.fn();
    own.on('alert', told);
    vi.advanceTimersByTime(2 ** 31 - 2);
    expect(told).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(told).toHaveBeenCalledOnce();
  });
});

describe('close', () => {
  it('stops the sampler, is idempotent, and lets recording and reading go on', async () => {
    vi.useFakeTimers();
    const own = monitor({ metricsInterval: 1000 });
    expect(vi.getTimerCount()).toBe(1);
    await own.close();
    await own.close();
    expect(vi.getTimerCount()).toBe(0);
    own.recordRequest(5);
    expect(own.getMetrics()).toMatchObject({ requestCount: 1, p50Latency: 5 });
    expect(own.collect().length).toBeGreaterThan(0);
  });

  it('is called at the end of an await using block', async () => {
    vi.useFakeTimers();
    {
      await using own = new PerformanceMonitor();
      own.recordRequest(1);
    }
    expect(vi.getTimerCount()).toBe(0);
  });

  it('samples no more', async () => {
    const own = monitor({ metricsInterval: 0 });
    await own.close();
    const rss = vi.spyOn(process.memoryUsage, 'rss');
    own.getMetrics();
    expect(rss).not.toHaveBeenCalled();
    rss.mockRestore();
  });
});

describe('the process', () => {
  it('exits while a monitor is idle and open', async () => {
    expect(await run('fixtures/idle.ts')).toBe('recorded 1\n');
  }, 20_000);
});

describe('README', () => {
  it('begins its code with the example, which runs and shows the point', async () => {
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
    const example = await readFile(new URL('../examples/basic.ts', import.meta.url), 'utf8');
    expect(/```ts\n(.*?)```/s.exec(readme)?.[1]).toBe(example);
    const output = await run('../examples/basic.ts');
    expect(output).toContain('alert: Error rate is at 10 %, should be at most 5 %');
    expect(output).toContain('p99Latency: 198');
    expect(output).toContain('tool_duration_seconds_count{tool="search"} 100');
  }, 20_000);
});
