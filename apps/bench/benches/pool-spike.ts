import type { Bench } from '../src/bench.ts';
import { pools } from '../contestants/pool/pools.ts';

export const bench: Bench = {
  title: 'A spike on a settled pool',
  load:
    'A pool of at most 50 connections that has 5; then 50 callers at once, with queries of 2 ms each. A connection takes ' +
    '150 ms to make, so that whoever waits for a new one comes last. Timers, in real time: at best ten rounds of 2 ms. ' +
    'A surplus connection is one whose making was begun for the spike.',
  rounds: 5,
  checkRounds: 3,
  cases: [{ id: 'spike', operation: 'one spike', operations: 5, warmup: 2 }],
  contestants: pools.filter(({ role }) => role !== 'yardstick'),
  bars: [{ case: 'spike', observation: 'surplus connections', contestant: 'forge', atMost: 2 }],
};
