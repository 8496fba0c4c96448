import type { Bench } from '../src/bench.ts';
import { pools } from '../contestants/pool/pools.ts';

const PAIR = 'one acquire and one release';
const pairs = { operations: 1_000_000, warmup: 300_000 };
const workers = { operations: 1_000_000, warmup: 300_000, operation: `${PAIR} by one of 1000 callers in loops` };

export const bench: Bench = {
  title: 'A pool of ten connections',
  load:
    'Connections that do nothing, all made before the clock starts; a queue without bound, and all else as it is by default. ' +
    'tarn and sequelize-pool cannot do without an acquire timeout. pg-pool has clients without a server. ' +
    '`lb2` is a bound and no pool: it hands out safely, and knows neither health nor lifetimes, events or metrics.',
  rounds: 5,
  checkRounds: 3,
  cases: [
    { ...pairs, id: 'pair', operation: `${PAIR}, by one caller` },
    { ...pairs, id: 'pair, 30 s timeout', operation: `${PAIR}, by one caller with an acquire timeout` },
    { ...workers, id: '1000 workers', operation: `${workers.operation}, who hold it for \`await null\`` },
    { ...workers, id: '1000 workers, 30 s timeout', operation: `${workers.operation} with an acquire timeout` },
    {
      ...workers,
      id: '1000 workers, setImmediate',
      operation: `${workers.operation}, who hold it for a turn of the event loop`,
    },
    {
      id: '50,000 waiters',
      operation: 'serving 50,000 callers who came while all connections were leased',
      operations: 5,
      warmup: 5,
    },
  ],
  contestants: pools,
  bars: [
    { case: 'pair', figure: 'cpu', contestant: 'forge', rival: 'generic-pool', atLeast: 3 },
    { case: 'pair, 30 s timeout', figure: 'cpu', contestant: 'forge', rival: 'generic-pool', atLeast: 8 },
    { case: '1000 workers', figure: 'cpu', contestant: 'forge', rival: 'generic-pool', atLeast: 3 },
    { case: '50,000 waiters', figure: 'cpu', contestant: 'forge', rival: 'tarn', atLeast: 40 },
  ],
};
