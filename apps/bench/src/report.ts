import { excesses, judge, ratios } from './bars.ts';
import type { Bar, Bench, Case, Contestant, Figure, Sample, Samples } from './bench.ts';
import { versionOf, type Environment } from './environment.ts';
import { median, spread, type Spread } from './statistics.ts';

/** All that one run of a bench found; as it stands it is the JSON file in `results`. Times are ns per operation. */
export interface Report {
  readonly bench: string;
  readonly title: string;
  readonly load: string;
  readonly environment: Environment;
  readonly rounds: number;
  readonly cases: readonly CaseReport[];
  readonly bars: readonly BarReport[];
}

export interface CaseReport extends Case {
  /** The rival with the lowest median of CPU time. */
  readonly bestRival?: string;
  /** The first yardstick. */
  readonly yardstick?: string;
  readonly contestants: readonly ContestantReport[];
}

export interface ContestantReport extends Pick<Contestant, 'id' | 'role' | 'package'> {
  readonly version?: string;
  readonly cpuNs: Spread;
  readonly wallNs: Spread;
  /** Round by round, how many times as fast as the best rival on CPU time; not for yardsticks. */
  readonly ratioToBestRival?: Spread;
  /** Round by round, the CPU time above that of the yardstick. */
  readonly aboveYardstickNs?: Spread;
  /** Medians. */
  readonly observations: Readonly<Record<string, number>>;
  readonly rounds: readonly { readonly cpuNs: number; readonly wallNs: number }[];
}

export type BarReport = Bar & { readonly measured: Spread; readonly holds: boolean };

export interface Findings {
  readonly name: string;
  readonly bench: Bench;
  readonly rounds: number;
  readonly samples: ReadonlyMap<string, Samples>;
  readonly environment: Environment;
}

export function summarize({ name, bench, rounds, samples, environment }: Findings): Report {
  return {
    bench: name,
    title: bench.title,
    load: bench.load,
    environment,
    rounds,
    cases: bench.cases.map((part) => summarizeCase(part, bench.contestants, samples.get(part.id)!)),
    bars: (bench.bars ?? []).map((bar) => {
      const { measured, holds } = judge(bar, samples.get(bar.case)!);
      return { ...bar, measured: rounded(measured, 3), holds };
    }),
  };
}

function summarizeCase(part: Case, contestants: readonly Contestant[], samples: Samples): CaseReport {
  const rival = bestRival(contestants, samples);
  const yardstick = contestants.find(({ role }) => role === 'yardstick')?.id;
  return {
    ...part,
    ...(rival !== undefined && { bestRival: rival }),
    ...(yardstick !== undefined && { yardstick }),
    contestants: contestants.map((contestant) => summarizeContestant(contestant, { samples, rival, yardstick })),
  };
}

function bestRival(contestants: readonly Contestant[], samples: Samples): string | undefined {
  const cost = (id: string): number => median(samples.get(id)!.map(({ cpu }) => cpu));
  const rivals = contestants.filter(({ role }) => role === 'rival').map(({ id }) => ({ id, cost: cost(id) }));
  return rivals.toSorted((a, b) => a.cost - b.cost)[0]?.id;
}

interface Peers {
  readonly samples: Samples;
  readonly rival: string | undefined;
  readonly yardstick: string | undefined;
}

function summarizeContestant(contestant: Contestant, { samples, rival, yardstick }: Peers): ContestantReport {
  const { id, role, package: name } = contestant;
  const own = samples.get(id)!;
  const version = versionOf(contestant);
  return {
    id,
    role,
    ...(name !== undefined && { package: name }),
    ...(version !== undefined && { version }),
    cpuNs: rounded(spread(nanoseconds(own, 'cpu')), 1),
    wallNs: rounded(spread(nanoseconds(own, 'wall')), 1),
    ...(rival !== undefined &&
      role !== 'yardstick' && { ratioToBestRival: rounded(spread(ratios(own, samples.get(rival)!, 'cpu')), 3) }),
    ...(yardstick !== undefined &&
      role !== 'yardstick' && {
        aboveYardstickNs: rounded(spread(excesses(own, samples.get(yardstick)!, 'cpu').map(toNanoseconds)), 1),
      }),
    observations: medians(own),
    rounds: own.map(({ cpu, wall }) => ({
      cpuNs: round(toNanoseconds(cpu), 1),
      wallNs: round(toNanoseconds(wall), 1),
    })),
  };
}

function medians(samples: readonly Sample[]): Record<string, number> {
  const names = Object.keys(samples[0]?.observations ?? {});
  const medianOf = (name: string): number => median(samples.map(({ observations }) => observations?.[name] ?? NaN));
  return Object.fromEntries(names.map((name) => [name, round(medianOf(name), 2)]));
}

function nanoseconds(samples: readonly Sample[], figure: Figure): number[] {
  return samples.map((sample) => toNanoseconds(sample[figure]));
}

function toNanoseconds(milliseconds: number): number {
  return milliseconds * 1e6;
}

/** Results are committed: digits that no machine repeats would only make noise in their history. */
function rounded({ min, median: middle, max }: Spread, digits: number): Spread {
  return { min: round(min, digits), median: round(middle, digits), max: round(max, digits) };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
