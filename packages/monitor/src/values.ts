import { isMeasurable } from './bins.ts';
import { exported, type ValuePoint } from './families.ts';
import type { BoundCounter, BoundGauge, Definition, Series } from './instruments.ts';

/** One series of a counter, which is only added to, or of a gauge, which is only set. */
export class ValueSeries implements Series, BoundCounter, BoundGauge {
  value = 0;
  readonly #labelValues: readonly string[];
  readonly #definition: Definition;

  constructor(labelValues: readonly string[], definition: Definition) {
    this.#labelValues = labelValues;
    this.#definition = definition;
  }

  add(n = 1): void {
    if (isMeasurable(n)) this.value += n;
    else this.#definition.onRefused();
  }

  set(value: number): void {
    if (Number.isFinite(value)) this.value = value;
    else this.#definition.onRefused();
  }

  point(): ValuePoint {
    return { labelValues: this.#labelValues, value: this.value / exported(this.#definition.unit).divisor };
  }

  /** A gauge is a present state, which a reset of the figures does not change. */
  reset(): void {
    if (this.#definition.kind === 'counter') this.value = 0;
  }
}
