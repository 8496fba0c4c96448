import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { memoryStore, type StoreFault } from '../../src/testing/index.ts';
import { SecondTier } from '../../src/tiers/second-tier.ts';
import type { CacheStore, Invalidation, StoreRecord } from '../../src/tiers/store.ts';

const TIMEOUT = 100;
const KEYS = ['a', 'b', 'ab'] as const;
const TAGS = ['x', 'y'] as const;
/** The other process's calls are never late, so that a stale read is this process's doing. */
const INVALIDATIONS: readonly Invalidation[] = [
  ...KEYS.map((key) => ({ kind: 'key', key }) as const),
  ...TAGS.map((tag) => ({ kind: 'tag', tag }) as const),
  { kind: 'tag', tag: 'x', soft: true },
  { kind: 'pattern', prefix: 'a', glob: '*' },
  { kind: 'all' },
];

type Action =
  | { readonly kind: 'read' | 'readThere' | 'load' | 'set'; readonly key: string; readonly tags: readonly string[] }
  | { readonly kind: 'invalidate' | 'invalidateThere'; readonly what: Invalidation };

interface Step {
  readonly action: Action;
  /** Before the next step, in ms. */
  readonly pause: number;
  /** Of the store's operations that begin in this step, in turn. */
  readonly faults: readonly StoreFault[];
}

const keyed = fc.record({
  kind: fc.constantFrom('read' as const, 'readThere' as const, 'load' as const, 'set' as const),
  key: fc.constantFrom(...KEYS),
  tags: fc.subarray([...TAGS]),
});
const invalidating = fc.record({
  kind: fc.constantFrom('invalidate' as const, 'invalidate' as const, 'invalidateThere' as const),
  what: fc.constantFrom(...INVALIDATIONS),
});
const delay = fc.constantFrom(0, 0, 0, 1, 5, 60, 150, 400);
const fault: fc.Arbitrary<StoreFault> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  { weight: 2, arbitrary: fc.record({ delay, answerDelay: delay }) },
  { weight: 1, arbitrary: fc.record({ delay, fail: fc.constantFrom('request' as const, 'answer' as const) }) },
);
const step: fc.Arbitrary<Step> = fc.record({
  action: fc.oneof<fc.Arbitrary<Action>[]>(keyed, keyed, invalidating),
  pause: fc.constantFrom(0, 0, 0, 1, 10, 120, 500),
  faults: fc.array(fault, { maxLength: 4 }),
});

interface Value {
  readonly key: string;
  readonly tags: readonly string[];
  readonly decidedAt: number;
  /** When the other process knows that it comes after it. */
  knownAt: number;
}

/** When each value was decided on, and when what concerns it was invalidated: the truth that reads are held against. */
class History {
  #moment = 0;
  readonly #values: Value[] = [];
  readonly #invalidations: { readonly what: Invalidation; readonly at: number; readonly isThere: boolean }[] = [];

  /** A moment later than all before. */
  next(): number {
    return ++this.#moment;
  }

  /** A loaded value is fenced from the moment on; a set is concurrent with what another process does until it ends. */
  decide(
    key: string,
    tags: readonly string[],
    { isSet }: { readonly isSet: boolean },
  ): Value & { record: StoreRecord } {
    const decidedAt = this.next();
    const id = this.#values.length;
    const record = { bytes: Uint8Array.of(id >> 8, id & 255), tags, ttl: 1e9 };
    const value = { key, tags, decidedAt, knownAt: isSet ? Infinity : decidedAt, record };
    this.#values.push(value);
    return value;
  }

  invalidated(what: Invalidation, isThere: boolean): void {
    this.#invalidations.push({ what, at: this.next(), isThere });
  }

  /** Whether the record was outdated at that moment. */
  isStale({ bytes }: StoreRecord, moment: number): boolean {
    const { key, tags, decidedAt, knownAt } = this.#values[bytes[0]! * 256 + bytes[1]!]!;
    return this.#invalidations.some(
      ({ what, at, isThere }) => at < moment && at > (isThere ? knownAt : decidedAt) && concerns(what, key, tags),
    );
  }
}

function concerns(what: Invalidation, key: string, tags: readonly string[]): boolean {
  if (what.kind === 'key') return what.key === key;
  if (what.kind === 'tag') return tags.includes(what.tag);
  return what.kind === 'all' || key.startsWith('a');
}

