import type { Clock } from '@forge/internal';
import { exported, type HistogramPoint, type MetricFamily, type Unit, type ValuePoint } from './families.ts';
import { HistogramSeries } from './histogram.ts';
import type { Milliseconds } from './options.ts';
import { SeriesSet } from './series.ts';
import { ValueSeries } from './values.ts';

export interface InstrumentOptions {
  /** The names of the labels. @default [] */
  readonly labels?: readonly string[];
  /** One sentence for whoever reads the figure elsewhere. */
  readonly help?: string;
  /** @default 'ms' for a histogram, 'count' for the others */
  readonly unit?: Unit;
}

/** The last window of one series, copied when it was taken. */
export interface HistogramSnapshot {
  readonly count: number;
  readonly sum: number;
  /** Within 1.083 % of the value with this rank; NaN when there are no values. */
  readonly quantile: (q: number) => number;
}

/** A distribution. A value that is negative, NaN or infinite is counted in `forge.refused` and changes nothing else. */
export interface Histogram {
  record(value: number, ...labelValues: string[]): void;
  /** The series of these label values, looked up once for many values. */
  bind(...labelValues: string[]): BoundHistogram;
  snapshot(...labelValues: string[]): HistogramSnapshot;
}
export interface BoundHistogram {
  record(value: number): void;
}

/** A sum that only grows. An addition that is negative, NaN or infinite is refused as in a {@link Histogram}. */
export interface Counter {
  add(n: number, ...labelValues: string[]): void;
  bind(...labelValues: string[]): BoundCounter;
}
export interface BoundCounter {
  /** @param n 1 by default */
  add(n?: number): void;
}

/** A present state. NaN and Infinity are refused as in a {@link Histogram}. */
export interface Gauge {
  set(value: number, ...labelValues: string[]): void;
  bind(...labelValues: string[]): BoundGauge;
}
export interface BoundGauge {
  set(value: number): void;
}

/** An instrument's name and options, complete, and what it needs of its monitor. */
export interface Definition extends Required<InstrumentOptions> {
  readonly kind: 'histogram' | 'counter' | 'gauge';
  readonly name: string;
  readonly clock: Clock;
  readonly window: Milliseconds;
  readonly maxSeries: number;
  readonly onRefused: () => void;
  readonly onOverflow: () => void;
}

export interface Series {
  /** As it is exported. */
  point(now: Milliseconds): HistogramPoint | ValuePoint;
  reset(now: Milliseconds): void;
}

/** A metric's series behind its public face; `bind` gives the series itself, so that a bound handle costs nothing. */
export class Instrument<S extends Series> {
  readonly definition: Definition;
  protected readonly series: SeriesSet<S>;

  constructor(definition: Definition, Series: new (labelValues: readonly string[], definition: Definition) => S) {
    this.definition = definition;
    this.series = new SeriesSet({
      subject: `use ${JSON.stringify(definition.name)}`,
      labels: definition.labels,
      limit: definition.maxSeries,
      make: (labelValues) => new Series(labelValues, definition),
      onOverflow: definition.onOverflow,
    });
  }

  bind(...labelValues: string[]): S {
    return this.series.get(labelValues);
  }

  family(now: Milliseconds): MetricFamily {
    const { name, help, labels, kind, unit } = this.definition;
    const points = Array.from(this.series, (series) => series.point(now));
    // The points are of the kind, which TypeScript cannot see.
    return { name, help, labels, kind, unit: exported(unit).unit, points } as MetricFamily;
  }

  reset(now: Milliseconds): void {
    for (const series of this.series) series.reset(now);
  }
}

const NOTHING: HistogramSnapshot = Object.freeze({ count: 0, sum: 0, quantile: () => Number.NaN });

export class HistogramInstrument extends Instrument<HistogramSeries> implements Histogram {
  constructor(definition: Definition) {
    super(definition, HistogramSeries);
  }

  record(value: number, ...labelValues: string[]): void {
    this.series.get(labelValues).record(value);
  }

  snapshot(...labelValues: string[]): HistogramSnapshot {
    return this.series.find(labelValues)?.snapshot() ?? NOTHING;
  }
}

export class CounterInstrument extends Instrument<ValueSeries> implements Counter {
  constructor(definition: Definition) {
    super(definition, ValueSeries);
  }

  add(n: number, ...labelValues: string[]): void {
    this.series.get(labelValues).add(n);
  }
}

export class GaugeInstrument extends Instrument<ValueSeries> implements Gauge {
  constructor(definition: Definition) {
    super(definition, ValueSeries);
  }

  set(value: number, ...labelValues: string[]): void {
    this.series.get(labelValues).set(value);
  }
}
