import type { Bar, Bench, Contestant } from '../src/bench.ts';

const CORES = ['cache', 'pool', 'batcher', 'monitor'];

export const bench: Bench = {
  title: 'Importing the root of each core',
  load: 'A fresh process imports one built package (ESM), from a warm file cache; `empty` imports a module that holds nothing.',
  rounds: 15,
  checkRounds: 9,
  cases: [{ id: 'root', operation: 'the first import in a process', operations: 1, warmup: 0 }],
  contestants: [
    ...CORES.map((id): Contestant => ({
      id,
      role: 'forge',
      package: `@forge/${id}`,
      module: import.meta.resolve('../contestants/imports/package.ts'),
    })),
    { id: 'empty', role: 'yardstick', module: import.meta.resolve('../contestants/imports/empty.ts') },
  ],
  bars: CORES.map((contestant): Bar => ({ case: 'root', figure: 'cpu', contestant, rival: 'empty', atMostAbove: 15 })),
};
