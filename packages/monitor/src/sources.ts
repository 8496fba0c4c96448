import { functionOption, objectOption, stringOption } from '@forge/internal';
import { MonitorError } from './errors.ts';
import { single, type MetricFamily, type Unit, type ValueFamily } from './families.ts';
import type { BoundHistogram, Counter } from './instruments.ts';
import { checkName, type Registry } from './registry.ts';

/** Anything with figures of its own: a cache, a pool, a batcher, another monitor. Known by its shape. */
export interface MetricsSource {
  /** The numbers in it are the figures; all else is left out. */
  getMetrics(): object;
  /** Which figures only grow; those not named are gauges. */
  readonly metricKinds?: Readonly<Record<string, 'counter' | 'gauge'>>;
  /**
   * Calls the listener with each measured value until the returned function is called. What a name ends in tells the
   * unit: `Bytes` bytes, `Size` a count, all else ms.
   */
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

/** The observed sources. Their figures are pulled when they are exported, their measures are heard as they come. */
export class Sources {
  readonly #observed = new Map<string, Observed>();
  readonly #registry: Registry;
  readonly #failures: Counter;
  readonly #onFailure: OnFailure;

  constructor(registry: Registry, onFailure: OnFailure) {
    this.#registry = registry;
    this.#onFailure = onFailure;
    this.#failures = registry.own('counter', 'forge.source.failures', {
      labels: ['source'],
      help: 'Times that an observed source threw instead of giving its figures.',
    });
  }

  /** Returns the function that stops observing; its histograms stay, for what was measured was measured. */
  observe(name: string, source: MetricsSource, labelsGiven: SourceLabels): () => void {
    checkName('observe', name);
    const subject = `observe ${JSON.stringify(name)}`;
    objectOption(subject, 'the source', source);
    functionOption(subject, 'getMetrics', Reflect.get(source, 'getMetrics'));
    functionOption(subject, 'onMeasure', Reflect.get(source, 'onMeasure'), true);
    const labels = inOrder(subject, labelsGiven);
    const id = JSON.stringify([name, labels]);
    if (this.#observed.has(id)) throw new TypeError(`Cannot ${subject}: there is a source with this name and labels`);
    const observed: Observed = { name, source, labels, failing: false, stop: () => {} };
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
    const merged = new Map<string, ValueFamily>();
    for (const family of Array.from(this.#observed.values(), (observed) => this.#read(observed)).flat()) {
      const id = JSON.stringify([family.name, family.kind, family.labels]);
      merged.set(id, { ...family, points: [...(merged.get(id)?.points ?? []), ...family.points] });
    }
    return [...merged.values()];
  }

  close(): void {
    for (const { stop } of this.#observed.values()) stop();
  }

  #read(observed: Observed): ValueFamily[] {
    const { name, source, labels } = observed;
    try {
      const kinds = source.metricKinds ?? {};
      const figures = Object.entries(source.getMetrics()).filter(
        (entry): entry is [string, number] => typeof entry[1] === 'number',
      );
      observed.failing = false;
      return figures.map(([field, value]) => {
        const kind = kinds[field] === 'counter' ? 'counter' : 'gauge';
        return single(kind, `${name}_${field}`, value, { help: helpFor(field, name) }, labels);
      });
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
          histogram = this.#registry.get('histogram', `${name}.${measure}`, options).bind(...Object.values(labels));
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

/** A copy in the order of the names, which decides of a source's identity and of its metrics' labels. */
function inOrder(subject: string, labels: SourceLabels): SourceLabels {
  objectOption(subject, 'the labels', labels);
  const entries = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [label, value] of entries) stringOption(subject, `the label ${label}`, value);
  return Object.freeze(Object.fromEntries(entries));
}

function helpFor(what: string, source: string): string {
  return `${what} of the observed source ${source}.`;
}

function unitOf(measure: string): Unit {
  if (measure.endsWith('Bytes')) return 'bytes';
  return measure.endsWith('Size') ? 'count' : 'ms';
}
