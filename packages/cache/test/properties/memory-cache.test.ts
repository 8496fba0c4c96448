import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryCache, type RemovalReason } from '../../src/index.ts';

interface Value {
  readonly id: number;
  readonly bytes: number;
}

interface Held {
  readonly key: string;
  readonly value: Value;
  readonly size: number;
  readonly expiresAt: number;
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
    return entry !== undefined && entry.expiresAt > this.now ? entry : undefined;
  }

  remove(entry: Held, why: RemovalReason): RemovalReason {
    const reason = entry.expiresAt <= this.now ? 'expired' : why;
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
      const expired = this.find(key);
      if (expired !== undefined) this.remove(expired, 'expired');
      return undefined;
    }
    this.hits++;
    this.held = [...this.held.filter((other) => other !== entry), entry];
    return entry.value;
  }

  set(key: string, value: Value, ttl: number, tags: readonly string[]): boolean {
    const size = Math.max(1, value.bytes);
    const old = this.find(key);
    if (old !== undefined) this.remove(old, 'replaced');
    if (ttl <= 0 || size > this.maxBytes) return false;
    this.held.push({ key, value, size, expiresAt: this.now + ttl, tags });
    while (this.held.length > this.maxSize || this.bytes > this.maxBytes) this.remove(this.held[0]!, 'evicted');
    return true;
  }

  deleteWhere(test: (entry: Held) => boolean): string[] {
    return this.held
      .filter(test)
      .filter((entry) => this.remove(entry, 'deleted') === 'deleted')
      .map((entry) => entry.key);
  }

  clear(): void {
    for (const { key, value } of this.held) this.removals.push(`${key} ${value.id} deleted`);
    this.held = [];
  }

  sweep(): void {
    for (const entry of this.held) if (entry.expiresAt <= this.now) this.remove(entry, 'expired');
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
      tags: fc.array(tag, { maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('deleteTag' as const), tag }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('deleteMatching' as const), from: key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 10 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('sweep' as const, 'clear' as const) }) },
);

/** Does the step on both sides and returns what each answered. */
function perform(step: Action, cache: MemoryCache<Value>, model: Model): [cache: unknown, model: unknown] {
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
      const { ttl, tags } = step;
      return [cache.set(step.key, value, { ttl, tags }), model.set(step.key, value, ttl, tags)];
    }
    case 'delete':
      return [cache.delete(step.key), model.deleteWhere((entry) => entry.key === step.key).length === 1];
    case 'deleteTag':
      return [
        cache.deleteTag(step.tag).toSorted(),
        model.deleteWhere(({ tags }) => tags.includes(step.tag)).toSorted(),
      ];
    case 'deleteMatching':
      return [
        cache.deleteMatching((name) => name >= step.from).toSorted(),
        model.deleteWhere((entry) => entry.key >= step.from).toSorted(),
      ];
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

const bounds = fc.record({ maxSize: fc.integer({ min: 1, max: 6 }), maxBytes: fc.integer({ min: 1, max: 30 }) });

describe('MemoryCache', () => {
  it('does what a naive LRU list with ttl, tags and byte bound does', () => {
    fc.assert(
      fc.property(bounds, fc.array(action, { maxLength: 120 }), ({ maxSize, maxBytes }, actions) => {
        const model = new Model(maxSize, maxBytes);
        const removals: string[] = [];
        const cache = new MemoryCache<Value>({
          maxSize,
          maxBytes,
          sizeOf: ({ bytes }) => bytes,
          clock: { now: () => model.now },
          onRemoval: (name, { id }, reason) => removals.push(`${name} ${id} ${reason}`),
        });
        for (const step of actions) {
          const [answer, expected] = perform(step, cache, model);
          expect(answer).toEqual(expected);
          expect([cache.size, cache.bytes]).toEqual([model.held.length, model.bytes]);
          // A set must evict from the oldest on; the other steps may remove in any order.
          expect(step.do === 'set' ? removals : removals.toSorted()).toEqual(
            step.do === 'set' ? model.removals : model.removals.toSorted(),
          );
          removals.length = 0;
          model.removals.length = 0;
        }
        const held = model.held.filter(({ expiresAt }) => expiresAt > model.now);
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
