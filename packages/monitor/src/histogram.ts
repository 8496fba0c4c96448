import { Bins, binOf, isMeasurable } from './bins.ts';
import { exported, type MetricFamily } from './families.ts';
import {
  Instrument,
  type BoundHistogram,
  type Definition,
  type Histogram,
  type HistogramSnapshot,
} from './instruments.ts';
import type { Milliseconds } from './options.ts';
import { SlidingWindow } from './window.ts';

const EMPTY: HistogramSnapshot = Object.freeze({ count: 0, sum: 0, quantile: () => Number.NaN });

export class HistogramInstrument extends Instrument<HistogramSeries> implements Histogram {
  constructor(definition: Definition) {
    super(definition, HistogramSeries);
  }

  record(value: number, ...labelValues: string[]): void {
    this.series.get(labelValues).record(value);
  }

  snapshot(...labelValues: string[]): HistogramSnapshot {
    return this.series.find(labelValues)?.snapshot() ?? EMPTY;
  }

  family(): MetricFamily {
    const { name, help, labels } = this.definition;
    const { unit, divisor } = exported(this.definition.unit);
    const points = Array.from(this.series, ({ labelValues, total, sum }) => ({
      labelValues,
      sum: sum / divisor,
      bins: total,
    }));
    return { name, help, labels, unit, kind: 'histogram', points };
  }
}

interface Part {
  readonly bins: Bins;
  sum: number;
}

/** One series of a histogram: its values since the start, for export, and those of the last window, for quantiles. */
export class HistogramSeries implements BoundHistogram {
  readonly labelValues: readonly string[];
  readonly total: Bins = new Bins();
  sum = 0;
  readonly #recent = new Bins();
  readonly #window: SlidingWindow<Part>;
  readonly #definition: Definition;
  readonly #divisor: number;

  constructor(labelValues: readonly string[], definition: Definition) {
    this.labelValues = labelValues;
    this.#definition = definition;
    this.#divisor = exported(definition.unit).divisor;
    const make = (): Part => ({ bins: new Bins(), sum: 0 });
    this.#window = new SlidingWindow(definition.window, definition.clock.now(), make, (part) => {
      this.#recent.subtract(part.bins);
      part.bins.clear();
      part.sum = 0;
    });
  }

  record(value: number): void {
    if (isMeasurable(value)) this.recordAt(value, this.#definition.clock.now());
    else this.#definition.onRefused();
  }

  /** `record` for a caller that has checked the value and read the clock. */
  recordAt(value: number, now: Milliseconds): void {
    const bin = binOf(value / this.#divisor);
    const part = this.#window.at(now);
    part.bins.add(bin);
    part.sum += value;
    this.#recent.add(bin);
    this.total.add(bin);
    this.sum += value;
  }

  snapshot(now: Milliseconds = this.#definition.clock.now()): HistogramSnapshot {
    this.#window.at(now);
    const bins = new Bins();
    bins.merge(this.#recent);
    let sum = 0;
    // Added anew from the parts: a running sum of floats that is subtracted from drifts.
    for (const part of this.#window) sum += part.sum;
    return Object.freeze({ count: bins.count, sum, quantile: (q: number) => bins.quantile(q) * this.#divisor });
  }

  reset(now: Milliseconds): void {
    this.#window.restart(now);
    this.total.clear();
    this.sum = 0;
  }
}
