import { Backend } from './backend.ts';
import { PoolModel, type GrowPolicy } from './pool-model.ts';
import { Random, exponential, fixed, type Distribution } from './random.ts';
import { VirtualTime } from './virtual-time.ts';

/** What a scenario's load may do. */
export interface Stage {
  readonly time: Pick<VirtualTime, 'now' | 'at' | 'after'>;
  readonly random: Random;
  /** One caller now: acquires, holds, releases. */
  readonly call: () => void;
}

export interface Scenario {
  readonly load: (stage: Stage) => void;
  /** Mean time that a caller holds a connection. */
  readonly hold: number;
  readonly holds: Distribution;
  readonly create: number;
  readonly min: number;
  readonly max: number;
  readonly idleTimeout: number;
  readonly until: number;
}

/** How a run is varied or hardened. */
export interface Conditions {
  readonly seed?: number;
  readonly holds?: Distribution;
  readonly creates?: Distribution;
  /** Share of the tries to connect that fail. */
  readonly failing?: number;
}

/** What the callers lived through, in ms, and what was opened for it. */
export interface Result {
  readonly mean: number;
  readonly p99: number;
  readonly longest: number;
  readonly served: number;
  readonly created: number;
  readonly failed: number;
  readonly largest: number;
  readonly averageSize: number;
}

const common = { create: 150, min: 5, max: 50, idleTimeout: 10_000, holds: fixed };

/** S1: spike of short calls; S2: of long ones; S3: a step; S4: steadily near the limit of `min`; S5: on and off. */
export const scenarios: Readonly<Record<'S1' | 'S2' | 'S3' | 'S4' | 'S5', Scenario>> = {
  S1: {
    ...common,
    hold: 2,
    until: 2_000,
    load: (stage) => {
      for (let round = 0; round < 10; round += 1) burst(stage, round * 10, 5);
      burst(stage, 1_000, 50);
    },
  },
  S2: {
    ...common,
    hold: 1_000,
    until: 20_000,
    load: (stage) => {
      burst(stage, 0, 3);
      burst(stage, 5_000, 50);
    },
  },
  S3: {
    ...common,
    hold: 20,
    holds: exponential,
    until: 20_000,
    load: (stage) => poisson(stage, 20_000, (t) => (t < 5_000 ? 100 : 1_500)),
  },
  S4: {
    ...common,
    hold: 20,
    holds: exponential,
    until: 60_000,
    load: (stage) => poisson(stage, 60_000, () => 240),
  },
  S5: {
    ...common,
    hold: 20,
    holds: exponential,
    idleTimeout: 2_000,
    until: 50_000,
    load: (stage) => poisson(stage, 50_000, (t) => (t % 10_000 < 2_000 ? 1_500 : 20)),
  },
};

/** Runs a scenario to its end. Arrivals, holds and creates have random streams of their own: each varies alone. */
export function play(
  scenario: Scenario,
  policyFor: (clock: VirtualTime) => GrowPolicy,
  { seed = 1, holds = scenario.holds, creates = fixed, failing = 0 }: Conditions = {},
): Result {
  const time = new VirtualTime();
  const [random, sizes, connects] = [new Random(seed), new Random(seed + 1_000), new Random(seed + 2_000)];
  const { create, min, max, idleTimeout, hold, load, until } = scenario;
  const pool = new PoolModel({
    time,
    policy: policyFor(time),
    backend: new Backend(time),
    create: () => ({ took: create * creates(connects), fails: connects.next() < failing }),
    min,
    max,
    idleTimeout,
  });
  load({ time, random, call: () => pool.request(hold * holds(sizes)) });
  time.runUntil(until);
  const { created, failed, largest, averageSize } = pool;
  return { ...waiting(pool.waits), created, failed, largest, averageSize };
}

export function waiting(waits: readonly number[]): Pick<Result, 'mean' | 'p99' | 'longest' | 'served'> {
  const sorted = waits.toSorted((one, other) => one - other);
  return {
    mean: waits.reduce((total, wait) => total + wait, 0) / waits.length,
    p99: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0,
    longest: sorted.at(-1) ?? 0,
    served: waits.length,
  };
}

/** The mean of each figure over several runs. */
export function average(results: readonly Result[]): Result {
  const mean = (field: keyof Result): number =>
    results.reduce((total, each) => total + each[field], 0) / results.length;
  return {
    mean: mean('mean'),
    p99: mean('p99'),
    longest: mean('longest'),
    served: mean('served'),
    created: mean('created'),
    failed: mean('failed'),
    largest: mean('largest'),
    averageSize: mean('averageSize'),
  };
}

export function burst({ time, call }: Stage, at: number, callers: number): void {
  time.at(at, () => {
    for (let caller = 0; caller < callers; caller += 1) call();
  });
}

/** Random arrivals at `rate(t)` per second, of at most 1,500: thinned from that. */
export function poisson({ time, random, call }: Stage, until: number, rate: (t: number) => number): void {
  const densest = 1_500;
  const next = (): void => {
    const at = time.now() + (random.exponential() * 1_000) / densest;
    if (at > until) return;
    time.at(at, () => {
      if (random.next() * densest < rate(at)) call();
      next();
    });
  };
  next();
}
