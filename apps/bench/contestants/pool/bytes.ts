/** The load of `pool-heap`: what one acquire and release leave to the garbage collector. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Run } from '../../src/bench.ts';
import { median } from '../../src/statistics.ts';
import type { Pool } from './pool.ts';

/** Few enough that most windows pass without a collection: a new heap is collected after each megabyte. */
const WINDOW = 50;

/** A window that was collected is far from the median, which stands for those that were not. */
export function bytesPerPair<L>(pool: Pool<L>): Run {
  const pass = async (pairs: number): Promise<number> => {
    const before = process.memoryUsage().heapUsed;
    for (let done = 0; done < pairs; done++) {
      const lease = await pool.acquire();
      pool.release(lease);
    }
    return process.memoryUsage().heapUsed - before;
  };
  return async (operations) => {
    const looks: number[] = [];
    const windows: number[] = [];
    for (let done = 0; done < operations; done += WINDOW) {
      looks.push(await pass(0));
      windows.push(await pass(WINDOW));
      // Timers and what else a pool puts off are its own work, but none of the pair's.
      await nextTurn();
    }
    const bytes = (median(windows) - median(looks)) / WINDOW;
    return { checksum: operations, observations: { 'bytes per pair': bytes } };
  };
}
