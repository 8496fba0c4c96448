import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ban, type BanWalk } from '../../src/memory/entry-table.ts';
import { MemoryCache } from '../../src/memory/memory-cache.ts';
import type { RemovalReason } from '../../src/memory/memory-options.ts';

interface Value {
  readonly id: number;
  readonly bytes: number;
}

interface Held {
  readonly key: string;
  readonly value: Value;
  readonly size: number;
  /** Of its ttl. */
  readonly deadline: number;
  readonly idleTTL: number;
  expiresAt: number;
  /** The first ban that came after it and that its key matches. */
  withdrawn: { deleted: number } | undefined;
  readonly tags: readonly string[];
}

/** A ban of the cache and the model's. */
type Bans = [cache: BanWalk, model: { deleted: number }][];

interface Terms {
  readonly ttl: number;
  readonly idleTTL: number;
  readonly tags: readonly string[];
}

/** The same cache, naively: an array in order of use, the oldest first. */
class Model {
  held: Held[] = [];
  now = 0;
  hits = 0;
  misses = 0;
  evictions = 0;
  expirations = 0;
  sets = 0;
  removals: string[] = [];
  readonly maxSize: number;
  readonly maxBytes: number;

  constructor(maxSize: number, maxBytes: number) {
    this.maxSize = maxSize;
    this.maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.held.reduce((sum, { size }) => sum + size, 0);
  }

  find(key: string): Held | undefined {
    return this.held.find((entry) => entry.key === key);
  }

  live(key: string): Held | undefined {
    const entry = this.find(key);
    return entry !== undefined && entry.expiresAt > this.now && entry.withdrawn === undefined ? entry : undefined;
  }

  remove(entry: Held, why: RemovalReason): RemovalReason {
    const reason = entry.expiresAt <= this.now ? 'expired' : entry.withdrawn === undefined ? why : 'deleted';
    if (reason === 'deleted' && entry.withdrawn !== undefined) entry.withdrawn.deleted++;
    if (reason === 'evicted') this.evictions++;
    if (reason === 'expired') this.expirations++;
    this.held = this.held.filter((other) => other !== entry);
    this.removals.push(`${entry.key} ${entry.value.id} ${reason}`);
    return reason;
  }

  get(key: string): Value | undefined {
    const entry = this.live(key);
    if (entry === undefined) {
      this.misses++;
      const over = this.find(key);
      if (over !== undefined) this.remove(over, 'expired');
      return undefined;
    }
    this.hits++;
    entry.expiresAt = Math.min(entry.deadline, this.now + entry.idleTTL);
    this.held = [...this.held.filter((other) => other !== entry), entry];
    return entry.value;
  }

  set(key: string, value: Value, { ttl, idleTTL, tags }: Terms): boolean {
    const size = Math.max(1, value.bytes);
    const old = this.find(key);
    if (old !== undefined) this.remove(old, 'replaced');
    if (ttl <= 0 || idleTTL <= 0 || size > this.maxBytes) return false;
    const deadline = this.now + ttl;
    const expiresAt = Math.min(deadline, this.now + idleTTL);
    this.held.push({ key, value, size, deadline, idleTTL, expiresAt, tags, withdrawn: undefined });
    while (this.held.length > this.maxSize || this.bytes > this.maxBytes) this.remove(this.held[0]!, 'evicted');
    return true;
  }

  /** Counts those that were there to read. */
  deleteWhere(test: (entry: Held) => boolean): number {
    const matching = this.held.filter(test);
    const alive = matching.filter(({ key }) => this.live(key) !== undefined).length;
    for (const entry of matching) this.remove(entry, 'deleted');
    return alive;
  }

  ban(test: (entry: Held) => boolean): { deleted: number } {
    const counted = { deleted: 0 };
    for (const entry of this.held) if (test(entry)) entry.withdrawn ??= counted;
    return counted;
  }

  clear(): void {
    for (const { key, value } of this.held) this.removals.push(`${key} ${value.id} deleted`);
    this.held = [];
  }

  sweep(): void {
    for (const entry of this.held) if (this.live(entry.key) === undefined) this.remove(entry, 'expired');
  }
}

