import { beforeAll, describe, expect, it } from 'vitest';
import { LEASE_LIFE, longestWaits } from '../src/distributed-cache/faults.ts';
import type { Report } from '../src/distributed-cache/history.ts';
import { KEYS } from '../src/distributed-cache/messages.ts';
import { calm, cutOff, freezeRedis, killLoading, killRedis, maroon } from '../src/distributed-cache/plays.ts';
import { redisHint, redisIsMissing } from '../src/redis-process.ts';
import { World, type Play, type WorldOptions } from '../src/distributed-cache/world.ts';

const SEED = Number(process.env['FAULTS_SEED'] ?? 1);
const EXACT = { offset: 0, rate: 1 };
const HOUR = 3_600_000;
const USUAL: WorldOptions = {
  seed: SEED,
  frames: 'orderly',
  clocks: [EXACT, EXACT, EXACT, EXACT],
  ttl: HOUR,
  staleWhileRevalidate: 0,
};
/** With stale values served meanwhile. */
const SERVING_STALE: WorldOptions = { ...USUAL, staleWhileRevalidate: 1_000 };
/** Clocks that disagree, and a bus that repeats and reorders. */
const DISORDERLY: WorldOptions = {
  ...USUAL,
  frames: 'unruly',
  clocks: [
    { offset: 30_000, rate: 1 },
    { offset: -30_000, rate: 1 },
    { offset: 0, rate: 1.01 },
    { offset: 0, rate: 0.99 },
  ],
  ttl: 2_000,
};

/** Of loads, for a process that is late takes the store to be out for a moment. */
const SLACK = 1.2;

interface Phase {
  readonly name: string;
  readonly play: Play;
  /** Whether the store answers all the time, and so sees to it that the processes load once between them. */
  readonly isCoordinated?: boolean;
  readonly isOrphaning?: boolean;
}

/** The longest comes first. */
const WORLDS: readonly (readonly [WorldOptions, ...Phase[]])[] = [
  [
    DISORDERLY,
    { name: 'clocks disagree and frames come twice and out of order', play: calm(3_000), isCoordinated: true },
    { name: 'a process is killed that loads', play: killLoading(LEASE_LIFE, 3), isOrphaning: true },
  ],
  [
    USUAL,
    { name: 'nothing breaks', play: calm(2_000), isCoordinated: true },
    { name: 'Redis is killed and comes back empty', play: killRedis(1_200, 'empty') },
    { name: 'Redis is killed and comes back with what it held before', play: killRedis(1_200, 'old') },
  ],
  [
    USUAL,
    { name: 'Redis hangs', play: freezeRedis(1_500) },
    { name: 'one process is cut off from the bus', play: cutOff(6_000, 0), isCoordinated: true },
    { name: 'one process is cut off from Redis', play: maroon(1_200, 0) },
  ],
  [
    SERVING_STALE,
    { name: 'Redis hangs and stale values may serve', play: freezeRedis(1_500) },
    {
      name: 'one process is cut off from the bus and stale values may serve',
      play: cutOff(6_000, 0),
      isCoordinated: true,
    },
  ],
];
const PHASES = WORLDS.flatMap(([options, ...phases]) => phases.map((phase) => ({ ...phase, options })));

/** All worlds at once, for most of the time they wait. */
async function playAll(): Promise<Map<string, Report>> {
  const reports = new Map<string, Report>();
  // One after the other, for a process that starts needs a core for itself.
  let started: Promise<unknown> = Promise.resolve();
  const ended = await Promise.allSettled(
    WORLDS.map(async ([options, ...phases]) => {
      const starting = started.then(() => World.start(options));
      started = starting.catch(() => {});
      const world = await starting;
      try {
        for (const { name, play } of phases) reports.set(name, await world.observe(play));
      } finally {
        await world.stop();
      }
    }),
  );
  for (const outcome of ended) if (outcome.status === 'rejected') throw outcome.reason;
  return reports;
}

describe.skipIf(redisIsMissing)(`ResponseCache in four processes${redisHint} (FAULTS_SEED=${SEED})`, () => {
  let reports: Map<string, Report>;

  beforeAll(async () => {
    reports = await playAll();
  });

  describe.each(PHASES)('when $name', ({ name }) => {
    const report = (): Report => reports.get(name)!;

    it('gives every caller what was asked for', () => {
      expect(report().reads).toBeGreaterThan(1_000);
      expect(report().changes).toBeGreaterThan(0);
      expect(report().errors).toEqual([]);
    });

    it('reads nothing that was invalidated longer ago than the bound', () => {
      expect(report().stale).toEqual([]);
    });

    it('has every invalidation in force at the end', () => {
      expect(report().lost).toEqual([]);
    });

    it('reads nothing that has outlived its ttl', () => {
      expect(report().outlived).toEqual([]);
    });

    it('keeps no reader waiting for longer than loads and the timeouts of the store take', () => {
      const { p99, longest, longestLoad, stall, faults } = report();
      const waits = longestWaits(longestLoad + stall, faults);
      expect(p99).toBeLessThan(waits.p99);
      expect(longest).toBeLessThan(waits.all);
    });
  });

  it.each(PHASES.filter(({ isCoordinated }) => isCoordinated === true))(
    'loads what was invalidated once between the processes when $name',
    ({ name, options }) => {
      const { loads, loneLoads, changes, duration } = reports.get(name)!;
      const expired = KEYS * (duration / options.ttl);
      expect(loads - loneLoads).toBeLessThan(SLACK * (changes + expired));
    },
  );

  it.each(PHASES.filter(({ isOrphaning }) => isOrphaning === true))(
    'waits for the lease of a dead process as long as it lasts, and no longer, when $name',
    ({ name }) => {
      const { longestOrphaned, longestLoad, stall, faults } = reports.get(name)!;
      // Who is held up by the machine meanwhile takes the store to be out, and waits no more.
      const isHeldUp = faults.some(({ kind }) => kind === 'island');
      expect(longestOrphaned).toBeGreaterThan(isHeldUp ? -1 : LEASE_LIFE / 4);
      expect(longestOrphaned).toBeLessThan(LEASE_LIFE + longestWaits(longestLoad + stall, faults).all);
    },
  );
});
