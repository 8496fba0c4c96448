/**
 * `pnpm -C apps/e2e soak [MINUTES] [SEED]`: the faults of the distributed cache, chosen at random, one after the other,
 * in four processes that live all the time. It prints its seed, and ends at the first fault that breaks a promise.
 */
import { longestWaits } from './faults.ts';
import type { Report } from './history.ts';
import { below, seededRandom, type Random } from './random.ts';
import { calm, cutOff, freezeRedis, killRedis, maroon } from './plays.ts';
import { World, type Play } from './world.ts';

const MINUTES = Number(process.argv[2] ?? 5);
const SEED = Number(process.argv[3] ?? Date.now() % 2 ** 31);
const WORKERS = 4;
/** In ms. */
const LONGEST_FAULT = 8_000;

async function main(): Promise<void> {
  process.stdout.write(`seed ${SEED}\n`);
  const random = seededRandom(SEED);
  const world = await World.start({
    seed: SEED,
    frames: random() < 0.5 ? 'orderly' : 'unruly',
    clocks: Array.from({ length: WORKERS }, () => ({
      offset: 60_000 * (random() - 0.5),
      rate: 0.99 + 0.02 * random(),
    })),
    ttl: 3_600_000,
    staleWhileRevalidate: random() < 0.5 ? 0 : 1_000,
  });
  try {
    const end = performance.now() + 60_000 * MINUTES;
    while (performance.now() < end && process.exitCode === undefined) {
      const [name, play] = randomPlay(random);
      const report = await world.observe(play);
      const { reads, changes, loads, latest, p99, longest } = report;
      const ms = [latest, p99, longest].map(Math.round);
      process.stdout.write(
        `${name}: ${reads} reads, ${changes} keys invalidated, ${loads} loads, latest ${ms[0]} ms, p99 ${ms[1]} ms, longest ${ms[2]} ms\n`,
      );
      const breaches = breachesOf(report);
      if (breaches.length > 0) process.exitCode = 1;
      for (const breach of breaches.slice(0, 20)) process.stdout.write(`  ${breach}\n`);
    }
  } finally {
    await world.stop();
  }
}

function randomPlay(random: Random): readonly [string, Play] {
  const duration = 200 + below(LONGEST_FAULT, random);
  const worker = below(WORKERS, random);
  const plays: readonly (readonly [string, Play])[] = [
    ['nothing breaks', calm(duration)],
    ['Redis is killed', killRedis(duration, 'empty')],
    ['Redis is killed and comes back old', killRedis(duration, 'old')],
    ['Redis hangs', freezeRedis(duration)],
    [`worker ${worker} is cut off from the bus`, cutOff(duration, worker)],
    [`worker ${worker} is cut off from Redis`, maroon(duration, worker)],
  ];
  const [name, play] = plays[below(plays.length, random)]!;
  return [`${name}, ${duration} ms`, play];
}

function breachesOf({ errors, stale, outlived, lost, p99, longest, longestLoad, stall, faults }: Report): string[] {
  const waits = longestWaits(longestLoad + stall, faults);
  const slow = p99 > waits.p99 || longest > waits.all ? [`a reader waited for ${Math.round(longest)} ms`] : [];
  return [...errors, ...stale, ...outlived, ...lost, ...slow];
}

await main();
