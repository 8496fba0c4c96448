import type { Bench } from '../src/bench.ts';
import { pools } from '../contestants/pool/pools.ts';

export const bench: Bench = {
  title: 'When nobody is served in time',
  load:
    'All ten connections are leased and stay so, while 50,000 callers wait for 200 ms and are refused. ' +
    'Each time a new pool, for lightning-pool serves nobody afterwards. Without sequelize-pool, for whom the cost grows ' +
    'with the square of the callers: this many take some 20 s of CPU time.',
  rounds: 5,
  checkRounds: 3,
  cases: [{ id: '50,000 time-outs', operation: 'queueing and refusing 50,000 callers', operations: 2, warmup: 1 }],
  contestants: pools.filter(({ id }) => id !== 'sequelize-pool'),
  bars: [{ case: '50,000 time-outs', figure: 'cpu', contestant: 'forge', rival: 'generic-pool', atLeast: 1 }],
};
