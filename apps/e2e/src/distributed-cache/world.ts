import { ResponseCache } from '@forge/cache';
import { redisStore } from '@forge/cache-redis';
import { createClient } from 'redis';
import { DELIVERY, endOf, type Fault } from './faults.ts';
import { History, type Report, type Terms } from './history.ts';
import { Line } from './line.ts';
import { COLUMNS, KEYS, keyName, ROWS, sharedNow, type Target, type Value, type WorkerPlan } from './messages.ts';
import { Origin } from './origin.ts';
import { below, seededRandom, type Random } from './random.ts';
import { Ticker } from './ticker.ts';
import { RedisProcess } from '../redis-process.ts';
import { WorkerProcess } from './worker-process.ts';

export type WorldOptions = Terms & {
  readonly seed: number;
  readonly frames: WorkerPlan['frames'];
  /** One for each worker. */
  readonly clocks: readonly WorkerPlan['clock'][];
};

/** Between one worker and Redis. */
export interface Lines {
  readonly store: Line;
  readonly bus: Line;
}

/** What happens in one phase beside reads and invalidations. */
export type Play = (world: World) => Promise<void>;

/** In ms, between two invalidations. */
const CHANGE_EVERY = 40;
/** In ms, of reads and invalidations before the faults of a phase, and again after all that they may have done. */
const CALM = 500;
/** In ms, for a machine that stalls again and again. */
const LONGEST_WAIT = 30_000;
const TICK = 10;

/** Several processes that read and invalidate, the Redis and the buses between them, the origin behind them. */
export class World {
  readonly redis: RedisProcess;
  readonly origin: Origin;
  readonly #options: WorldOptions;
  readonly #random: Random;
  readonly #lines: Lines[] = [];
  readonly #workers: WorkerProcess[] = [];
  /** What the workers ask of Redis and of the origin comes through this process. */
  readonly #ticker = new Ticker(TICK);
  #history = new History();
  #isChanging = false;
  #changing: Promise<void> | undefined;

