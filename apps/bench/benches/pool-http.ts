import type { Bar, Bench } from '../src/bench.ts';

const moduleOf = (id: string): string => import.meta.resolve(`../contestants/pool-http/${id}.ts`);

const BAR = { figure: 'cpu', contestant: 'forge', rival: 'undici' } as const;

export const bench: Bench = {
  title: 'HTTP/1.1 requests over ten connections',
  load:
    'GET over loopback to a server of Node in another process, which answers with 5 bytes; `request` of each dispatcher, with ten ' +
    'connections and all else as it is by default. What is measured is the process of the client.',
  rounds: 5,
  checkRounds: 3,
  cases: [
    { id: '1 caller', operation: 'one GET, its body read', operations: 20_000, warmup: 40_000 },
    { id: '10 callers', operation: 'the same, a connection for each caller', operations: 40_000, warmup: 60_000 },
    {
      id: '100 callers',
      operation: 'the same, nearly each waits for a connection',
      operations: 40_000,
      warmup: 60_000,
    },
  ],
  contestants: [
    { id: 'forge', role: 'forge', package: '@forge/pool-http', module: moduleOf('forge') },
    { id: 'undici', role: 'rival', package: 'undici', module: moduleOf('undici') },
  ],
  bars: [
    ...['1 caller', '10 callers'].map((id): Bar => ({ ...BAR, case: id, atLeast: 0.87 })),
    // Each request that waits can be aborted and has a deadline, which those of undici have not.
    { ...BAR, case: '100 callers', atLeast: 0.7 },
  ],
};