type Action = typeof action extends fc.Arbitrary<infer Step> ? Step : never;

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', '__proto__');
const tag = fc.constantFrom('x', 'y', 'z');
const action = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('get' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('look' as const), key }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('set' as const),
      key,
      bytes: fc.integer({ min: 0, max: 12 }),
      ttl: fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 20 })),
      idleTTL: fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 20 })),
      tags: fc.array(tag, { maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('deleteTag' as const), tag }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('deleteMatching' as const), from: key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('ban' as const), from: key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('finish' as const), limit: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 10 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('sweep' as const, 'clear' as const) }) },
);

/** Does the step on both sides and returns what each answered. */
function perform(
  step: Exclude<Action, { do: 'ban' | 'finish' }>,
  cache: MemoryCache<Value>,
  model: Model,
): [cache: unknown, model: unknown] {
  switch (step.do) {
    case 'get':
      return [cache.get(step.key), model.get(step.key)];
    case 'look': {
      const entry = model.live(step.key);
      return [
        [cache.peek(step.key), cache.has(step.key)],
        [entry?.value, entry !== undefined],
      ];
    }
    case 'set': {
      const value = { id: ++model.sets, bytes: step.bytes };
      return [cache.set(step.key, value, step), model.set(step.key, value, step)];
    }
    case 'delete':
      return [cache.delete(step.key), model.deleteWhere((entry) => entry.key === step.key) === 1];
    case 'deleteTag':
      return [cache.deleteTag(step.tag), model.deleteWhere(({ tags }) => tags.includes(step.tag))];
    case 'deleteMatching':
      return [cache.deleteMatching((name) => name >= step.from), model.deleteWhere((entry) => entry.key >= step.from)];
    case 'wait':
      model.now += step.ms;
      return [undefined, undefined];
    case 'sweep':
      model.sweep();
      return [cache.sweep(), true];
    case 'clear':
      model.clear();
      return [cache.clear(), undefined];
  }
}

/** Walks the bans to their ends on both sides and returns how many entries each deleted. */
function finish(bans: Bans, limit: number, model: Model): [cache: number[], model: number[]] {
  for (const [walk] of bans) while (!walk.advance(limit));
  for (const entry of model.held) if (entry.withdrawn !== undefined) model.remove(entry, 'deleted');
  const done = bans.splice(0);
  return [done.map(([walk]) => walk.deleted), done.map(([, counted]) => counted.deleted)];
}

const bounds = fc.record({ maxSize: fc.integer({ min: 1, max: 6 }), maxBytes: fc.integer({ min: 1, max: 30 }) });

describe('MemoryCache', () => {
  it('does what a naive LRU list with ttl, idle time, tags, bans and a byte bound does', () => {
    fc.assert(
      fc.property(bounds, fc.array(action, { maxLength: 120 }), ({ maxSize, maxBytes }, actions) => {
        const model = new Model(maxSize, maxBytes);
        const removals: string[] = [];
        const bans: Bans = [];
        const cache = new MemoryCache<Value>({
          maxSize,
          maxBytes,
          policy: 'lru',
          cleanupInterval: 0,
          sizeOf: ({ bytes }) => bytes,
          clock: { now: () => model.now },
          onRemoval: (name, { id }, reason) => removals.push(`${name} ${id} ${reason}`),
        });
        for (const step of actions) {
          if (step.do === 'ban') {
            const test = (name: string): boolean => name >= step.from;
            bans.push([ban(cache, test), model.ban((entry) => test(entry.key))]);
            continue;
          }
          const [answer, expected] =
            step.do === 'finish' ? finish(bans, step.limit, model) : perform(step, cache, model);
          expect(answer).toEqual(expected);
          expect([cache.size, cache.bytes]).toEqual([model.held.length, model.bytes]);
          // A set must evict from the oldest on; the other steps may remove in any order.
          expect(step.do === 'set' ? removals : removals.toSorted()).toEqual(
            step.do === 'set' ? model.removals : model.removals.toSorted(),
          );
          removals.length = 0;
          model.removals.length = 0;
        }
        const held = model.held.filter(({ key: name }) => model.live(name) !== undefined);
        expect(new Set([...cache.entries()].map(({ value }) => value))).toEqual(
          new Set(held.map(({ value }) => value)),
        );
        expect(cache.getMetrics()).toMatchObject({
          hits: model.hits,
          misses: model.misses,
          evictions: model.evictions,
          expirations: model.expirations,
        });
      }),
      { numRuns: 500 },
    );
  });
});
