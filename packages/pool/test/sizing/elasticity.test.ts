import { describe, expect, it } from 'vitest';
import { ElasticLimit } from '../../src/sizing/elasticity.ts';
import { GrowGate } from '../../src/sizing/grow-gate.ts';
import { Backend, independent, sharing, usl, type Speed } from './simulator/backend.ts';
import { PoolModel } from './simulator/pool-model.ts';
import { Random, exponential, fixed, lognormal, type Distribution } from './simulator/random.ts';
import { VirtualTime } from './simulator/virtual-time.ts';

interface Trial {
  readonly speed: Speed;
  readonly holds?: Distribution;
  readonly seed?: number;
  readonly max?: number;
  /** Callers who come back as soon as they were served. */
  readonly clients?: number;
  /** The backend from 40 s on. */
  readonly later?: Speed;
}

const HOLD = 20;
const SETTLED = 20_000;
const END = 40_000;

/** A closed loop through a pool with the gate and the limit; figures from when it has settled, or from `later` on. */
function trial({ speed, holds = fixed, seed = 1, max = 200, clients = 300, later }: Trial) {
  const time = new VirtualTime();
  const backend = new Backend(time, speed);
  const random = new Random(seed);
  const limit = new ElasticLimit({ clock: time, max });
  const policy = new GrowGate({ clock: time });
  const pool = new PoolModel({ time, backend, policy, create: () => ({ took: 50 }), limit });
  const loop = (): void => pool.request(HOLD * holds(random), loop);
  for (let client = 0; client < clients; client += 1) loop();
  if (later !== undefined) {
    time.runUntil(END);
    backend.speed = later;
  }
  const from = time.now() + SETTLED;
  time.runUntil(from);
  const before = pool.completed;
  const limits: number[] = [];
  for (let at = from; at < from + END; at += 100) {
    time.runUntil(at);
    limits.push(limit.limit);
  }
  time.runUntil(from + END);
  const throughput = (pool.completed - before) / END;
  const mean = limits.reduce((total, each) => total + each, 0) / limits.length;
  const deviation = Math.sqrt(limits.reduce((total, each) => total + (each - mean) ** 2, 0) / limits.length);
  return { throughput, mean, deviation, largest: Math.max(...limits), latency: mean / throughput };
}

/** Of all sizes up to `max`: its throughput, and the time of one job at it. */
function optimum(speed: Speed, max = 200): { readonly throughput: number; readonly latency: number } {
  let [best, size] = [0, 0];
  for (let active = 1; active <= max; active += 1) {
    if (active * speed(active) <= best) continue;
    best = active * speed(active);
    size = active;
  }
  return { throughput: best / HOLD, latency: (size * HOLD) / best };
}

const distributions = { fixed, exponential, lognormal };
const grid = [4, 8, 16, 32, 64].flatMap((peak) =>
  (['fixed', 'exponential', 'lognormal'] as const).map((holds) => [peak, holds] as const),
);

describe('ElasticLimit', () => {
  it.each(grid)(
    'gives at least 0.85 of the best throughput of a backend with its peak at %i and %s holds',
    (peak, holds) => {
      const best = optimum(usl(peak));
      for (const seed of [1, 2]) {
        const found = trial({ speed: usl(peak), holds: distributions[holds], seed });
        expect(found.throughput / best.throughput).toBeGreaterThan(0.85);
        expect(found.latency).toBeLessThan(1.5 * best.latency);
      }
    },
  );

  it('gives at least 0.9 of the best where capacity is shared and where there is no limit', () => {
    for (const holds of [fixed, lognormal]) {
      expect(trial({ speed: sharing(12), holds }).throughput).toBeGreaterThan(0.9 * optimum(sharing(12)).throughput);
      const linear = trial({ speed: independent, holds, max: 100 });
      expect(linear.throughput).toBeGreaterThan(0.9 * optimum(independent, 100).throughput);
    }
  });

  it('follows a backend whose peak moves from 50 to 16 and from 16 to 50', () => {
    for (const [peak, moved] of [
      [50, 16],
      [16, 50],
    ] as const) {
      const { throughput } = trial({ speed: usl(peak), later: usl(moved), holds: exponential });
      expect(throughput).toBeGreaterThan(0.85 * optimum(usl(moved)).throughput);
    }
  });

  it('does not oscillate', () => {
    const steady = trial({ speed: usl(32) });
    expect(steady.deviation).toBeLessThan(0.15 * steady.mean);
    const noisy = trial({ speed: usl(32), holds: lognormal });
    expect(noisy.deviation).toBeLessThan(0.4 * noisy.mean);
  });

  it('does not grow when its callers ask for no more', () => {
    expect(trial({ speed: independent, clients: 9, holds: lognormal })).toMatchObject({ mean: 10, deviation: 0 });
  });
});

