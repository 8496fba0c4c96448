import { setImmediate } from 'node:timers/promises';
import { vi } from 'vitest';
import { ConnectionPool } from '../../../src/index.ts';
import { Random, fixed } from './random.ts';
import { waiting, type Conditions, type Result, type Scenario } from './scenarios.ts';
import { VirtualTime } from './virtual-time.ts';

/**
 * Plays a scenario with the ConnectionPool itself in place of its model. Its clock and its timers are virtual time;
 * between two events all promises settle. (vitest's own fake timers spend a real timer on each of theirs: minutes.)
 */
export async function playReal(
  scenario: Scenario,
  { seed = 1, holds = scenario.holds, creates = fixed }: Omit<Conditions, 'failing'> = {},
): Promise<Result> {
  const time = new VirtualTime();
  const restore = takeOverTimers(time);
  const [random, sizes, connects] = [new Random(seed), new Random(seed + 1_000), new Random(seed + 2_000)];
  const { create, min, max, idleTimeout, hold, load, until } = scenario;
  const waits: number[] = [];
  let [size, largest, openTime] = [0, 0, 0];
  const resize = (by: number): void => {
    size += by;
    largest = Math.max(largest, size);
    openTime += by * (until + scenario.create - time.now());
  };
  const pool = new ConnectionPool<object>({
    create: () =>
      new Promise((resolve) => {
        time.after(create * creates(connects), () => resolve({}));
      }),
    min,
    max,
    idleTimeout,
    maxPending: Infinity,
    clock: time,
  });
  pool.on('connectionCreated', () => resize(1));
  pool.on('connectionDestroyed', () => resize(-1));
  const call = async (): Promise<void> => {
    const since = time.now();
    const lease = await pool.acquire();
    waits.push(time.now() - since);
    time.after(hold * holds(sizes), () => lease.release());
  };
  try {
    // The scenario begins when the least connections are warm, as the model does.
    await settle(time, create);
    const start = time.now();
    const shifted = {
      now: () => time.now() - start,
      at: (at: number, run: () => void) => time.at(start + at, run),
      after: (delay: number, run: () => void) => time.after(delay, run),
    };
    load({ time: shifted, random, call: () => void call() });
    await settle(time, start + until);
    const { created } = pool.getMetrics();
    return { ...waiting(waits), created: created - min, failed: 0, largest, averageSize: openTime / until };
  } finally {
    const closing = pool.close({ deadline: 0 });
    await settle(time, time.now() + 1);
    await closing;
    restore();
  }
}

async function settle(time: VirtualTime, end: number): Promise<void> {
  await setImmediate();
  while (time.step(end)) await setImmediate();
}

/** Whole milliseconds and at least one, as Node's. */
function takeOverTimers(time: VirtualTime): () => void {
  const start = (run: () => void, delay = 0): object => {
    const happening = time.after(Math.max(1, Math.trunc(delay)), run);
    return Object.assign(happening, { ref: () => happening, unref: () => happening });
  };
  vi.stubGlobal('setTimeout', start);
  vi.stubGlobal('clearTimeout', (timer?: { run: unknown }) => {
    if (timer !== undefined) timer.run = undefined;
  });
  return () => vi.unstubAllGlobals();
}