/** A tier on a store with faults, next to a process without. */
class World {
  readonly history = new History();
  readonly #shared = memoryStore();
  readonly #faults: StoreFault[] = [];
  readonly #calls: Promise<unknown>[] = [];
  readonly stale: string[] = [];
  readonly #redelivered: Invalidation[] = [];
  readonly #queued: Invalidation[] = [];
  longest = 0;
  readonly there: CacheStore = this.#shared.connect();
  readonly tier: SecondTier;

  constructor() {
    this.tier = new SecondTier(
      this.#shared.connect(() => this.#faults.shift()),
      { timeout: TIMEOUT, random: () => 0, onDelivered: (each) => void this.#redelivered.push(...each) },
    );
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const { action, pause, faults } of steps) {
      this.#faults.splice(0, Infinity, ...faults);
      this.#calls.push(this.#timed(this.#perform(action)));
      await vi.advanceTimersByTimeAsync(pause);
    }
    this.#faults.length = 0;
    await vi.advanceTimersByTimeAsync(60_000);
    await Promise.all(this.#calls);
  }

  /** Invalidations told as queued and never as delivered: another first tier would keep what it took in between. */
  get untold(): readonly Invalidation[] {
    return this.#queued.filter((what) => !this.#redelivered.some((each) => covers(each, what)));
  }

  async #perform(action: Action): Promise<void> {
    if ('what' in action) {
      if (action.kind === 'invalidate') return this.#invalidate(action.what);
      await this.there.invalidate([action.what]);
      return this.history.invalidated(action.what, true);
    }
    const { kind, key, tags } = action;
    if (kind === 'read') return this.#read(key, tags);
    if (kind === 'set') return this.#set(key, tags);
    if (kind === 'load') return this.#load(key, tags);
    await this.there.read(key, tags);
  }

  async #read(key: string, tags: readonly string[]): Promise<void> {
    const began = this.history.next();
    const read = await this.tier.read(key, tags);
    if (read.kind === 'found' && this.history.isStale(read.record, began)) this.stale.push(key);
  }

  async #invalidate(what: Invalidation): Promise<void> {
    this.history.invalidated(what, false);
    if ((await this.tier.invalidate([what])) === 'queued') this.#queued.push(what);
  }

  async #set(key: string, tags: readonly string[]): Promise<void> {
    const value = this.history.decide(key, tags, { isSet: true });
    await this.tier.write(key, value.record, undefined);
    value.knownAt = this.history.next();
  }

  async #load(key: string, tags: readonly string[]): Promise<void> {
    const lease = await this.tier.lease(key, [], 60_000);
    if (lease.kind !== 'given') return;
    const { record } = this.history.decide(key, tags, { isSet: false });
    await new Promise<void>((resolve) => void setTimeout(resolve, 20));
    await this.tier.write(key, record, lease.lease);
  }

  async #timed(call: Promise<void>): Promise<void> {
    const start = performance.now();
    await call;
    this.longest = Math.max(this.longest, performance.now() - start);
  }
}

function covers(each: Invalidation, what: Invalidation): boolean {
  return each.kind === 'all' || JSON.stringify(each) === JSON.stringify(what);
}

describe('SecondTier', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('never reads what was invalidated before, loses no invalidation and is never late, whatever the store does', async () => {
    const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
      const world = new World();
      await world.run(steps);
      expect(world.stale).toEqual([]);
      // A load is a lease, the work and a write.
      expect(world.longest).toBeLessThanOrEqual(2 * TIMEOUT + 20);
      expect(world.tier.getMetrics()).toMatchObject({ queuedInvalidations: 0, droppedInvalidations: 0 });
      expect(world.untold).toEqual([]);
      for (const key of KEYS) {
        const [here, there] = [await world.tier.read(key, []), await world.there.read(key, [])];
        expect(here.kind).toBe(there === undefined ? 'absent' : 'found');
        expect(there !== undefined && world.history.isStale(there, Infinity)).toBe(false);
      }
      await world.tier.close();
      expect(vi.getTimerCount()).toBe(0);
    });
    await fc.assert(property, { numRuns: 2000 });
  });
});
