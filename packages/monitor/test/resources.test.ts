import { setTimeout as delay } from 'node:timers/promises';
import { availableParallelism, totalmem } from 'node:os';
import { monitorEventLoopDelay, performance, type EventLoopUtilization } from 'node:perf_hooks';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { familyOf, monitors, valuesOf } from './support/monitors.ts';

// The real functions, which a test may watch or replace.
vi.mock(import('node:perf_hooks'), async (original) => {
  const real = await original();
  return { ...real, monitorEventLoopDelay: vi.fn(real.monitorEventLoopDelay) };
});

const monitor = monitors();

afterEach(() => {
  vi.restoreAllMocks();
});

/** By CPU time: on a busy machine a loop gets little of the time on the wall. */
function burn(ms: number): void {
  const before = process.cpuUsage();
  for (let used = 0; used < ms * 1000;) {
    const { user, system } = process.cpuUsage(before);
    used = user + system;
  }
}

describe('cpuUsage', () => {
  it('is what process.cpuUsage says, as a share of the cores, when a loop burns the CPU', () => {
    const own = monitor({ metricsInterval: 0 });
    const start = performance.now();
    const before = process.cpuUsage();
    burn(200);
    const { cpuUsage } = own.getMetrics();
    const { user, system } = process.cpuUsage(before);
    const truth = ((user + system) / 1000 / ((performance.now() - start) * availableParallelism())) * 100;
    expect(truth).toBeGreaterThan(0);
    expect(Math.abs(cpuUsage - truth)).toBeLessThan(0.15 * truth);
  });

  it('rises with a burning loop and falls without', () => {
    let now = 0;
    const own = monitor({ metricsInterval: 0, clock: { now: () => now } });
    const figure = (): number => {
      now += 1000;
      return own.getMetrics().cpuUsage;
    };
    const idle = figure();
    burn(150);
    const busy = figure();
    expect(busy).toBeGreaterThan(idle + 2);
    expect(figure()).toBeLessThan(busy / 2);
  });

  it('keeps its last figure when it is asked for again at once', () => {
    const own = monitor({ metricsInterval: 0 });
    burn(120);
    const { cpuUsage } = own.getMetrics();
    expect(own.getMetrics().cpuUsage).toBe(cpuUsage);
  });

  it('is sampled each metricsInterval and not when it is read', () => {
    vi.useFakeTimers();
    const cpu = vi.spyOn(process, 'cpuUsage');
    const own = monitor({ metricsInterval: 10_000 });
    vi.advanceTimersByTime(10_000);
    cpu.mockClear();
    vi.advanceTimersByTime(9000);
    own.getMetrics();
    expect(cpu).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1000);
    expect(cpu).toHaveBeenCalledOnce();
  });
});

describe('memoryUsage', () => {
  const usage = (): number => monitor({ metricsInterval: 0 }).getMetrics().memoryUsage;

  it('is the resident memory as a share of the container limit', () => {
    vi.spyOn(process.memoryUsage, 'rss').mockReturnValue(300);
    vi.spyOn(process, 'constrainedMemory').mockReturnValue(1200);
    expect(usage()).toBe(25);
  });

  it.each([0, 2 ** 63, 1.8446744073709552e19, undefined as unknown as number])(
    'is a share of the machine when the limit reads %s, which is none',
    (limit) => {
      vi.spyOn(process.memoryUsage, 'rss').mockReturnValue(totalmem() / 4);
      vi.spyOn(process, 'constrainedMemory').mockReturnValue(limit);
      expect(usage()).toBe(25);
    },
  );

  it('is there before the first sample', () => {
    expect(monitor({ metricsInterval: 60_000 }).getMetrics().memoryUsage).toBeGreaterThan(0);
  });
});

describe('recordResourceUsage', () => {
  it('replaces the own figures for good', () => {
    vi.useFakeTimers();
    const own = monitor({ metricsInterval: 1000 });
    own.recordResourceUsage(41, 7);
    vi.advanceTimersByTime(5000);
    expect(own.getMetrics()).toMatchObject({ memoryUsage: 41, cpuUsage: 7 });
  });

  it.each([
    [Number.NaN, 1],
    [1, -1],
    [Infinity, 1],
  ])('refuses %s and %s', (memory, cpu) => {
    const own = monitor();
    own.recordResourceUsage(41, 7);
    own.recordResourceUsage(memory, cpu);
    expect(own.getMetrics()).toMatchObject({ memoryUsage: 41, cpuUsage: 7 });
    expect(valuesOf(own, 'forge.refused')).toEqual({ 'forge.resource.usage': 1 });
  });
});

