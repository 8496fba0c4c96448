import { afterEach, vi } from 'vitest';
import { PerformanceMonitor, type MetricFamily, type PerformanceConfig } from '../../src/index.ts';

/** Makes monitors that are closed when the test is over. */
export function monitors(): (config?: PerformanceConfig) => PerformanceMonitor {
  const open: PerformanceMonitor[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((monitor) => monitor.close()));
    vi.useRealTimers();
  });
  return (config) => {
    const monitor = new PerformanceMonitor(config);
    open.push(monitor);
    return monitor;
  };
}

export function familyOf(monitor: PerformanceMonitor, name: string): MetricFamily | undefined {
  return monitor.collect().find((family) => family.name === name);
}

/** The values of a counter or gauge, by its label values joined with a blank. */
export function valuesOf(monitor: PerformanceMonitor, name: string): Record<string, number> {
  const family = familyOf(monitor, name);
  if (family === undefined || family.kind === 'histogram') throw new Error(`There is no counter or gauge ${name}`);
  return Object.fromEntries(family.points.map(({ labelValues, value }) => [labelValues.join(' '), value]));
}
