import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeBar, describeMeasured } from './bars.ts';
import type { Bench } from './bench.ts';
import { build, packagesToBuild } from './build.ts';
import { benchNames, loadBench } from './catalog.ts';
import { readEnvironment } from './environment.ts';
import { renderMarkdown } from './markdown.ts';
import { summarize, type Report } from './report.ts';
import { measure, type RoundReport } from './runner.ts';
import { unitFor } from './unit.ts';

const DEFAULT_ROUNDS = 9;
const DEFAULT_CHECK_ROUNDS = 5;
/** Fewer rounds are for a look; their figures are not kept. */
const ROUNDS_TO_KEEP = 5;

const HELP = `pnpm bench [name …] [options]

Measures the benches by these names, or all, and keeps the figures in apps/bench/results.

  --check      measure only benches that have bars, in few rounds; exit 1 if a bar does not hold; keep nothing
  --rounds N   rounds instead of what each bench asks for; figures of fewer than ${ROUNDS_TO_KEEP} are not kept
  --list       print the names of the benches
  --help       print this

Exit codes: 0 done, 1 a bar does not hold or the measuring failed, 2 wrong use.`;

export interface Surroundings {
  /** Folder of bench files; ends with a slash, like `results`. */
  readonly benches: URL;
  readonly results: URL;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
}

/** The whole command line tool; returns the exit code. */
export async function command(args: readonly string[], surroundings: Surroundings): Promise<0 | 1 | 2> {
  const { benches: folder, print, printError } = surroundings;
  const all = benchNames(folder);
  const request = readRequest(args, all);
  if (typeof request === 'string') {
    printError(request);
    return 2;
  }
  if (request.help || request.list) {
    print(request.help ? HELP : all.join('\n'));
    return 0;
  }
  try {
    return await run(request, surroundings);
  } catch (error) {
    printError((error as Error).message);
    return 1;
  }
}

interface Request {
  readonly names: readonly string[];
  readonly check: boolean;
  readonly list: boolean;
  readonly help: boolean;
  readonly rounds: number | undefined;
}

/** What is asked for, or what is wrong with it. */
function readRequest(args: readonly string[], all: readonly string[]): Request | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        check: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        rounds: { type: 'string' },
      },
    });
    const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
    if (rounds !== undefined && !(Number.isSafeInteger(rounds) && rounds >= 1)) {
      return `Cannot run benches: --rounds must be a whole number from 1, got ${values.rounds}`;
    }
    const unknown = positionals.filter((name) => !all.includes(name));
    if (unknown.length > 0) {
      return `Cannot run benches: there is no ${unknown.join(', ')}. There are:\n${all.join('\n')}`;
    }
    return { ...values, rounds, names: positionals.length > 0 ? [...new Set(positionals)] : all };
  } catch (error) {
    return `Cannot run benches: ${(error as Error).message}\n\n${HELP}`;
  }
}

async function run(request: Request, surroundings: Surroundings): Promise<0 | 1> {
  const loaded = await Promise.all(
    request.names.map(async (name) => {
      const bench = await loadBench(surroundings.benches, name);
      return { name, bench: request.check ? checkedPart(bench) : bench };
    }),
  );
  const chosen = request.check ? loaded.filter(({ bench }) => (bench.bars ?? []).length > 0) : loaded;
  if (chosen.length === 0) surroundings.print('No bars to check');
  await build(packagesToBuild(chosen.map(({ bench }) => bench)));
  let missed = 0;
  for (const { name, bench } of chosen) {
    const report = await runBench(name, bench, { request, surroundings });
    if (request.check) {
      missed += check(report, surroundings);
    } else {
      surroundings.print(renderMarkdown(report));
      if (report.rounds >= ROUNDS_TO_KEEP) keep(report, surroundings.results);
    }
  }
  if (missed > 0) surroundings.printError(missed === 1 ? '1 bar does not hold' : `${missed} bars do not hold`);
  return missed > 0 ? 1 : 0;
}

interface Context {
  readonly request: Request;
  readonly surroundings: Surroundings;
}

async function runBench(name: string, bench: Bench, { request, surroundings }: Context): Promise<Report> {
  const usual = request.check ? (bench.checkRounds ?? DEFAULT_CHECK_ROUNDS) : (bench.rounds ?? DEFAULT_ROUNDS);
  const rounds = request.rounds ?? usual;
  const environment = readEnvironment();
  const samples = await measure(bench, {
    rounds,
    onRound: (round) => {
      surroundings.printError(describeRound(name, round, rounds));
    },
  });
  return summarize({ name, bench, rounds, samples, environment });
}

function describeRound(name: string, { case: part, round, samples }: RoundReport, rounds: number): string {
  const times = [...samples].map(([id, { cpu }]) => {
    const unit = unitFor(cpu * 1e6);
    return `${id} ${unit.format(cpu * 1e6)} ${unit.name}`;
  });
  return `${name} ${part.id} ${round}/${rounds}: ${times.join(', ')}`;
}

/** The bench without the cases that are for full runs. */
function checkedPart(bench: Bench): Bench {
  const [first, ...others] = bench.cases.filter(({ fullRunOnly }) => fullRunOnly !== true);
  if (first === undefined) return { ...bench, bars: [] };
  const ids = new Set([first, ...others].map(({ id }) => id));
  return { ...bench, cases: [first, ...others], bars: (bench.bars ?? []).filter((bar) => ids.has(bar.case)) };
}

/** Prints how each bar stands; returns how many do not hold. */
function check({ bench, bars }: Report, { print, printError }: Surroundings): number {
  for (const bar of bars) {
    const sentence = `${bench}: ${describeBar(bar)}, measured ${describeMeasured({ bar, ...bar })}`;
    if (bar.holds) print(`holds   ${sentence}`);
    else printError(`MISSED  ${sentence}`);
  }
  return bars.filter(({ holds }) => !holds).length;
}

function keep(report: Report, folder: URL): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL(`${report.bench}.json`, folder), `${JSON.stringify(report, undefined, 2)}\n`);
  writeFileSync(new URL(`${report.bench}.md`, folder), renderMarkdown(report));
}
