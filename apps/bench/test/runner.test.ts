import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Bench } from '../src/bench.ts';
import { combine, measure, type RoundReport } from '../src/runner.ts';
import { race, steps, toy } from './fixtures/toys.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('measure', () => {
  it('finds the contestant slower that does fifty times as much, in processes of their own', async () => {
    const reports: RoundReport[] = [];
    const measured = await measure(race(), { rounds: 2, onRound: (report) => reports.push(report) });
    const { fast, slow } = Object.fromEntries(measured.get('steps')!);
    expect([fast!.length, slow!.length]).toEqual([2, 2]);
    for (const round of [0, 1]) {
      expect(slow![round]!.cpu).toBeGreaterThan(2 * fast![round]!.cpu);
      expect(slow![round]!.wall).toBeGreaterThan(2 * fast![round]!.wall);
    }
    expect(slow![0]!.observations).toEqual({ repeats: 50 });
    expect(reports.map(({ case: part, round }) => [part.id, round])).toEqual([
      ['steps', 1],
      ['steps', 2],
    ]);
  });

  it('reverses the order every other round', async () => {
    const orders: string[][] = [];
    const quick = { ...race(), cases: [{ ...steps, operations: 1, warmup: 0 }] } satisfies Bench;
    await measure(quick, { rounds: 2, onRound: ({ samples }) => orders.push([...samples.keys()]) });
    expect(orders).toEqual([
      ['fast', 'slow'],
      ['slow', 'fast'],
    ]);
  });

  it('resolves packages as users do, not to the sources, when this process does', async () => {
    vi.stubEnv('NODE_OPTIONS', '--conditions=@forge/source');
    const measured = await measure({ ...race(), contestants: [toy('resolving')] }, { rounds: 1 });
    expect(measured.get('steps')!.get('resolving')![0]!.observations).toEqual({ built: 1 });
  });

  it('ends a process that its contestant would hold open', async () => {
    const measured = await measure({ ...race(), contestants: [toy('lingering')] }, { rounds: 1 });
    expect(measured.get('steps')!.get('lingering')).toHaveLength(1);
  });

  it('rejects when contestants disagree about the result', async () => {
    const bench = { ...race(), contestants: [toy('fast'), toy('wrong')] };
    await expect(measure(bench, { rounds: 1 })).rejects.toThrow(
      /^Cannot compare at steps: the contestants disagree about the result: fast -?\d+, wrong -10$/,
    );
  });

  it('rejects with the words of a contestant that fails', async () => {
    const bench = { ...race(), contestants: [toy('fast'), toy('throwing')] };
    await expect(measure(bench, { rounds: 1 })).rejects.toThrow(
      /^Cannot measure throwing at steps: its process ended with 1\n[^]*out of order/,
    );
  });
});

describe('combine', () => {
  it('keeps the highest of each peak among the observations', () => {
    const turn = { operations: 1, cpu: 1, wall: 1, checksum: 1 };
    const { observations } = combine([
      { ...turn, peaks: { stall: 2 } },
      { ...turn, peaks: { stall: 5 } },
      { ...turn, peaks: { stall: 3 } },
    ]);
    expect(observations).toEqual({ stall: 5 });
  });

  it('weighs turns by their operations', () => {
    const sample = combine([
      { operations: 30, cpu: 30, wall: 60, checksum: 1, observations: { 'hits %': 100 } },
      { operations: 10, cpu: 90, wall: 100, checksum: 2, observations: { 'hits %': 0 } },
    ]);
    expect(sample).toEqual({ cpu: 3, wall: 4, checksum: 3, observations: { 'hits %': 75 } });
  });
});
