/** The loads of the pool benches; the connections do nothing, so that only the pool is left. */
import type { Run, Setup } from '../../src/bench.ts';
import { bytesPerPair } from './bytes.ts';
import { leaseAll, type Open, type Pool } from './pool.ts';
import { spikes } from './spike.ts';

const MAX = 10;
const WORKERS = 1000;
const WAITERS = 50_000;
/** Never reached, but a promise to each caller. */
const LONG = 30_000;
const SHORT = 200;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The setup of a contestant; the id of the case says which load it is. */
export function contestant<L>(open: Open<L>): Setup {
  const opened = (acquireTimeout?: number): Pool<L> =>
    open({ create: async () => ({ one: 1 }), max: MAX, acquireTimeout });
  const loads: Readonly<Record<string, () => Run | Promise<Run>>> = {
    pair: () => pairs(opened()),
    'pair, 30 s timeout': () => pairs(opened(LONG)),
    '1000 workers': () => workers(opened(), () => null),
    '1000 workers, 30 s timeout': () => workers(opened(LONG), () => null),
    '1000 workers, setImmediate': () => workers(opened(), nextTurn),
    '50,000 waiters': () => crowds(opened()),
    '50,000 time-outs': () => timeouts(() => opened(SHORT)),
    bytes: () => bytesPerPair(opened()),
    spike: () => spikes(open),
  };
  return ({ case: { id } }) => {
    const load = loads[id];
    if (load === undefined) throw new TypeError(`Cannot load a pool: there is no load ${id}`);
    return load();
  };
}

/** Acquire and release, one caller, a connection idle. */
function pairs<L>(pool: Pool<L>): Run {
  return async (operations) => {
    let checksum = 0;
    for (let done = 0; done < operations; done++) {
      const lease = await pool.acquire();
      checksum += pool.connection(lease).one;
      pool.release(lease);
    }
    return { checksum };
  };
}

/** Many callers in loops on few connections, so that nearly each waits. */
function workers<L>(pool: Pool<L>, body: () => unknown): Run {
  return async (operations) => {
    let left = operations;
    let checksum = 0;
    const work = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const lease = await pool.acquire();
        checksum += pool.connection(lease).one;
        await body();
        pool.release(lease);
      }
    };
    await Promise.all(Array.from({ length: WORKERS }, work));
    return { checksum };
  };
}

/** All connections are leased, a crowd comes, and then each is served by the release before it. */
function crowds<L>(pool: Pool<L>): Run {
  return async (operations) => {
    let checksum = 0;
    for (let crowd = 0; crowd < operations; crowd++) {
      const held = await leaseAll(pool, MAX);
      const served = crowdOf(pool, {
        onServed: (leased) => {
          checksum += pool.connection(leased).one;
          pool.release(leased);
        },
      });
      for (const each of held) pool.release(each);
      await served;
    }
    return { checksum };
  };
}

/**
 * All connections are leased and stay so, until the crowd that waits has been refused. Each crowd has a pool of its own,
 * for lightning-pool never serves again after one.
 */
function timeouts<L>(opened: () => Pool<L>): Run {
  return async (operations) => {
    let checksum = 0;
    // Some pools' timers let the process end.
    const alive = setInterval(() => {}, SHORT);
    for (let crowd = 0; crowd < operations; crowd++) {
      const pool = opened();
      await leaseAll(pool, MAX);
      await crowdOf(pool, { onRefused: () => (checksum += 1) });
    }
    clearInterval(alive);
    return { checksum };
  };
}

interface Fate<L> {
  readonly onServed?: (lease: L) => void;
  readonly onRefused?: () => void;
}

/**
 * Resolves when all have met their fate; another rejects. With two functions for all: a promise of each caller's own would
 * cost more than a good pool does.
 */
function crowdOf<L>(pool: Pool<L>, { onServed, onRefused }: Fate<L>): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = WAITERS;
    const one = (): void => {
      left -= 1;
      if (left === 0) resolve();
    };
    const served = (leased: L): void => {
      if (onServed === undefined) return reject(new Error('A caller was served who should have been refused'));
      onServed(leased);
      one();
    };
    const refused = (error: unknown): void => {
      if (onRefused === undefined) return reject(error);
      onRefused();
      one();
    };
    for (let caller = 0; caller < WAITERS; caller++) pool.acquire().then(served, refused);
  });
}
