import assert from 'node:assert/strict';
import type { CacheStore, Invalidation, StoreLease } from '@forge/cache';
import { redisStore } from '@forge/cache-redis';
import { createClient, createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hint, missing, Server, startCluster, type Topology } from '../fixtures/servers.ts';

const KEYS = ['a', 'b', 'ab'];
const TAGS = ['s', 't', 'u'];
/** With the keys that they match. */
const PATTERNS = [
  { prefix: 'a', glob: '*', keys: ['a', 'ab'] },
  { prefix: '', glob: '?', keys: ['a', 'b'] },
  { prefix: 'no', glob: 'thing', keys: [] },
] as const;
const ACTORS = 8;
const STEPS = 250;

/** Small numbers that repeat by their seed (mulberry32). */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides;
  };
}

const concerns = (each: Invalidation, key: string, tags: readonly string[]): boolean => {
  if (each.kind === 'key') return each.key === key;
  if (each.kind === 'tag') return tags.includes(each.tag);
  if (each.kind === 'all') return true;
  return PATTERNS.some(({ prefix, keys }) => prefix === each.prefix && keys.some((one) => one === key));
};

/**
 * Several processes at once, in real time and on a real server: whatever was invalidated by a call that was complete
 * before a read began must not be what the read finds, if the right to write it was given before that call began.
 */
class History {
  #now = 0;
  readonly #invalidations: { readonly began: number; ended: number; readonly what: readonly Invalidation[] }[] = [];
  readonly #given = new Map<number, { given: number }>();
  reads = 0;
  writes = 0;

  tick(): number {
    this.#now += 1;
    return this.#now;
  }

  async invalidate(store: CacheStore, what: readonly Invalidation[]): Promise<void> {
    const entry = { began: this.tick(), ended: Infinity, what };
    this.#invalidations.push(entry);
    await store.invalidate(what);
    entry.ended = this.tick();
  }

  async read(store: CacheStore, key: string, expected: readonly string[]): Promise<void> {
    const began = this.tick();
    const found = await store.read(key, expected);
    if (found === undefined) return;
    this.reads += 1;
    const { given } = this.#given.get(Number(Buffer.from(found.bytes).toString()))!;
    const missed = this.#invalidations.filter(
      (each) => each.ended < began && each.began > given && each.what.some((one) => concerns(one, key, found.tags)),
    );
    assert.deepEqual(missed, [], `read of ${key} at ${began} found what was given at ${given}`);
  }

  async fill(store: CacheStore, key: string, tags: readonly string[], late: readonly string[]): Promise<void> {
    const lease = await store.lease(key, tags, 1000);
    if (lease === undefined) return;
    await this.#write(store, key, [...tags, ...late], lease);
  }

  async set(store: CacheStore, key: string, tags: readonly string[]): Promise<void> {
    await this.#write(store, key, tags, undefined);
  }

  async #write(store: CacheStore, key: string, tags: readonly string[], lease: StoreLease | undefined): Promise<void> {
    const given = this.tick();
    const entry = { given: lease === undefined ? Infinity : given };
    this.#given.set(given, entry);
    if (await store.write(key, { bytes: Buffer.from(String(given)), tags, ttl: 60_000 }, lease)) this.writes += 1;
    // A set without a lease is as new as its end at most: an invalidation that overlaps it may come before or after.
    if (lease === undefined) entry.given = this.tick();
  }
}

async function interleave(
  stores: readonly CacheStore[],
  sabotage: readonly (() => Promise<unknown>)[],
  seed: number,
): Promise<History> {
  const history = new History();
  const actor = async (number: number): Promise<void> => {
    const roll = dice(seed * 1000 + number);
    const pick = <T>(from: readonly T[]): T => from[roll(from.length)]!;
    const some = (): string[] => TAGS.filter(() => roll(3) === 0);
    for (let step = 0; step < STEPS; step++) {
      const store = pick(stores);
      const choice = roll(100);
      if (choice < 45) await history.read(store, pick(KEYS), some());
      else if (choice < 75) await history.fill(store, pick(KEYS), some(), some());
      else if (choice < 80) await history.set(store, pick(KEYS), some());
      else if (choice < 87) await history.invalidate(store, [{ kind: 'key', key: pick(KEYS) }]);
      else if (choice < 94) await history.invalidate(store, [{ kind: 'tag', tag: pick(TAGS) }]);
      else if (choice < 97) {
        const { prefix, glob } = pick(PATTERNS);
        await history.invalidate(store, [{ kind: 'pattern', prefix, glob }]);
      } else if (choice < 98) await history.invalidate(store, [{ kind: 'all' }]);
      else await pick(sabotage)();
    }
  };
  await Promise.all(Array.from({ length: ACTORS }, (_, i) => actor(i)));
  return history;
}

describe.skipIf(missing)(`redisStore under interleaving${hint}`, () => {
  let server: Server;
  let cluster: Topology;

  beforeAll(async () => {
    [server, cluster] = await Promise.all([Server.start(), startCluster()]);
  }, 30_000);

  afterAll(async () => {
    await server.stop();
    await cluster.stop();
  });

  it('never finds what was invalidated, whatever Redis evicts or forgets, on one server', async () => {
    const clients = [createClient({ url: server.url }), createClient({ url: server.url, RESP: 2 })];
    await Promise.all(clients.map((client) => client.connect()));
    const [client] = clients as [(typeof clients)[0]];
    const sabotage = [
      () => client.del(TAGS.map((tag) => `{forge}:t:k${tag}`)),
      () => client.del('{forge}:ledger'),
      () => client.del(KEYS.map((key) => `forge:l:{k${key}}`)),
      () => client.scriptFlush(),
    ];
    const history = await interleave(
      clients.map((each) => redisStore(each)),
      sabotage,
      1,
    );
    expect(history.reads).toBeGreaterThan(50);
    expect(history.writes).toBeGreaterThan(50);
    for (const each of clients) each.destroy();
  }, 20_000);

  it('never finds what was invalidated, over the slots of a cluster', async () => {
    const clients = [0, 1].map((i) => createCluster({ rootNodes: [{ url: cluster.servers[i]!.url }] }));
    await Promise.all(clients.map((client) => client.connect()));
    const sabotage = [() => clients[0]!.del('{forge}:ledger'), () => clients[1]!.del('{forge}:t:ks')];
    const history = await interleave(
      clients.map((each) => redisStore(each)),
      sabotage,
      2,
    );
    expect(history.reads).toBeGreaterThan(50);
    expect(history.writes).toBeGreaterThan(50);
    for (const each of clients) each.destroy();
  }, 20_000);
});
