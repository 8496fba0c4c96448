import type { ReadonlyBins } from './bins.ts';

/** What values are recorded in. Durations are in ms on the face and in seconds wherever they are exported. */
export type Unit = 'ms' | 'bytes' | 'count';

/** What values are exported in; `count` has no name of its own in any exposition format. */
export type ExportedUnit = 'seconds' | 'bytes' | 'count';

export interface ValuePoint {
  readonly labelValues: readonly string[];
  readonly value: number;
}

export interface HistogramPoint {
  readonly labelValues: readonly string[];
  readonly sum: number;
  /** The live bins, since the start or the last reset: to be read before the next value is recorded. */
  readonly bins: ReadonlyBins;
}

interface Family<Kind extends string, Point> {
  /** As it was given: what exports it makes it fit its format. */
  readonly name: string;
  readonly help: string;
  readonly kind: Kind;
  readonly unit: ExportedUnit;
  /** The names of the labels; each point has one value for each. */
  readonly labels: readonly string[];
  readonly points: readonly Point[];
}

export type ValueFamily = Family<'counter' | 'gauge', ValuePoint>;

/** One metric with all its series, as whatever exports metrics reads it. */
export type MetricFamily = ValueFamily | Family<'histogram', HistogramPoint>;

/** A family of one point. */
export function single(
  kind: 'counter' | 'gauge',
  name: string,
  value: number,
  { help, unit = 'count' }: { readonly help: string; readonly unit?: ExportedUnit },
  labels: Readonly<Record<string, string>> = {},
): ValueFamily {
  const point = { labelValues: Object.values(labels), value };
  return { name, help, kind, unit, labels: Object.keys(labels), points: [point] };
}

/** Divided, not multiplied by 0.001, so that 35 ms is exactly the double that 0.035 is. */
export function exported(unit: Unit): { readonly unit: ExportedUnit; readonly divisor: number } {
  return unit === 'ms' ? { unit: 'seconds', divisor: 1000 } : { unit, divisor: 1 };
}