/** A limit whose time and leases the test gives. */
function bench(options: { readonly min?: number; readonly max?: number; readonly start?: number } = {}) {
  let now = 0;
  const limit = new ElasticLimit({ clock: { now: () => now }, ...options });
  /** Ends leases for so long, at a rate per millisecond, with callers waiting. */
  const run = (duration: number, rate: (size: number) => number, waiters = 1): void => {
    for (const end = now + duration; now < end;) {
      now += 1 / rate(limit.limit);
      limit.completed({ waiters, size: limit.limit });
    }
  };
  const pass = (duration: number): void => {
    now += duration;
  };
  return { limit, run, pass };
}

describe('ElasticLimit.limit', () => {
  it('starts at 10, within its bounds', () => {
    expect(bench().limit.limit).toBe(10);
    expect(bench({ min: 20 }).limit.limit).toBe(20);
    expect(bench({ max: 5 }).limit.limit).toBe(5);
  });

  it('climbs to the max and keeps near it while each connection adds to the throughput', () => {
    const { limit, run } = bench({ max: 50 });
    run(30_000, (size) => size / 10);
    expect(limit.limit).toBeGreaterThan(40);
    expect(limit.limit).toBeLessThanOrEqual(50);
  });

  it('falls to the min while more connections give no more', () => {
    const { limit, run } = bench({ min: 4, start: 40 });
    run(60_000, () => 1);
    expect(limit.limit).toBeLessThanOrEqual(6);
    expect(limit.limit).toBeGreaterThanOrEqual(4);
  });

  it('stands still while the pool has not reached it, or nobody waits', () => {
    const { limit, run, pass } = bench();
    run(10_000, () => 1, 0);
    for (let lease = 0; lease < 5_000; lease += 1) {
      pass(1);
      limit.completed({ waiters: 5, size: 9 });
    }
    expect(limit.limit).toBe(10);
  });

  it('does not take an idle hour for a slow epoch', () => {
    const { limit, run, pass } = bench({ max: 100 });
    run(150, () => 1);
    limit.completed({ waiters: 0, size: 10 });
    pass(3_600_000);
    run(60, () => 1);
    expect(limit.limit).toBe(10);
  });

  it('does not compare with what it saw minutes ago', () => {
    const { limit, run, pass } = bench();
    run(2_000, (size) => size / 10);
    const before = limit.limit;
    limit.completed({ waiters: 0, size: before });
    pass(120_000);
    // One epoch, slower by far than all before: next to them it would say that the limit is too high.
    run(300, () => 1);
    expect(limit.limit).toBeGreaterThan(before);
  });

  it('moves after a second with few leases, for a slow backend', () => {
    const { limit, run } = bench();
    run(1_100, () => 0.019);
    expect(limit.limit).not.toBe(10);
  });
});

describe('ElasticLimit.overloaded', () => {
  it('falls to 0.7 of what is open, once for all creates that are refused together', () => {
    const { limit, pass } = bench({ start: 100 });
    limit.overloaded(50);
    expect(limit.limit).toBe(35);
    limit.overloaded(50);
    expect(limit.limit).toBe(35);
    pass(1_000);
    limit.overloaded(35);
    expect(limit.limit).toBe(24);
  });

  it('never falls below the min', () => {
    const { limit } = bench({ min: 8 });
    limit.overloaded(9);
    expect(limit.limit).toBe(8);
    limit.overloaded(0);
    expect(limit.limit).toBe(8);
  });

  it('stays for a minute within what was open, then climbs on', () => {
    const { limit, run } = bench({ start: 50 });
    limit.overloaded(20);
    const climb = (seconds: number): number => {
      let largest = 0;
      for (let second = 0; second < seconds; second += 1) {
        run(1_000, (size) => size / 10);
        largest = Math.max(largest, limit.limit);
      }
      return largest;
    };
    expect(climb(58)).toBe(20);
    expect(climb(30)).toBeGreaterThan(30);
  });
});
