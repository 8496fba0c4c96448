import { availableParallelism, totalmem } from 'node:os';
// Not the global, which fake timers replace by one that has only a clock.
import { monitorEventLoopDelay, performance, type EventLoopUtilization } from 'node:perf_hooks';
import { single, type MetricFamily } from './families.ts';
import type { PerformanceMetrics } from './metrics.ts';
import type { Bytes, Milliseconds, Percent } from './options.ts';

/** CPU time over less than this says more about the grain of the clocks than about the load. */
const SHORTEST_SAMPLE = 100;
/** Where the loop can only be watched by a timer, the timer's period; it is no delay and is taken off. */
const TIMER_PERIOD = 20;

type DelayFigures = Pick<PerformanceMetrics, 'p50EventLoopDelay' | 'p99EventLoopDelay' | 'maxEventLoopDelay'>;
type ResourceFigures = DelayFigures & Pick<PerformanceMetrics, 'memoryUsage' | 'cpuUsage' | 'eventLoopUtilization'>;

/** What the process uses, from one sample to the next. Nothing here ticks: who owns it calls `sample`. */
export class Resources {
  readonly #figures = {
    memoryUsage: 0,
    cpuUsage: 0,
    p50EventLoopDelay: 0,
    p99EventLoopDelay: 0,
    maxEventLoopDelay: 0,
    eventLoopUtilization: 0,
  };
  /** Whether memory and CPU are the caller's figures. */
  #recorded = false;
  #sampledAt: Milliseconds;
  #cpu = cpuTime();
  #loop: EventLoopUtilization = performance.eventLoopUtilization();
  readonly #delay = new DelayMonitor();

  constructor(now: Milliseconds) {
    this.#sampledAt = now;
  }

  get figures(): ResourceFigures {
    return this.#figures;
  }

  /** Takes the caller's figures, and from then on no own ones: the caller knows of a container or a fleet that this does not. */
  record(memoryUsage: Percent, cpuUsage: Percent): void {
    this.#recorded = true;
    Object.assign(this.#figures, { memoryUsage, cpuUsage });
  }

  /** Measures memory, and, when the last sample is long enough ago, CPU and event loop since then. */
  sample(now: Milliseconds): void {
    const figures = this.#figures;
    if (!this.#recorded) figures.memoryUsage = (process.memoryUsage.rss() / memoryLimit()) * 100;
    const elapsed = now - this.#sampledAt;
    if (elapsed < SHORTEST_SAMPLE) return;
    this.#sampledAt = now;
    const cpu = cpuTime();
    if (!this.#recorded) {
      figures.cpuUsage = Math.min(((cpu - this.#cpu) / (elapsed * availableParallelism())) * 100, 100);
    }
    this.#cpu = cpu;
    const loop = performance.eventLoopUtilization();
    figures.eventLoopUtilization = performance.eventLoopUtilization(loop, this.#loop).utilization;
    this.#loop = loop;
    Object.assign(figures, this.#delay.take());
  }

  /** The figures that the exposition of any Node process has, under the names that dashboards know. */
  families(): MetricFamily[] {
    const { p50EventLoopDelay, p99EventLoopDelay, maxEventLoopDelay, eventLoopUtilization } = this.#figures;
    const bytes = (name: string, value: Bytes, help: string): MetricFamily =>
      single('gauge', name, value, { help, unit: 'bytes' });
    const lag = (name: string, ms: Milliseconds, what: string): MetricFamily =>
      single('gauge', `nodejs.eventloop.lag.${name}`, ms / 1000, {
        help: `${what} delay of the event loop over the last sample.`,
        unit: 'seconds',
      });
    return [
      bytes('process.resident.memory', process.memoryUsage.rss(), 'Resident memory.'),
      bytes('process.memory.limit', memoryLimit(), 'Memory that the container or the machine gives.'),
      single('counter', 'process.cpu', cpuTime() / 1000, { help: 'CPU time, user and system.', unit: 'seconds' }),
      lag('p50', p50EventLoopDelay, 'Median'),
      lag('p99', p99EventLoopDelay, '99th percentile of the'),
      lag('max', maxEventLoopDelay, 'Longest'),
      single('gauge', 'nodejs.eventloop.utilization', eventLoopUtilization, {
        help: 'Share of the last sample in which the event loop was not idle, 0 to 1.',
      }),
    ];
  }

  close(): void {
    this.#delay.close();
  }
}

/** Delays of the event loop since the last `take`. */
class DelayMonitor {
  readonly #histogram: ReturnType<typeof monitorEventLoopDelay>;
  /** What Node adds to each delay that it samples. */
  readonly #floor: Milliseconds;

  constructor() {
    let perIteration = false as boolean;
    this.#histogram = monitorEventLoopDelay({
      resolution: TIMER_PERIOD,
      // Where Node knows this option it measures each turn of the loop and keeps no timer; its asking tells that it does.
      get samplePerIteration() {
        return (perIteration = true);
      },
    });
    this.#floor = perIteration ? 0 : TIMER_PERIOD;
    this.#histogram.enable();
  }

  take(): DelayFigures {
    const histogram = this.#histogram;
    const ms = (ns: number): Milliseconds => (histogram.count === 0 ? 0 : Math.max(ns / 1e6 - this.#floor, 0));
    const figures = {
      p50EventLoopDelay: ms(histogram.percentile(50)),
      p99EventLoopDelay: ms(histogram.percentile(99)),
      maxEventLoopDelay: ms(histogram.max),
    };
    histogram.reset();
    return figures;
  }

  close(): void {
    this.#histogram.disable();
  }
}

/** CPU time of the process since its start, user and system. */
function cpuTime(): Milliseconds {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The container's limit where there is one; without one Node gives 0, undefined or a number above all memory there is. */
function memoryLimit(): Bytes {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}
