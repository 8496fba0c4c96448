import type { Bench } from '../src/bench.ts';
import { pools } from '../contestants/pool/pools.ts';

export const bench: Bench = {
  title: 'What a lease leaves to the garbage collector',
  load:
    'One caller acquires and releases an idle connection; bytes of V8’s heap that this allocates, promises included. ' +
    'The times are with the looks at the heap, so they say nothing: they stand in `pool`.',
  rounds: 5,
  checkRounds: 3,
  cases: [{ id: 'bytes', operation: 'one acquire and one release', operations: 20_000, warmup: 20_000 }],
  contestants: pools,
  bars: [{ case: 'bytes', observation: 'bytes per pair', contestant: 'forge', atMost: 400 }],
};