describe('the event loop figures', () => {
  it('tell of a blocked loop, over the last sample only', async () => {
    let now = 0;
    const own = monitor({ metricsInterval: 0, clock: { now: () => now } });
    // Older lines of Node sample by a timer of 10 ms, which has to have run before and after.
    await delay(30);
    burn(60);
    await delay(30);
    now += 1000;
    const { p50EventLoopDelay, p99EventLoopDelay, maxEventLoopDelay, eventLoopUtilization } = own.getMetrics();
    expect(maxEventLoopDelay).toBeGreaterThan(50);
    expect(p50EventLoopDelay).toBeLessThanOrEqual(p99EventLoopDelay);
    expect(eventLoopUtilization).toBeGreaterThan(0);
    expect(eventLoopUtilization).toBeLessThanOrEqual(1);
    now += 1000;
    expect(own.getMetrics().maxEventLoopDelay).toBeLessThan(50);
  });

  it('are one and the same for all readers when there is an interval', () => {
    vi.useFakeTimers();
    const own = monitor({ metricsInterval: 1000 });
    vi.advanceTimersByTime(1000);
    const first = own.getMetrics();
    vi.advanceTimersByTime(500);
    const second = own.getMetrics();
    for (const name of ['p50EventLoopDelay', 'p99EventLoopDelay', 'maxEventLoopDelay', 'cpuUsage'] as const) {
      expect(second[name]).toBe(first[name]);
    }
  });

  it('take the utilization from one sample to the next', () => {
    const reading = (active: number): EventLoopUtilization => ({
      idle: 100 - active,
      active,
      utilization: active / 100,
    });
    const loop = vi.spyOn(performance, 'eventLoopUtilization');
    loop.mockReturnValueOnce(reading(10));
    let now = 0;
    const own = monitor({ metricsInterval: 0, clock: { now: () => now } });
    for (const active of [20, 60]) {
      loop.mockReturnValueOnce(reading(active));
      loop.mockImplementationOnce((one, other) => reading(one!.active - other!.active));
      now += 1000;
      expect(own.getMetrics().eventLoopUtilization).toBe(active === 20 ? 0.1 : 0.4);
    }
  });

  it('leave out the period of the timer where Node can only watch the loop by one', () => {
    const histogram = { enable: () => true, disable: () => true, reset: () => {}, count: 3, max: 70e6 };
    const percentile = (p: number): number => (p === 50 ? 20e6 : 45e6);
    vi.mocked(monitorEventLoopDelay).mockReturnValueOnce(Object.assign(histogram, { percentile }) as never);
    let now = 0;
    const own = monitor({ metricsInterval: 0, clock: { now: () => now } });
    now += 1000;
    expect(own.getMetrics()).toMatchObject({ p50EventLoopDelay: 0, p99EventLoopDelay: 25, maxEventLoopDelay: 50 });
  });

  it('are no longer measured after close', async () => {
    const own = monitor();
    const { results } = vi.mocked(monitorEventLoopDelay).mock;
    const histogram = results.at(-1)?.value as ReturnType<typeof monitorEventLoopDelay>;
    const disable = vi.spyOn(histogram, 'disable');
    await own.close();
    expect(disable).toHaveBeenCalledOnce();
  });
});

describe('collect', () => {
  it('has the figures of the process in exported units', () => {
    const own = monitor({ metricsInterval: 0 });
    const { user, system } = process.cpuUsage();
    expect(familyOf(own, 'process.cpu')).toMatchObject({ kind: 'counter', unit: 'seconds' });
    const seconds = valuesOf(own, 'process.cpu')['']!;
    expect(seconds).toBeGreaterThanOrEqual((user + system) / 1e6);
    expect(seconds).toBeLessThan((user + system) / 1e6 + 1);
    expect(familyOf(own, 'process.resident.memory')).toMatchObject({ kind: 'gauge', unit: 'bytes' });
    expect(valuesOf(own, 'process.resident.memory')['']).toBeGreaterThan(1e6);
  });
});
