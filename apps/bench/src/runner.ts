import type { Bench, Case, Contestant, Sample, Samples } from './bench.ts';
import { sample } from './spawn.ts';

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

/**
 * Measures every case of a bench: in each round every contestant once, one after another, each in its own process.
 *
 * What slows the machine down for seconds then hits the neighbours of a round alike, and their ratio survives it. The
 * order is turned round every other time, so that nobody always follows the same one.
 *
 * @returns the samples by case id
 * @throws Error when a child fails or contestants disagree about the result
 */
export async function measure(bench: Bench, { rounds, onRound }: RunOptions): Promise<ReadonlyMap<string, Samples>> {
  const measured = new Map<string, Samples>();
  for (const part of bench.cases) {
    const samples = new Map(bench.contestants.map(({ id }): [string, Sample[]] => [id, []]));
    for (let round = 1; round <= rounds; round++) {
      const order = round % 2 === 1 ? bench.contestants : bench.contestants.toReversed();
      const found = await measureRound(part, order);
      for (const [id, one] of found) samples.get(id)!.push(one);
      onRound?.({ case: part, round, samples: found });
    }
    measured.set(part.id, samples);
  }
  return measured;
}

async function measureRound(part: Case, order: readonly Contestant[]): Promise<ReadonlyMap<string, Sample>> {
  const found = new Map<string, Sample>();
  for (const contestant of order) found.set(contestant.id, await sample(contestant, part));
  const checksums = new Set([...found.values()].map(({ checksum }) => checksum));
  if (checksums.size > 1) {
    const claims = [...found].map(([id, { checksum }]) => `${id} ${checksum}`);
    throw new Error(`Cannot compare at ${part.id}: the contestants disagree about the result: ${claims.join(', ')}`);
  }
  return found;
}
