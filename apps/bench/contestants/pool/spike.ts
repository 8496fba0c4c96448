/**
 * The load of `pool-spike`, after HikariCP's test of a spike [1]: a pool that has settled at a few connections, and all at
 * once ten times as many callers, whose queries are short and for whom a new connection comes much too late.
 *
 * [1] https://github.com/brettwooldridge/HikariCP/blob/dev/documents/Welcome-To-The-Jungle.md
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Run } from '../../src/bench.ts';
import { median } from '../../src/statistics.ts';
import { leaseAll, type Open } from './pool.ts';

const SETTLED = 5;
const MAX = 50;
const CALLERS = 50;
const CREATE = 150;
const QUERY = 2;
/** As many as the bench asks for at most; they are opened before the clock starts. */
const SPIKES = 10;

interface Spike {
  readonly finished: number;
  readonly waits: readonly number[];
  readonly surplus: number;
}

export async function spikes<L>(open: Open<L>): Promise<Run> {
  const ready = await Promise.all(Array.from({ length: SPIKES }, () => settled(open)));
  return async (operations) => {
    const past: Spike[] = [];
    for (let done = 0; done < operations; done++) {
      const spike = ready.pop();
      if (spike === undefined) throw new RangeError(`Cannot measure more than ${SPIKES} spikes`);
      past.push(await spike());
    }
    const medianOf = (figure: (spike: Spike) => number): number => median(past.map(figure));
    return {
      checksum: operations * CALLERS,
      observations: {
        'finished after, ms': medianOf(({ finished }) => finished),
        'median wait, ms': medianOf(({ waits }) => median(waits)),
        'surplus connections': medianOf(({ surplus }) => surplus),
      },
    };
  };
}

/** A pool that has its few connections, and the spike on it. */
async function settled<L>(open: Open<L>): Promise<() => Promise<Spike>> {
  let created = 0;
  const create = async (): Promise<{ readonly one: 1 }> => {
    created += 1;
    await delay(CREATE);
    return { one: 1 };
  };
  const pool = open({ create, max: MAX, acquireTimeout: undefined });
  for (const each of await leaseAll(pool, SETTLED)) pool.release(each);

  return async () => {
    const before = created;
    const start = performance.now();
    const call = async (): Promise<number> => {
      const leased = await pool.acquire();
      const waited = performance.now() - start;
      await delay(QUERY);
      pool.release(leased);
      return waited;
    };
    const waits = await Promise.all(Array.from({ length: CALLERS }, call));
    return { finished: performance.now() - start, waits, surplus: created - before };
  };
}
