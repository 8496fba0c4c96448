/**
 * One process of several that share a cache by Redis: it reads all the time, and invalidates what it is told to.
 *
 * Reads begin by the clock and not when others have ended, so that what hangs does not hide how many it would delay.
 */
import { ResponseCache, type InvalidationBus } from '@forge/cache';
import { redisBus, redisStore, type RedisBusClient } from '@forge/cache-redis';
import { createClient } from 'redis';
import {
  columnTag,
  KEYS,
  keyName,
  keyTag,
  PROBE_EVERY,
  rowPrefix,
  sharedNow,
  type FromWorker,
  type Target,
  type ToWorker,
  type Value,
  type WorkerPlan,
} from './messages.ts';
import { below, seededRandom, type Random } from './random.ts';
import { Ticker } from './ticker.ts';
import { unrulyBus } from './unruly-bus.ts';

const TICK = 10;
const READS_PER_TICK = 4;
const TICKS_PER_BATCH = 10;
const LONG_PROBE = 4 * PROBE_EVERY;

class Worker {
  readonly #cache: ResponseCache<Value>;
  readonly #random: Random;
  readonly #loads = new Map<number, (version: number) => void>();
  #lastCall = 0;
  #reads: number[] = [];
  #errors: string[] = [];
  #loneLoads = 0;
  #longestLoad = 0;
  #outages: [from: number, to: number][] = [];
  #ticker: Ticker | undefined;

  constructor(cache: ResponseCache<Value>, random: Random) {
    this.#cache = cache;
    this.#random = random;
  }

  start(): void {
    let ticks = 0;
    this.#ticker = new Ticker(TICK, () => {
      for (let i = 0; i < READS_PER_TICK; i++) void this.#read(below(KEYS, this.#random));
      if (++ticks % TICKS_PER_BATCH === 0) this.#sendBatch();
    });
  }

  /** Asks Redis all the time, on the way that the cache asks it and by itself, and notes for how long no answer came. */
  async probe(ask: () => Promise<unknown>): Promise<never> {
    let answered = sharedNow();
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY));
      const isAnswered = await ask().then(
        () => true,
        () => false,
      );
      if (!isAnswered) continue;
      const now = sharedNow();
      if (now - answered > LONG_PROBE) this.#outages.push([answered, now]);
      answered = now;
    }
  }

  async receive(message: ToWorker): Promise<void> {
    const { call } = message;
    if (message.kind === 'loaded') {
      this.#loads.get(call)?.(message.version);
      this.#loads.delete(call);
      return;
    }
    let error: string | undefined;
    try {
      await (message.kind === 'invalidate' ? this.#invalidate(message.target) : this.#readAll());
    } catch (reason) {
      error = String(reason);
    }
    send({ kind: 'done', call, at: sharedNow(), error });
  }

  #invalidate(target: Target): Promise<unknown> {
    if (target.kind === 'key') return this.#cache.invalidate(keyName(target.key));
    if (target.kind === 'tag') return this.#cache.invalidateTag(columnTag(target.column));
    return this.#cache.invalidatePrefix(rowPrefix(target.row));
  }

  async #readAll(): Promise<void> {
    await Promise.all(Array.from({ length: KEYS }, (_, key) => this.#read(key)));
    this.#sendBatch();
  }

  async #read(key: number): Promise<void> {
    const began = sharedNow();
    try {
      const { version, loadedAt } = await this.#cache.getOrSet(keyName(key), () => this.#load(key), {
        tags: [keyTag(key)],
      });
      this.#reads.push(key, version, loadedAt, began, sharedNow());
    } catch (error) {
      this.#errors.push(`${keyName(key)}: ${String(error)}`);
    }
  }

  async #load(key: number): Promise<Value> {
    const began = sharedNow();
    const call = ++this.#lastCall;
    if (this.#cache.getMetrics().storeAvailable === 0) this.#loneLoads += 1;
    const version = await new Promise<number>((resolve) => {
      this.#loads.set(call, resolve);
      send({ kind: 'load', call, key });
    });
    const loadedAt = sharedNow();
    this.#longestLoad = Math.max(this.#longestLoad, loadedAt - began);
    return { version, loadedAt };
  }

  #sendBatch(): void {
    const reads = Float64Array.from(this.#reads);
    const [errors, loneLoads, longestLoad, outages] = [this.#errors, this.#loneLoads, this.#longestLoad, this.#outages];
    const stall = this.#ticker?.takeStall() ?? 0;
    send({ kind: 'batch', reads, errors, loneLoads, longestLoad, stall, outages });
    this.#reads = [];
    this.#errors = [];
    this.#loneLoads = 0;
    this.#longestLoad = 0;
    this.#outages = [];
  }
}

async function main(plan: WorkerPlan): Promise<void> {
  const random = seededRandom(plan.seed);
  const client = connectTo(plan.storeUrl);
  await client.connect();
  const told = redisBus(client);
  // Never connected itself: each subscription has a duplicate.
  const heard = redisBus(connectTo(plan.busUrl));
  const bus: InvalidationBus = {
    publish: (frame) => told.publish(frame),
    subscribe: (...listeners) => heard.subscribe(...listeners),
  };
  const { offset, rate } = plan.clock;
  const cache = new ResponseCache<Value>({
    store: redisStore(client),
    bus: plan.frames === 'unruly' ? unrulyBus(bus, random) : bus,
    clock: { now: () => performance.now() * rate + offset },
    defaultTTL: plan.ttl,
    staleWhileRevalidate: plan.staleWhileRevalidate,
  });
  const worker = new Worker(cache, random);
  process.on('message', (message: ToWorker) => void worker.receive(message));
  worker.start();
  void worker.probe(() => client.ping());
  send({ kind: 'ready' });
}

function connectTo(url: string): RedisBusClient & { connect(): Promise<unknown>; ping(): Promise<unknown> } {
  const client = createClient({ url, socket: { reconnectStrategy: 50 } });
  client.on('error', () => {});
  return client;
}

function send(message: FromWorker): void {
  process.send?.(message);
}

// Whoever started this has ended, in whatever way.
process.once('disconnect', () => process.exit());
await main(JSON.parse(process.argv[2]!) as WorkerPlan);