  private constructor(redis: RedisProcess, options: WorldOptions) {
    this.redis = redis;
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.origin = new Origin(this.#random);
  }

  static async start(options: WorldOptions): Promise<World> {
    const world = new World(await RedisProcess.start(), options);
    try {
      await Promise.all(options.clocks.map((clock, worker) => world.#startWorker(worker, clock)));
      await world.readAll();
      return world;
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  /** Plays one phase, waits until all that it may have done is over, and looks at what is in force then. */
  async observe(play: Play): Promise<Report> {
    this.#history = new History(this.#history);
    const before = { loads: this.origin.loads, changes: this.origin.changes, at: sharedNow() };
    try {
      this.stir();
      await this.pass(CALM);
      await play(this);
      await this.#passFaults();
      await this.pass(CALM);
    } finally {
      await this.settle();
    }
    await this.#passFaults();
    await this.pass(DELIVERY);
    await this.readAll();
    this.#history.addStall(this.#ticker.takeStall());
    const report = this.#history.report(this.origin, this.#options, {
      loads: this.origin.loads - before.loads,
      changes: this.origin.changes - before.changes,
      duration: sharedNow() - before.at,
    });
    return { ...report, lost: await this.#outdatedRecords() };
  }

  /** Until all is over that the faults may have done, also those that the machine makes meanwhile, if it ever stops. */
  async #passFaults(): Promise<void> {
    const { staleWhileRevalidate } = this.#options;
    const givesUpAt = sharedNow() + LONGEST_WAIT;
    for (;;) {
      const over = Math.max(...this.#history.faults().map((fault) => endOf(fault, staleWhileRevalidate)), 0);
      const rest = Math.min(over, givesUpAt) - sharedNow();
      if (rest <= 0) return;
      await this.pass(rest);
    }
  }

  /** Lets time pass, in which everybody goes on. */
  pass(duration: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, duration));
  }

  /** Does what breaks something and mends it. */
  async fault(of: Pick<Fault, 'kind' | 'worker'>, run: () => Promise<void>): Promise<void> {
    const from = sharedNow();
    await run();
    this.#history.played.push({ ...of, from, to: sharedNow() });
  }

  lines(worker: number): Lines {
    return this.#lines[worker]!;
  }

  kill(worker: number): Promise<void> {
    return this.#workers[worker]!.kill();
  }

  /** Goes on with invalidations. */
  stir(): void {
    this.#isChanging = true;
    this.#changing ??= this.#change();
  }

  /** Nothing is invalidated from now on but by {@link invalidate}. */
  async settle(): Promise<void> {
    this.#isChanging = false;
    await this.#changing;
    this.#changing = undefined;
  }

  /** Everybody reads every key. */
  async readAll(): Promise<void> {
    await Promise.all(this.#workers.filter(({ isAlive }) => isAlive).map((worker) => worker.readAll()));
  }

  /** Keys that are leased now may be so for as long as a lease lasts, for who has the lease may be no more. */
  async noteOrphans(): Promise<void> {
    const leased = new Set(await this.redis.keys('forge:l:*'));
    for (let key = 0; key < KEYS; key++) {
      if (leased.has(`forge:l:{k${keyName(key)}}`)) this.#history.orphans.add(key);
    }
  }

  /** Changes something at the origin, then invalidates it on a worker. */
  async invalidate(target: Target, worker: number): Promise<void> {
    const process = this.#workers[worker]!;
    const change = this.origin.change(target);
    try {
      this.origin.told(change, await process.invalidate(target));
    } catch (error) {
      // Of one that was killed nobody knows what it did.
      if (process.isAlive) this.#history.errors.push(`invalidate on worker ${worker}: ${String(error)}`);
    }
  }

  async stop(): Promise<void> {
    this.#isChanging = false;
    this.#ticker.stop();
    await Promise.all(this.#workers.map((worker) => worker.kill()));
    for (const { store, bus } of this.#lines) {
      store.close();
      bus.close();
    }
    await this.redis.stop();
  }

  async #startWorker(worker: number, clock: WorkerPlan['clock']): Promise<void> {
    const { frames, ttl, staleWhileRevalidate, seed } = this.#options;
    const { port } = this.redis;
    const [store, bus] = await Promise.all([Line.to(port), Line.to(port)]);
    this.#lines[worker] = { store, bus };
    const urls = { storeUrl: store.url, busUrl: bus.url };
    this.#workers[worker] = await WorkerProcess.start(
      { ...urls, clock, frames, ttl, staleWhileRevalidate, seed: seed + worker + 1 },
      {
        load: (key) => this.origin.load(worker, key),
        onBatch: (batch) => this.#history.add(worker, batch),
        onCrash: (reason) => this.#history.errors.push(`worker ${worker}: ${reason}`),
      },
    );
  }

  async #change(): Promise<void> {
    const sent: Promise<void>[] = [];
    while (this.#isChanging) {
      const alive = [...this.#workers.keys()].filter((worker) => this.#workers[worker]!.isAlive);
      const target = randomTarget(this.#random);
      sent.push(this.invalidate(target, alive[below(alive.length, this.#random)]!));
      await this.pass(CHANGE_EVERY);
    }
    await Promise.all(sent);
  }

  /** What somebody who has just come would be given by the store although it was invalidated. */
  async #outdatedRecords(): Promise<string[]> {
    const client = createClient({ url: this.redis.url });
    client.on('error', () => {});
    await client.connect();
    const cache = new ResponseCache<Value>({ store: redisStore(client) });
    try {
      const outdated: string[] = [];
      const values = await cache.getMany(Array.from({ length: KEYS }, (_, key) => keyName(key)));
      for (const [key, value] of values.entries()) {
        const isOutdated = value !== undefined && this.origin.staleSince(key, value.version) < Infinity;
        if (isOutdated) outdated.push(`the store, ${keyName(key)}, version ${value.version}`);
      }
      return outdated;
    } finally {
      await cache.close();
      client.destroy();
    }
  }
}

function randomTarget(random: Random): Target {
  const kind = random();
  if (kind < 0.6) return { kind: 'key', key: below(KEYS, random) };
  return kind < 0.8 ? { kind: 'tag', column: below(COLUMNS, random) } : { kind: 'prefix', row: below(ROWS, random) };
}
