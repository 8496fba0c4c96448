import { EventEmitter } from 'node:events';
import { after, emit } from '@forge/internal';
import { Alerts } from './alerts.ts';
import { MonitorError } from './errors.ts';
import type { PerformanceEvents } from './events.ts';
import type { MetricFamily } from './families.ts';
import type { Counter, Gauge, Histogram, InstrumentOptions } from './instruments.ts';
import { METRIC_KINDS, type PerformanceMetrics } from './metrics.ts';
import {
  resolveConfig,
  type Milliseconds,
  type Percent,
  type PerformanceConfig,
  type ResolvedConfig,
} from './options.ts';
import { Registry } from './registry.ts';
import { Requests, type RequestSummary } from './requests.ts';
import { Resources } from './resources.ts';
import { Sources, type MetricsSource, type SourceLabels } from './sources.ts';
import type { ValueSeries } from './values.ts';

/** How a request ended. */
export interface RequestOutcome {
  /** @default false */
  readonly error?: boolean;
}

/**
 * Latency, throughput, errors and resources of a process, over a sliding window, with alerts on thresholds.
 *
 * Recording never throws on a value: what is no measurement is counted in `forge.refused` and changes nothing else. It is
 * O(1). `getMetrics()` sorts at most `latencyHistorySize` numbers.
 *
 * @example
 * const monitor = new PerformanceMonitor({ alertThresholds: { errorRate: 5 } });
 * monitor.on('alert', ({ message }) => console.warn(message));
 * const done = monitor.startRequest();
 * done({ error: false });
 * monitor.getMetrics().p99Latency;
 */
export class PerformanceMonitor extends EventEmitter<PerformanceEvents> implements AsyncDisposable {
  /** Which fields of `getMetrics()` only grow, the others being gauges; so that one monitor can observe another. */
  readonly metricKinds: typeof METRIC_KINDS = METRIC_KINDS;
  readonly #config: ResolvedConfig;
  readonly #registry: Registry;
  readonly #requests: Requests;
  readonly #resources: Resources;
  readonly #sources: Sources;
  readonly #alerts: Alerts;
  readonly #connections: ValueSeries;
  #stopSampler: () => void = () => {};
  #sampled = false;
  #closed = false;

