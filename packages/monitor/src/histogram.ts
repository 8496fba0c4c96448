import { Bins, binOf, isMeasurable } from './bins.ts';
import { exported, type HistogramPoint } from './families.ts';
import type { BoundHistogram, Definition, HistogramSnapshot, Series } from './instruments.ts';
import type { Milliseconds } from './options.ts';
import { SlidingWindow } from './window.ts';

/** What one sub-window holds. */
class Part {
  readonly bins: Bins = new Bins();
  sum = 0;
  /** Those of `Requests`, which live and leave with their latencies; 0 in every other histogram. */
  requests = 0;
  errors = 0;
}

/** One series of a histogram: its values since the start, for export, and those of the last window, for quantiles. */
export class HistogramSeries implements Series, BoundHistogram {
  readonly window: SlidingWindow<Part>;
  readonly #labelValues: readonly string[];
  readonly #definition: Definition;
  readonly #divisor: number;
  #total = new Bins();
  #sum = 0;

  constructor(labelValues: readonly string[], definition: Definition) {
    this.#labelValues = labelValues;
    this.#definition = definition;
    this.#divisor = exported(definition.unit).divisor;
    this.window = new SlidingWindow(definition.window, definition.clock.now(), () => new Part());
  }

  record(value: number): void {
    if (isMeasurable(value)) this.recordAt(value, this.#definition.clock.now());
    else this.#definition.onRefused();
  }

  /** `record` for a caller that has checked the value and read the clock. */
  recordAt(value: number, now: Milliseconds): void {
    const bin = binOf(value / this.#divisor);
    const part = this.window.at(now);
    part.bins.add(bin);
    part.sum += value;
    this.#total.add(bin);
    this.#sum += value;
  }

  snapshot(now: Milliseconds = this.#definition.clock.now()): HistogramSnapshot {
    const bins = new Bins();
    let sum = 0;
    for (const part of this.window.recent(now)) {
      bins.merge(part.bins);
      sum += part.sum;
    }
    return Object.freeze({ count: bins.count, sum, quantile: (q: number) => bins.quantile(q) * this.#divisor });
  }

  point(now: Milliseconds): HistogramPoint {
    // So that a series which nobody uses any more holds no window for as long as it is scraped.
    this.window.turn(now);
    return { labelValues: this.#labelValues, sum: this.#sum / this.#divisor, bins: this.#total };
  }

  reset(now: Milliseconds): void {
    this.window.restart(now);
    this.#total = new Bins();
    this.#sum = 0;
  }
}
