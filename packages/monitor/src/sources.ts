import { functionOption } from '@forge/internal';
import { MonitorError } from './errors.ts';
import { single, type MetricFamily, type Unit } from './families.ts';
import type { BoundHistogram, Counter } from './instruments.ts';
import type { Registry } from './registry.ts';

/** Anything with figures of its own: a cache, a pool, a batcher, another monitor. Known by its shape. */
export interface MetricsSource {
  getMetrics(): object;
  /** Which figures only grow; those not named are gauges. */
  readonly metricKinds?: Readonly<Record<string, 'counter' | 'gauge'>>;
  /** Calls the listener with each measured value until the returned function is called. */
  onMeasure?(listener: (name: string, value: number) => void): () => void;
}

/** What tells sources of one name apart, such as `{ upstream: 'files' }`. */
export type SourceLabels = Readonly<Record<string, string>>;

interface Observed {
  readonly name: string;
  readonly source: MetricsSource;
  readonly labels: SourceLabels;
  stop: () => void;
  /** Told of once, until it has worked again. */
  failing: boolean;
}

type OnFailure = (source: string, error: MonitorError) => void;

/** How deep the objects inside a source's figures are read: `{ waits: { p99 } }`, and no cycle for ever. */
const DEEPEST = 3;

/** The observed sources. Their figures are pulled when they are exported, their measures are heard as they come. */
export class Sources {
  readonly #observed = new Map<string, Observed>();
  readonly #registry: Registry;
  readonly #failures: Counter;
  readonly #onFailure: OnFailure;

  constructor(registry: Registry, onFailure: OnFailure) {
    this.#registry = registry;
    this.#onFailure = onFailure;
    this.#failures = registry.counter('forge.source.failures', {
      labels: ['source'],
      help: 'Times that an observed source threw instead of giving its figures.',
    });
  }

  /** Returns the function that stops observing; its histograms stay, for what was measured was measured. */
  observe(name: string, source: MetricsSource, labels: SourceLabels): () => void {
    if (typeof name !== 'string' || name === '') {
      throw new TypeError(`Cannot observe: the name must be a string that is not empty, got ${JSON.stringify(name)}`);
    }
    // As one text, in one order: the identity of a source.
    const id = JSON.stringify([name, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))]);
    if (this.#observed.has(id)) {
      throw new TypeError(`Cannot observe: there is a source ${JSON.stringify(name)} with these labels already`);
    }
    const subject = `observe ${JSON.stringify(name)}`;
    functionOption(subject, 'getMetrics', Reflect.get(source, 'getMetrics'));
    functionOption(subject, 'onMeasure', Reflect.get(source, 'onMeasure'), true);
    const observed: Observed = { name, source, labels: { ...labels }, failing: false, stop: () => {} };
    const stopMeasures = source.onMeasure?.(this.#listener(observed));
    observed.stop = (): void => {
      if (this.#observed.get(id) !== observed) return;
      this.#observed.delete(id);
      try {
        stopMeasures?.();
      } catch (cause) {
        this.#fail(observed, cause);
      }
    };
    this.#observed.set(id, observed);
    return observed.stop;
  }

  /** The figures of all sources; those of one name and the same label names are one family. */
  families(): MetricFamily[] {
    const merged = new Map<string, MetricFamily>();
    for (const family of Array.from(this.#observed.values(), (observed) => this.#read(observed)).flat()) {
      const id = JSON.stringify([family.name, family.kind, family.labels]);
      const known = merged.get(id);
      // Both are gauges or both counters, which TypeScript cannot see in the id.
      merged.set(
        id,
        known === undefined ? family : ({ ...known, points: [...known.points, ...family.points] } as MetricFamily),
      );
    }
    return [...merged.values()];
  }

  close(): void {
    for (const { stop } of this.#observed.values()) stop();
  }

  #read(observed: Observed): MetricFamily[] {
    const { name, source, labels } = observed;
    try {
      const kinds = new Map(Object.entries(source.metricKinds ?? {}));
      const families = figuresOf(source.getMetrics()).map(([path, value]) => {
        const kind = (kinds.get(path.join('.')) ?? kinds.get(path[0]!)) === 'counter' ? 'counter' : 'gauge';
        return single(kind, [name, ...path].join('_'), value, { help: helpFor(path.join('.'), name), labels });
      });
      observed.failing = false;
      return families;
    } catch (cause) {
      this.#fail(observed, cause);
      return [];
    }
  }

  #listener(observed: Observed): (measure: string, value: number) => void {
    const { name, labels } = observed;
    const histograms = new Map<string, BoundHistogram>();
    return (measure, value) => {
      let histogram = histograms.get(measure);
      if (histogram === undefined) {
        try {
          const options = { unit: unitOf(measure), help: helpFor(measure, name), labels: Object.keys(labels) };
          histogram = this.#registry.histogram(`${name}.${measure}`, options).bind(...Object.values(labels));
        } catch (cause) {
          // The program has another metric of this name: the source must not hear of it, and not each time.
          histogram = { record: () => {} };
          this.#fail(observed, cause);
        }
        histograms.set(measure, histogram);
      }
      histogram.record(value);
    };
  }

  #fail(observed: Observed, cause: unknown): void {
    const { name } = observed;
    this.#failures.add(1, name);
    if (observed.failing) return;
    observed.failing = true;
    const message = `The observed source ${JSON.stringify(name)} failed`;
    this.#onFailure(name, new MonitorError('MONITOR_SOURCE_FAILED', message, { cause }));
  }
}

function helpFor(what: string, source: string): string {
  return `${what} of the observed source ${source}.`;
}

/** The numbers in `metrics`, with the way to each. */
function figuresOf(metrics: object, path: readonly string[] = []): [path: readonly string[], value: number][] {
  return Object.entries(metrics).flatMap(([field, value]: [string, unknown]) => {
    const to = [...path, field];
    if (typeof value === 'number') return [[to, value]];
    return isPlain(value) && to.length < DEEPEST ? figuresOf(value, to) : [];
  });
}

/** A record of figures, unlike an array of a million numbers. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A measure is a duration in ms, a size in bytes or a count, as its name says. */
function unitOf(measure: string): Unit {
  if (/bytes$/i.test(measure)) return 'bytes';
  return /(size|count|length|weight|depth|attempts|requests|items)$/i.test(measure) ? 'count' : 'ms';
}
