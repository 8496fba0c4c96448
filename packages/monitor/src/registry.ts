import { choiceOption, objectOption, stringOption } from '@forge/internal';
import type { MetricFamily } from './families.ts';
import {
  CounterInstrument,
  GaugeInstrument,
  HistogramInstrument,
  type Definition,
  type InstrumentOptions,
} from './instruments.ts';
import type { Milliseconds, ResolvedConfig } from './options.ts';

interface Instruments {
  histogram: HistogramInstrument;
  counter: CounterInstrument;
  gauge: GaugeInstrument;
}

type Kind = keyof Instruments;

const CLASSES: { readonly [K in Kind]: new (definition: Definition) => Instruments[K] } = {
  histogram: HistogramInstrument,
  counter: CounterInstrument,
  gauge: GaugeInstrument,
};

/** A monitor's instruments by name, and the two counters that tell what they turned away. */
export class Registry {
  readonly #instruments = new Map<string, Instruments[Kind]>();
  readonly #config: ResolvedConfig;
  readonly #refused: CounterInstrument;
  readonly #overflowed: CounterInstrument;

  constructor(config: ResolvedConfig) {
    this.#config = config;
    // Labelled by names that the program's own text gives: without a limit, so that they cannot turn to themselves.
    const options = { labels: ['metric'], maxSeries: Infinity };
    this.#refused = this.own('counter', 'forge.refused', {
      ...options,
      help: 'Values that were no measurement: negative, NaN or infinite.',
    });
    this.#overflowed = this.own('counter', 'forge.series.overflow', {
      ...options,
      help: 'Lookups that were refused a series of their own because the metric has maxSeries already.',
    });
  }

  /** The program's instrument of this name, made on the first call; parts of a program may each ask for it. */
  get<K extends Kind>(kind: K, name: string, options: InstrumentOptions): Instruments[K] {
    checkName('create a metric', name);
    const subject = `create ${JSON.stringify(name)}`;
    objectOption(subject, 'the options', options);
    const { unit = kind === 'histogram' ? 'ms' : 'count', labels = [], help = '' } = options;
    choiceOption(subject, 'unit', unit, ['count', 'ms', 'bytes']);
    stringOption(subject, 'help', help);
    if (!areLabels(labels)) {
      throw new TypeError(`Cannot ${subject}: labels must be different strings, got ${JSON.stringify(labels)}`);
    }
    const known = this.#instruments.get(name)?.definition;
    if (known === undefined) return this.own(kind, name, { unit, labels: Object.freeze([...labels]), help });
    if (known.kind !== kind || known.unit !== unit || JSON.stringify(known.labels) !== JSON.stringify(labels)) {
      throw new TypeError(`Cannot ${subject}: it exists with another kind, unit or labels`);
    }
    return this.#instruments.get(name) as Instruments[K];
  }

  /** Makes one of the monitor's own instruments, whose names no program can take. */
  own<K extends Kind>(kind: K, name: string, options: InstrumentOptions & { maxSeries?: number }): Instruments[K] {
    const instrument = new CLASSES[kind]({
      unit: 'count',
      labels: [],
      help: '',
      ...this.#config,
      ...options,
      kind,
      name,
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

  /** Counts a value that `metric` refused. */
  refuse(metric: string): void {
    this.#refused.add(1, metric);
  }

  families(now: Milliseconds): MetricFamily[] {
    return Array.from(this.#instruments.values(), (instrument) => instrument.family(now));
  }

  reset(now: Milliseconds): void {
    for (const instrument of this.#instruments.values()) instrument.reset(now);
  }
}

function areLabels(labels: unknown): boolean {
  const isList = Array.isArray(labels) && labels.every((label) => typeof label === 'string');
  return isList && new Set(labels).size === labels.length;
}

/** @throws TypeError for what is no name, and for the names that are the monitor's own */
export function checkName(subject: string, name: string): void {
  stringOption(subject, 'the name', name);
  if (name === '') throw new TypeError(`Cannot ${subject}: the name must not be empty, got ""`);
  if (name === 'forge' || name.startsWith('forge.')) {
    throw new TypeError(
      `Cannot ${subject}: names that begin with forge. are the monitor's, got ${JSON.stringify(name)}`,
    );
  }
}
