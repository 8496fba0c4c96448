/**
 * A strict reader of the Prometheus text format 0.0.4, written from its description and not from what writes it: it throws
 * on whatever a scraper could refuse or silently merge.
 */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ParsedFamily {
  readonly name: string;
  readonly help: string | undefined;
  readonly type: string;
  readonly samples: readonly Sample[];
}

export function parseExposition(text: string): Map<string, ParsedFamily> {
  if (text !== '' && !text.endsWith('\n')) throw new Error('The last line has no end');
  const families = new Map<string, ParsedFamily & { samples: Sample[] }>();
  const seen = new Set<string>();
  let help: { name: string; text: string } | undefined;
  let current: (ParsedFamily & { samples: Sample[] }) | undefined;
  for (const line of text.split('\n').slice(0, -1)) {
    const [, helpName, helpText] = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) ((?:[^\\]|\\\\|\\n)*)$/.exec(line) ?? [];
    const [, typeName, type] = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$/.exec(line) ?? [];
    if (helpName !== undefined && helpText !== undefined) {
      help = { name: helpName, text: helpText };
    } else if (typeName !== undefined && type !== undefined) {
      if (families.has(typeName)) throw new Error(`${typeName} has two types`);
      if (help !== undefined && help.name !== typeName) throw new Error(`${help.name} has help but no type`);
      current = { name: typeName, type, help: help?.text, samples: [] };
      help = undefined;
      families.set(typeName, current);
    } else {
      const sample = parseSample(line);
      if (current === undefined || !belongs(sample.name, current)) throw new Error(`Nobody announced ${line}`);
      const identity = JSON.stringify([
        sample.name,
        Object.entries(sample.labels).sort(([a], [b]) => (a < b ? -1 : 1)),
      ]);
      if (seen.has(identity)) throw new Error(`${line} comes twice`);
      seen.add(identity);
      current.samples.push(sample);
    }
  }
  const owners = [...families.values()].flatMap(lineNames);
  if (new Set(owners).size !== owners.length) throw new Error('Two families share a name of their lines');
  for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family);
  return families;
}

function parseSample(line: string): Sample {
  const [head, name] = /^([a-zA-Z_:][a-zA-Z0-9_:]*)/.exec(line) ?? [];
  if (head === undefined || name === undefined) throw new Error(`No sample: ${JSON.stringify(line)}`);
  let rest = line.slice(head.length);
  const labels = new Map<string, string>();
  if (rest.startsWith('{')) {
    rest = rest.slice(1);
    while (!rest.startsWith('}')) {
      const match = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^\\"\0]|\\\\|\\"|\\n)*)"(?:,(?!\})|(?=\}))/.exec(rest);
      if (match?.[1] === undefined || match[2] === undefined) throw new Error(`No label: ${JSON.stringify(rest)}`);
      const [all, label, value] = match;
      if (label.startsWith('__')) throw new Error(`${label} is reserved`);
      if (labels.has(label)) throw new Error(`${label} comes twice in ${line}`);
      labels.set(
        label,
        value.replaceAll(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : (character as string))),
      );
      rest = rest.slice(all.length);
    }
    rest = rest.slice(1);
  }
  const [, number] = /^ (NaN|[+-]Inf|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/.exec(rest) ?? [];
  if (number === undefined) throw new Error(`No value: ${JSON.stringify(rest)}`);
  return { name, labels: Object.fromEntries(labels), value: Number(number.replace('Inf', 'Infinity')) };
}

function lineNames({ name, type }: ParsedFamily): string[] {
  return type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
}

function belongs(name: string, family: ParsedFamily): boolean {
  return family.type === 'histogram' ? lineNames(family).indexOf(name) > 0 : name === family.name;
}

function checkHistogram({ name, samples }: ParsedFamily): void {
  const bySeries = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels;
    const key = JSON.stringify(labels);
    bySeries.set(key, [...(bySeries.get(key) ?? []), sample]);
  }
  for (const series of bySeries.values()) {
    const valueOf = (suffix: string): number => {
      const [sample, ...more] = series.filter((each) => each.name === name + suffix);
      if (sample === undefined || more.length > 0 || 'le' in sample.labels)
        throw new Error(`${name} has a bad ${suffix}`);
      return sample.value;
    };
    const buckets = series.filter((each) => each.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => Number(labels.le?.replace('+Inf', 'Infinity')));
    for (const [i, { value }] of buckets.entries()) {
      if (i > 0 && !(bounds[i]! > bounds[i - 1]!)) throw new Error(`${name} has bounds out of order`);
      if (i > 0 && value < buckets[i - 1]!.value) throw new Error(`${name} is not cumulative`);
    }
    if (bounds.at(-1) !== Infinity) throw new Error(`${name} has no bucket without bound`);
    if (buckets.at(-1)?.value !== valueOf('_count')) throw new Error(`${name} has another count than its last bucket`);
    if (Number.isNaN(valueOf('_sum'))) throw new Error(`${name} has no sum`);
  }
}