  /** @throws TypeError or RangeError when an option is wrong */
  constructor(config: PerformanceConfig = {}) {
    super();
    this.#config = resolveConfig(config);
    this.#registry = new Registry(this.#config);
    this.#requests = new Requests(this.#registry, this.#config.latencyHistorySize);
    const help = 'Connections, as last recorded.';
    this.#connections = this.#registry.own('gauge', 'forge.active.connections', { help }).bind();
    this.#sources = new Sources(this.#registry, (source, error) => {
      emit(this, 'sourceError', () => ({ source, error }));
    });
    this.#alerts = new Alerts(this.#config.alertThresholds);
    this.#resources = new Resources(this.#config.clock.now());
    this.#armSampler();
  }

  /** Records one request; one whose latency is no measurement still counts as a request, and as an error if it was one. */
  recordRequest(latency: Milliseconds, error = false): void {
    this.#requests.record(latency, error, this.#config.clock.now());
  }

  /** Starts a request and returns the function that ends it and records it; only its first call counts. */
  startRequest(): (outcome?: RequestOutcome) => void {
    const { clock } = this.#config;
    const start = clock.now();
    let ended = false;
    return (outcome) => {
      if (ended) return;
      ended = true;
      const now = clock.now();
      this.#requests.record(now - start, outcome?.error ?? false, now);
    };
  }

  /** Sets `activeConnections`. */
  recordConnectionCount(count: number): void {
    if (isFigure(count)) this.#connections.set(count);
    else this.#registry.refuse('forge.active.connections');
  }

  /** Sets `memoryUsage` and `cpuUsage`; from then on the monitor does not measure these two itself. */
  recordResourceUsage(memoryUsage: Percent, cpuUsage: Percent): void {
    if (isFigure(memoryUsage) && isFigure(cpuUsage)) this.#resources.record(memoryUsage, cpuUsage);
    else this.#registry.refuse('forge.resource.usage');
  }

  /**
   * The distribution of this name, made on the first call.
   *
   * @throws TypeError when the name stands for another kind of metric, another unit or other labels, or begins with
   *   `forge.`, which is the monitor's own
   */
  histogram(name: string, options: InstrumentOptions = {}): Histogram {
    return this.#registry.get('histogram', name, options);
  }

  /** The counter of this name; as {@link histogram}. */
  counter(name: string, options: InstrumentOptions = {}): Counter {
    return this.#registry.get('counter', name, options);
  }

  /** The gauge of this name; as {@link histogram}. */
  gauge(name: string, options: InstrumentOptions = {}): Gauge {
    return this.#registry.get('gauge', name, options);
  }

  /**
   * Adds the figures of `source` to what `collect()` gives, as `name_field`, and what it measures as the histograms
   * `name.measure`. Returns the function that stops this. A source that throws is left out, counted in
   * `forge.source.failures` and told of by the event `sourceError`. Sources of one kind share a name and are told apart by
   * the values of the same `labels`, such as `{ upstream: 'files' }`.
   *
   * @throws TypeError when the name is taken with these labels or begins with `forge`, a label's value is no string or the
   *   source has no getMetrics; MONITOR_CLOSED after `close()`
   */
  observe(name: string, source: MetricsSource, labels: SourceLabels = {}): () => void {
    if (this.#closed) throw new MonitorError('MONITOR_CLOSED', 'Cannot observe: the monitor is closed');
    return this.#sources.observe(name, source, labels);
  }

  /** The figures of the window and of the last sample. */
  getMetrics(): PerformanceMetrics {
    const now = this.#config.clock.now();
    this.#refresh(now);
    return this.#metrics(this.#requests.summary(now));
  }

  /**
   * Every metric with all its series, for exposition: the monitor's own, the process's, the instruments' and those of the
   * observed sources. Plain data in exported units, to be read at once: histogram points show the live bins.
   */
  collect(): readonly MetricFamily[] {
    const now = this.#config.clock.now();
    this.#refresh(now);
    // Read first, so that the counter of failures already shows them; given last, so that no source's name can move one
    // of the program's own.
    const observed = this.#sources.families();
    return [...this.#resources.families(), ...this.#registry.families(now), ...observed];
  }

  /** Sets counters, histograms and windows to zero. Gauges stay: they are a present state. Bound handles stay valid. */
  reset(): void {
    const now = this.#config.clock.now();
    const { requestCount } = this.#requests.summary(now).figures;
    this.#registry.reset(now);
    emit(this, 'metricsReset', () => ({ requestCount }));
  }

  /** Stops the sampler, the watch on the event loop and all observing; recording and reading go on. Idempotent. */
  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#stopSampler();
      this.#resources.close();
      this.#sources.close();
    }
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Samples on demand where no sampler has done it. */
  #refresh(now: Milliseconds): void {
    if (!this.#sampled && !this.#closed) this.#resources.sample(now);
  }

  #armSampler(): void {
    this.#stopSampler = after(this.#config.metricsInterval, () => this.#tick(), { unref: true });
  }

  #tick(): void {
    this.#armSampler();
    const now = this.#config.clock.now();
    this.#resources.sample(now);
    this.#sampled = true;
    const summary = this.#requests.summary(now);
    const windowFull = summary.span >= this.#config.window;
    const input = { metrics: this.#metrics(summary), samples: summary.samples, windowFull };
    for (const { event, alert } of this.#alerts.check(input)) emit(this, event, () => alert);
  }

  #metrics({ figures }: RequestSummary): PerformanceMetrics {
    return Object.freeze({ ...figures, ...this.#resources.figures, activeConnections: this.#connections.value });
  }
}

function isFigure(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}
