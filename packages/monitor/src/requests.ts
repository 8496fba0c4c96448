import { isMeasurable, rankOf } from './bins.ts';
import type { HistogramSeries } from './histogram.ts';
import type { PerformanceMetrics } from './metrics.ts';
import type { Milliseconds } from './options.ts';
import type { Registry } from './registry.ts';
import type { ValueSeries } from './values.ts';

/** Throughput is never taken over less than this: the first request after 1 ms is no 1000 requests per second. */
const SHORTEST_SPAN = 1000;

export type RequestFigures = Pick<
  PerformanceMetrics,
  'requestCount' | 'averageLatency' | 'p50Latency' | 'p95Latency' | 'p99Latency' | 'errorRate' | 'throughput'
>;

/** The request figures, and what they rest on. */
export interface RequestSummary {
  readonly figures: RequestFigures;
  /** Requests in the window. */
  readonly samples: number;
  /** How much time the window covers so far. */
  readonly span: Milliseconds;
}

/**
 * Latency, errors and throughput of requests.
 *
 * A request whose latency is no measurement still happened: it counts as a request and as an error, only its latency is
 * refused. The last raw latencies are kept in a ring. They enter it in the order in which they enter the window, so the
 * n latencies of the window are the last n of the ring, as long as it holds n, and no time need be kept with them.
 */
export class Requests {
  readonly #latencies: HistogramSeries;
  readonly #total: ValueSeries;
  readonly #failed: ValueSeries;
  readonly #refuse: () => void;
  readonly #history: Float64Array;
  #next = 0;

  constructor(registry: Registry, latencyHistorySize: number) {
    const latencies = registry.own('histogram', 'forge.request.duration', { unit: 'ms', help: 'Latency of requests.' });
    this.#latencies = latencies.bind();
    this.#refuse = latencies.definition.onRefused;
    this.#total = registry.own('counter', 'forge.requests', { help: 'Requests.' }).bind();
    this.#failed = registry.own('counter', 'forge.request.errors', { help: 'Requests that failed.' }).bind();
    this.#history = new Float64Array(latencyHistorySize);
  }

  record(latency: Milliseconds, error: boolean, now: Milliseconds): void {
    const part = this.#latencies.window.at(now);
    part.requests++;
    this.#total.value++;
    if (error) {
      part.errors++;
      this.#failed.value++;
    }
    if (!isMeasurable(latency)) {
      this.#refuse();
      return;
    }
    this.#latencies.recordAt(latency, now);
    if (this.#history.length === 0) return;
    this.#history[this.#next] = latency;
    this.#next = (this.#next + 1) % this.#history.length;
  }

  summary(now: Milliseconds): RequestSummary {
    const span = this.#latencies.window.span(now);
    let samples = 0;
    let errors = 0;
    for (const part of this.#latencies.window.recent(now)) {
      samples += part.requests;
      errors += part.errors;
    }
    const { count, sum, quantile } = this.#latencies.snapshot(now);
    const exact = count <= this.#history.length ? this.#last(count).sort() : undefined;
    const latencyAt = (q: number): Milliseconds => {
      if (count === 0) return 0;
      return exact === undefined ? quantile(q) : exact[rankOf(q, count) - 1]!;
    };
    const figures: RequestFigures = {
      requestCount: this.#total.value,
      averageLatency: count === 0 ? 0 : sum / count,
      p50Latency: latencyAt(0.5),
      p95Latency: latencyAt(0.95),
      p99Latency: latencyAt(0.99),
      errorRate: samples === 0 ? 0 : (errors / samples) * 100,
      throughput: (samples * 1000) / Math.max(span, SHORTEST_SPAN),
    };
    return { figures, samples, span };
  }

  /** A copy of the last `count` latencies, in the order of the ring. */
  #last(count: number): Float64Array {
    const from = this.#next - count;
    if (from >= 0) return this.#history.slice(from, this.#next);
    const wrapped = new Float64Array(count);
    wrapped.set(this.#history.subarray(from), 0);
    wrapped.set(this.#history.subarray(0, this.#next), -from);
    return wrapped;
  }
}
