import { availableParallelism, totalmem } from 'node:os';
// Not the global, which fake timers replace by one that has only a clock.
import { monitorEventLoopDelay, performance, type EventLoopUtilization } from 'node:perf_hooks';
import { single, type MetricFamily } from './families.ts';
import type { EventLoopDelay, PerformanceMetrics } from './metrics.ts';
import type { Bytes, Milliseconds, Percent } from './options.ts';

/** CPU time over less than this says more about the grain of the clocks than about the load. */
const SHORTEST_SAMPLE = 100;
/** Where the loop can only be watched by a timer, the timer's period; it is no delay and is taken off. */
const TIMER_PERIOD = 20;

type ResourceFigures = Pick<PerformanceMetrics, 'memoryUsage' | 'cpuUsage' | 'eventLoopDelay' | 'eventLoopUtilization'>;

/** What the process uses, from one sample to the next. Nothing here ticks: who owns it calls `sample`. */
export class Resources {
  #memoryUsage: Percent = 0;
  #cpuUsage: Percent = 0;
  #eventLoopDelay: EventLoopDelay = Object.freeze({ p50: 0, p99: 0, max: 0 });
  #eventLoopUtilization = 0;
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
    return {
      memoryUsage: this.#memoryUsage,
      cpuUsage: this.#cpuUsage,
      eventLoopDelay: this.#eventLoopDelay,
      eventLoopUtilization: this.#eventLoopUtilization,
    };
  }

  /** Takes the caller's figures, and from then on no own ones: the caller knows of a container or a fleet that this does not. */
  record(memoryUsage: Percent, cpuUsage: Percent): void {
    this.#recorded = true;
    this.#memoryUsage = memoryUsage;
    this.#cpuUsage = cpuUsage;
  }

  /** Measures memory, and, when the last sample is long enough ago, CPU and event loop since then. */
  sample(now: Milliseconds): void {
    if (!this.#recorded) this.#memoryUsage = (process.memoryUsage.rss() / memoryLimit()) * 100;
    const elapsed = now - this.#sampledAt;
    if (elapsed < SHORTEST_SAMPLE) return;
    this.#sampledAt = now;
    const cpu = cpuTime();
    if (!this.#recorded) {
      this.#cpuUsage = Math.min(((cpu - this.#cpu) / (elapsed * availableParallelism())) * 100, 100);
    }
    this.#cpu = cpu;
    const loop = performance.eventLoopUtilization();
    this.#eventLoopUtilization = performance.eventLoopUtilization(loop, this.#loop).utilization;
    this.#loop = loop;
    this.#eventLoopDelay = this.#delay.take();
  }

  /** The figures that the exposition of any Node process has, under the names that dashboards know. */
  families(): MetricFamily[] {
    const { p50, p99, max } = this.#eventLoopDelay;
    const lag = (name: string, help: string, ms: Milliseconds): MetricFamily =>
      single('gauge', `nodejs.eventloop.lag.${name}`, ms / 1000, { help, unit: 'seconds' });
    return [
      single('gauge', 'process.resident.memory', process.memoryUsage.rss(), {
        help: 'Resident memory.',
        unit: 'bytes',
      }),
      single('gauge', 'process.memory.limit', memoryLimit(), {
        help: 'Memory that the container or the machine gives.',
        unit: 'bytes',
      }),
      single('counter', 'process.cpu', cpuTime() / 1000, { help: 'CPU time, user and system.', unit: 'seconds' }),
      lag('p50', 'Median delay of the event loop over the last sample.', p50),
      lag('p99', '99th percentile of the delay of the event loop over the last sample.', p99),
      lag('max', 'Longest delay of the event loop over the last sample.', max),
      single('gauge', 'nodejs.eventloop.utilization', this.#eventLoopUtilization, {
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

  take(): EventLoopDelay {
    const histogram = this.#histogram;
    const ms = (ns: number): Milliseconds => (histogram.count === 0 ? 0 : Math.max(ns / 1e6 - this.#floor, 0));
    const delay = { p50: ms(histogram.percentile(50)), p99: ms(histogram.percentile(99)), max: ms(histogram.max) };
    histogram.reset();
    return Object.freeze(delay);
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
