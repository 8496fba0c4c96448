import { choiceOption, type Clock } from '@forge/internal';
import type { MetricFamily } from './families.ts';
import { HistogramInstrument } from './histogram.ts';
import type { Counter, Definition, InstrumentOptions } from './instruments.ts';
import type { Milliseconds, ResolvedConfig } from './options.ts';
import { CounterInstrument, GaugeInstrument } from './values.ts';

type Instrument = HistogramInstrument | CounterInstrument | GaugeInstrument;

/** A monitor's instruments by name, and the two counters that tell what they turned away. */
export class Registry {
  readonly #instruments = new Map<string, Instrument>();
  readonly #clock: Clock;
  readonly #window: Milliseconds;
  readonly #maxSeries: number;
  readonly #refused: Counter;
  readonly #overflowed: Counter;

  constructor({ clock, window, maxSeries }: ResolvedConfig) {
    this.#clock = clock;
    this.#window = window;
    this.#maxSeries = maxSeries;
    const labels = ['metric'];
    // Labelled by names that the program's own text gives: without a limit, so that they cannot turn to themselves.
    this.#refused = this.#add(CounterInstrument, 'forge.refused', Infinity, {
      labels,
      help: 'Values that were no measurement: negative, NaN or infinite.',
    });
    this.#overflowed = this.#add(CounterInstrument, 'forge.series.overflow', Infinity, {
      labels,
      help: 'Lookups that were refused a series of their own because the metric has maxSeries already.',
    });
  }

  histogram(name: string, options: InstrumentOptions): HistogramInstrument {
    return this.#get(HistogramInstrument, name, { ...options, unit: options.unit ?? 'ms' });
  }

  counter(name: string, options: InstrumentOptions): CounterInstrument {
    return this.#get(CounterInstrument, name, options);
  }

  gauge(name: string, options: InstrumentOptions): GaugeInstrument {
    return this.#get(GaugeInstrument, name, options);
  }

  /** Counts a value that `metric` refused. */
  refuse(metric: string): void {
    this.#refused.add(1, metric);
  }

  families(): MetricFamily[] {
    return Array.from(this.#instruments.values(), (instrument) => instrument.family());
  }

  reset(now: Milliseconds): void {
    for (const instrument of this.#instruments.values()) instrument.reset(now);
  }

  /** The instrument of this name, made on the first call; parts of a program may each ask for it. */
  #get<T extends Instrument>(Kind: new (definition: Definition) => T, name: string, options: InstrumentOptions): T {
    const known = this.#instruments.get(name);
    if (known === undefined) return this.#add(Kind, name, this.#maxSeries, options);
    const { unit = 'count', labels = [] } = options;
    const same = known.definition.unit === unit && JSON.stringify(known.definition.labels) === JSON.stringify(labels);
    if (known instanceof Kind && same) return known;
    throw new TypeError(`Cannot create ${JSON.stringify(name)}: it exists with another kind, unit or labels`);
  }

  #add<T extends Instrument>(
    Kind: new (definition: Definition) => T,
    name: string,
    limit: number,
    { labels = [], help = '', unit }: InstrumentOptions,
  ): T {
    check(name, labels, help);
    const instrument = new Kind({
      name,
      help,
      unit: choiceOption(`create ${JSON.stringify(name)}`, 'unit', unit, ['count', 'ms', 'bytes']),
      labels: Object.freeze([...labels]),
      limit,
      clock: this.#clock,
      window: this.#window,
      onRefused: () => {
        this.refuse(name);
      },
      onOverflow: () => {
        this.#overflowed.add(1, name);
      },
    });
    this.#instruments.set(name, instrument);
    return instrument;
  }
}

function check(name: string, labels: readonly string[], help: string): void {
  if (typeof name !== 'string' || name === '') {
    throw new TypeError(
      `Cannot create a metric: its name must be a string that is not empty, got ${JSON.stringify(name)}`,
    );
  }
  if (typeof help !== 'string') throw new TypeError(`Cannot create ${JSON.stringify(name)}: help must be a string`);
  if (
    !Array.isArray(labels) ||
    labels.some((label) => typeof label !== 'string') ||
    new Set(labels).size < labels.length
  ) {
    throw new TypeError(
      `Cannot create ${JSON.stringify(name)}: labels must be different strings, got ${JSON.stringify(labels)}`,
    );
  }
}
