import { isMeasurable } from './bins.ts';
import { exported, type MetricFamily } from './families.ts';
import {
  Instrument,
  type BoundCounter,
  type BoundGauge,
  type Counter,
  type Definition,
  type Gauge,
} from './instruments.ts';

abstract class ValueSeries {
  readonly labelValues: readonly string[];
  value = 0;
  protected readonly definition: Definition;

  constructor(labelValues: readonly string[], definition: Definition) {
    this.labelValues = labelValues;
    this.definition = definition;
  }
}

export class CounterInstrument extends Instrument<CounterSeries> implements Counter {
  constructor(definition: Definition) {
    super(definition, CounterSeries);
  }

  add(n: number, ...labelValues: string[]): void {
    this.series.get(labelValues).add(n);
  }

  family(): MetricFamily {
    return valueFamily('counter', this.definition, this.series);
  }
}

export class CounterSeries extends ValueSeries implements BoundCounter {
  add(n = 1): void {
    if (isMeasurable(n)) this.value += n;
    else this.definition.onRefused();
  }

  reset(): void {
    this.value = 0;
  }
}

export class GaugeInstrument extends Instrument<GaugeSeries> implements Gauge {
  constructor(definition: Definition) {
    super(definition, GaugeSeries);
  }

  set(value: number, ...labelValues: string[]): void {
    this.series.get(labelValues).set(value);
  }

  family(): MetricFamily {
    return valueFamily('gauge', this.definition, this.series);
  }
}

class GaugeSeries extends ValueSeries implements BoundGauge {
  set(value: number): void {
    if (Number.isFinite(value)) this.value = value;
    else this.definition.onRefused();
  }

  /** A gauge is a present state, which a reset of the figures does not change. */
  reset(): void {}
}

function valueFamily(
  kind: 'counter' | 'gauge',
  { name, help, labels, unit }: Definition,
  series: Iterable<ValueSeries>,
): MetricFamily {
  const { unit: exportedUnit, divisor } = exported(unit);
  const points = Array.from(series, ({ labelValues, value }) => ({ labelValues, value: value / divisor }));
  return { name, help, labels, unit: exportedUnit, kind, points };
}
