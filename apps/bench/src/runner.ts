import type { Bench, Case, Contestant, Sample, Samples, Turn } from './bench.ts';
import { startContender, type Contender } from './contender.ts';

export interface RoundReport {
  readonly case: Case;
  /** From 1. */
  readonly round: number;
  readonly samples: ReadonlyMap<string, Sample>;
}

export interface RunOptions {
  readonly rounds: number;
  readonly onRound?: (report: RoundReport) => void;
}

/** In how many turns a contestant does the operations of a round, if there are as many. */
const TURNS = 10;

/**
 * Measures every case of a bench. In each round each contestant has a fresh process, for two processes of one program
 * differ in layout and in what the compiler chose; they do their operations in turns, A B B A A B …, one at a time, so
 * that what slows the machine down hits them alike and their ratio survives it.
 *
 * @returns the samples by case id
 * @throws Error when a process fails or contestants disagree about the result
 */
export async function measure(bench: Bench, { rounds, onRound }: RunOptions): Promise<ReadonlyMap<string, Samples>> {
  const measured = new Map<string, Samples>();
  for (const part of bench.cases) {
    const samples = new Map(bench.contestants.map(({ id }): [string, Sample[]] => [id, []]));
    for (let round = 1; round <= rounds; round++) {
      const found = await measureRound(part, inTurn(bench.contestants, round));
      for (const [id, sample] of found) samples.get(id)!.push(sample);
      onRound?.({ case: part, round, samples: found });
    }
    measured.set(part.id, samples);
  }
  return measured;
}

/** A round's turns of one contestant, as one sample. */
export function combine(turns: readonly Turn[]): Sample {
  const operations = sum(turns, (turn) => turn.operations);
  const names = Object.keys(turns[0]?.observations ?? {});
  const average = (name: string): number =>
    sum(turns, (turn) => (turn.observations?.[name] ?? NaN) * turn.operations) / operations;
  const highest = (name: string): number => Math.max(...turns.map((turn) => turn.peaks?.[name] ?? NaN));
  const peaks = Object.keys(turns[0]?.peaks ?? {});
  return {
    cpu: sum(turns, ({ cpu }) => cpu) / operations,
    wall: sum(turns, ({ wall }) => wall) / operations,
    checksum: sum(turns, ({ checksum }) => checksum),
    observations: Object.fromEntries([
      ...names.map((name) => [name, average(name)] as const),
      ...peaks.map((name) => [name, highest(name)] as const),
    ]),
  };
}

async function measureRound(part: Case, contestants: readonly Contestant[]): Promise<ReadonlyMap<string, Sample>> {
  const contenders: Contender[] = [];
  try {
    // One after another: two that set up at once would only slow each other down.
    for (const contestant of contestants) contenders.push(await startContender(contestant, part));
    const found = await takeTurns(part, contenders);
    refuseDisagreement(part, found);
    return found;
  } finally {
    await Promise.all(contenders.map((contender) => contender.end()));
  }
}

async function takeTurns(part: Case, contenders: readonly Contender[]): Promise<ReadonlyMap<string, Sample>> {
  const turns = new Map(contenders.map(({ contestant }): [string, Turn[]] => [contestant.id, []]));
  const longest = Math.ceil(part.operations / TURNS);
  for (let done = 0, turn = 1; done < part.operations; done += longest, turn++) {
    const operations = Math.min(longest, part.operations - done);
    for (const contender of inTurn(contenders, turn)) {
      turns.get(contender.contestant.id)!.push(await contender.take(operations));
    }
  }
  return new Map([...turns].map(([id, taken]) => [id, combine(taken)]));
}

function refuseDisagreement(part: Case, found: ReadonlyMap<string, Sample>): void {
  const checksums = new Set([...found.values()].map(({ checksum }) => checksum));
  if (checksums.size <= 1) return;
  const claims = [...found].map(([id, { checksum }]) => `${id} ${checksum}`).join(', ');
  throw new Error(`Cannot compare at ${part.id}: the contestants disagree about the result: ${claims}`);
}

/** Every other time in reverse, so that nobody always follows the same one. */
function inTurn<T>(items: readonly T[], time: number): readonly T[] {
  return time % 2 === 1 ? items : items.toReversed();
}

function sum<T>(items: readonly T[], amountOf: (item: T) => number): number {
  return items.reduce((total, item) => total + amountOf(item), 0);
}
