import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PerformanceMonitor } from '../../src/index.ts';

const WINDOW = 12_000;
const PARTS = 12;
const WIDTH = WINDOW / PARTS;

type Step =
  | { readonly type: 'record'; readonly latency: number; readonly error: boolean }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'reset' }
  | { readonly type: 'read' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('record' as const),
      latency: fc.oneof(
        fc.integer({ min: 0, max: 5000 }),
        fc.double({ min: 0, max: 1e6, noNaN: true }),
        fc.constantFrom(Number.NaN, -1, Infinity),
      ),
      error: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 4000 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.constantFrom(999, 1000, 12_999, 90_000) }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'reset' as const }) },
  { weight: 4, arbitrary: fc.constant({ type: 'read' as const }) },
);

interface Recorded {
  readonly at: number;
  readonly latency: number;
  readonly error: boolean;
}

/** What the monitor should say, from a plain array of everything that was recorded since the start or the last reset. */
class Model {
  start: number;
  all: Recorded[] = [];

  constructor(start: number) {
    this.start = start;
  }

  figures(now: number): Record<string, number> {
    const part = (at: number): number => Math.floor((at - this.start) / WIDTH);
    const recent = this.all.filter(({ at }) => part(at) >= part(now) - PARTS);
    const latencies = recent.map(({ latency }) => latency).filter((latency) => latency >= 0 && latency < Infinity);
    const sorted = latencies.toSorted((a, b) => a - b);
    const quantile = (q: number): number => sorted[Math.max(Math.ceil(q * sorted.length), 1) - 1] ?? 0;
    const span = now - Math.max(this.start, this.start + (part(now) - PARTS) * WIDTH);
    return {
      requestCount: this.all.length,
      averageLatency: latencies.reduce((sum, latency) => sum + latency, 0) / Math.max(latencies.length, 1),
      p50Latency: quantile(0.5),
      p95Latency: quantile(0.95),
      p99Latency: quantile(0.99),
      errorRate: (recent.filter(({ error }) => error).length / Math.max(recent.length, 1)) * 100,
      throughput: recent.length / Math.max(span / 1000, 1),
      samples: latencies.length,
    };
  }
}

describe('PerformanceMonitor', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('says of the last window what an array of all requests says', async () => {
    const steps = fc.array(step, { maxLength: 120 });
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 0, max: 30 }), async (run, latencyHistorySize) => {
        await using monitor = new PerformanceMonitor({ window: WINDOW, metricsInterval: 500, latencyHistorySize });
        const model = new Model(performance.now());
        const wrong: string[] = [];
        for (const each of [...run, { type: 'read' } as const]) {
          if (each.type === 'record') {
            monitor.recordRequest(each.latency, each.error);
            model.all.push({ at: performance.now(), latency: each.latency, error: each.error });
          } else if (each.type === 'wait') {
            vi.advanceTimersByTime(each.ms);
          } else if (each.type === 'reset') {
            monitor.reset();
            model.start = performance.now();
            model.all = [];
          } else {
            const { samples, ...expected } = model.figures(performance.now());
            const metrics = monitor.getMetrics() as unknown as Record<string, number>;
            // Exact while the history holds the window, within the width of a bin above that.
            const tolerance = samples! <= latencyHistorySize ? 1e-9 : 0.011;
            for (const [name, value] of Object.entries(expected)) {
              const allowed = (name.startsWith('p') ? tolerance : 1e-9) * value;
              // Next to nothing is binned as 0.
              const isRight = Math.abs(metrics[name]! - value) <= allowed + 1e-30;
              if (!isRight) wrong.push(`${name} is ${metrics[name]} and not ${value}`);
            }
          }
        }
        expect(wrong).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});
