import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ResponseCache } from '../../src/index.ts';

interface Value {
  readonly key: string;
  /** The step in which it was set or its load began. */
  readonly born: number;
  readonly bytes: number;
}

interface Caller {
  readonly key: string;
  /** The step of the last invalidation or set of the key before this call. */
  readonly fence: number;
  readonly abort: AbortController | undefined;
  settled: boolean;
}

interface Load {
  readonly key: string;
  readonly born: number;
  readonly signal: AbortSignal;
  readonly callers: Caller[];
  readonly settle: (fails: boolean) => void;
  settled: boolean;
  /** The tags of its callers. */
  readonly tags: Set<string>;
  /** A caller with a tag that was invalidated since began a load of its own. */
  superseded: boolean;
}

const TAGS: Readonly<Record<string, readonly string[]>> = { a: ['x'], b: ['x', 'y'], c: ['y'], d: [] };
const KEYS = Object.keys(TAGS);
/** A tag that some callers of any key name and others do not. */
const EXTRA = 'z';
const MAX_BYTES = 20;

/** Drives one cache step by step and keeps, from the outside, the little that is needed to judge what it answers. */
class Harness {
  readonly #violations: string[] = [];
  readonly #callers: Caller[] = [];
  readonly #loads: Load[] = [];
  /** The load that the next caller of the key is to join. */
  readonly #current = new Map<string, Load>();
  readonly #fences = new Map<string, number>();
  readonly #mirror = new Map<string, { bytes: number; expiresAt: number }>();
  readonly #measured = new Map<string, Value>();
  /** The step in which each tag was last invalidated. */
  readonly #tagFences = new Map<string, number>();
  readonly #cache: ResponseCache<Value>;
  #step = 0;
  now = 0;

  constructor() {
    this.#cache = new ResponseCache<Value>({
      maxSize: 3,
      maxBytes: MAX_BYTES,
      sizeOf: (value, key) => {
        this.#measured.set(key, value);
        return value.bytes;
      },
      cleanupInterval: 0,
      clock: { now: () => this.now },
    });
    this.#cache.on('cacheSet', ({ key, ttl, tags }) => {
      const { bytes, born } = this.#measured.get(key)!;
      this.#mirror.set(key, { bytes, expiresAt: this.now + ttl });
      for (const tag of tags) {
        if (born < (this.#tagFences.get(tag) ?? 0)) this.#violations.push(`${key} of step ${born} stored under ${tag}`);
      }
    });
    this.#cache.on('cacheHit', ({ key }) => {
      if (!((this.#mirror.get(key)?.expiresAt ?? 0) > this.now)) this.#violations.push(`${key} hit though not held`);
    });
    const left = ({ key }: { readonly key: string }): void => {
      if (!this.#mirror.delete(key)) this.#violations.push(`${key} left though not held`);
    };
    this.#cache.on('cacheEviction', left);
    this.#cache.on('cacheInvalidated', left);
    this.#cache.on('cacheCleared', () => {
      this.#mirror.clear();
    });
  }

  call(
    key: string,
    options: { withSignal: boolean; bytes: number; ttl: number; heedsAbort: boolean; extra: boolean },
  ): void {
    const step = ++this.#step;
    const caller: Caller = {
      key,
      fence: this.#fences.get(key) ?? 0,
      abort: options.withSignal ? new AbortController() : undefined,
      settled: false,
    };
    this.#callers.push(caller);
    const tags = options.extra ? [...TAGS[key]!, EXTRA] : TAGS[key]!;
    const joined = this.#current.get(key);
    if (joined !== undefined && tags.some((tag) => (this.#tagFences.get(tag) ?? 0) > joined.born)) {
      joined.superseded = true;
    }
    const before = this.#cache.getMetrics();
    const answer = this.#cache.getOrSet(
      key,
      ({ signal }) =>
        new Promise((resolve, reject) => {
          const rivals = this.#loads.filter((other) => other.key === key && other.born > caller.fence);
          if (rivals.some((other) => !other.settled && !other.superseded && !other.signal.aborted)) {
            this.#violations.push(`second load of ${key} in one generation`);
          }
          const settle = (fails: boolean): void => {
            load.settled = true;
            if (fails) reject(new Error(key, { cause: step }));
            else resolve({ key, born: step, bytes: options.bytes });
          };
          const load: Load = {
            key,
            born: step,
            signal,
            callers: [caller],
            settle,
            settled: false,
            tags: new Set(tags),
            superseded: false,
          };
          if (options.heedsAbort) signal.addEventListener('abort', () => settle(true));
          this.#loads.push(load);
          this.#current.set(key, load);
        }),
      { tags, ttl: () => options.ttl, signal: caller.abort?.signal },
    );
    if (this.#cache.getMetrics().coalesced > before.coalesced) {
      joined?.callers.push(caller);
      for (const tag of tags) joined?.tags.add(tag);
    }
    answer.then(
      (value) => this.#judge(caller, value),
      (error: unknown) => {
        caller.settled = true;
        const own = caller.abort?.signal;
        if (own?.aborted === true && error === own.reason) return;
        if (error instanceof Error && error.message === key && (error.cause as number) > caller.fence) return;
        this.#violations.push(`${key} rejected with ${String(error)}`);
      },
    );
  }

  read(key: string): void {
    const caller: Caller = { key, fence: this.#fences.get(key) ?? 0, abort: undefined, settled: false };
    this.#callers.push(caller);
    void this.#cache.get(key).then((value) => this.#judge(caller, value));
  }

  set(key: string, bytes: number, ttl: number): void {
    const born = ++this.#step;
    this.#fence([key], born);
    void this.#cache.set(key, { key, born, bytes }, { ttl, tags: TAGS[key] });
  }

  invalidate(how: 'key' | 'tag' | 'extra' | 'pattern' | 'clear', key: string): void {
    const step = ++this.#step;
    const tag = TAGS[key]?.[0] ?? 'none';
    if (how === 'key') {
      this.#fence([key], step);
      void this.#cache.invalidate(key);
    } else if (how === 'tag') {
      this.#fence(
        KEYS.filter((other) => TAGS[other]!.includes(tag)),
        step,
      );
      this.#tagFences.set(tag, step);
      void this.#cache.invalidateTag(tag);
    } else if (how === 'extra') {
      this.#tagFences.set(EXTRA, step);
      for (const [held, load] of this.#current) if (load.tags.has(EXTRA)) this.#fence([held], step);
      void this.#cache.invalidateTag(EXTRA);
    } else if (how === 'pattern') {
      this.#fence(
        KEYS.filter((other) => other >= key),
        step,
      );
      void this.#cache.invalidatePattern(new RegExp(`[${key}-z]`, 'g'));
    } else {
      this.#fence(KEYS, step);
      void this.#cache.clear();
    }
  }

  abort(index: number): void {
    const open = this.#callers.filter(({ abort, settled }) => abort !== undefined && !abort.signal.aborted && !settled);
    const caller = open[index % open.length];
    caller?.abort?.abort({ step: ++this.#step });
    for (const [key, load] of this.#current) if (load.signal.aborted) this.#current.delete(key);
  }

  settle(index: number, fails: boolean): void {
    const running = this.#loads.filter((load) => !load.settled);
    running[index % running.length]?.settle(fails);
  }

  /** What is wrong after a step. */
  problems(): string[] {
    const problems = [...this.#violations];
    for (const load of this.#loads) {
      const abandoned = load.callers.every(({ abort }) => abort?.signal.aborted === true);
      if (!load.settled && load.signal.aborted !== abandoned) problems.push(`signal of a load of ${load.key}`);
    }
    const { size, totalSize } = this.#cache.getMetrics();
    const bytes = [...this.#mirror.values()].reduce((sum, entry) => sum + Math.max(1, entry.bytes), 0);
    if (size !== this.#mirror.size) problems.push(`size ${size}, but ${this.#mirror.size} entries are held`);
    if (totalSize !== bytes) problems.push(`totalSize ${totalSize}, but ${bytes} bytes are held`);
    return problems;
  }

  /** What is wrong when every load has ended. */
  async finish(closes: boolean): Promise<string[]> {
    const closed = closes ? this.#cache.close() : undefined;
    for (const load of this.#loads) if (!load.settled) load.settle(false);
    await (closed ?? new Promise((resolve) => setImmediate(resolve)));
    const problems = closes ? [...this.#violations] : this.problems();
    await new Promise((resolve) => setImmediate(resolve));
    for (const { key, settled, abort } of this.#callers) {
      if (!settled) problems.push(`a caller of ${key} never settled`);
      const listeners = abort === undefined ? [] : getEventListeners(abort.signal, 'abort');
      if (listeners.length > 0) problems.push(`a caller of ${key} left a listener`);
    }
    const { pending } = this.#cache.getMetrics();
    return pending === 0 ? problems : [...problems, `${pending} pending`];
  }

  #judge(caller: Caller, value: Value | undefined): void {
    caller.settled = true;
    if (value === undefined) return;
    if (value.key !== caller.key) this.#violations.push(`${caller.key} got the value of ${value.key}`);
    if (value.born < caller.fence) {
      this.#violations.push(`${value.key} of step ${value.born} read after its invalidation in step ${caller.fence}`);
    }
  }

  #fence(keys: readonly string[], step: number): void {
    for (const key of keys) {
      this.#fences.set(key, step);
      this.#current.delete(key);
    }
  }
}

const key = fc.constantFrom(...KEYS);
const ttl = fc.oneof(fc.constant(Infinity), fc.integer({ min: 1, max: 10 }));
const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('call' as const),
      key,
      withSignal: fc.boolean(),
      heedsAbort: fc.boolean(),
      extra: fc.boolean(),
      bytes: fc.integer({ min: 0, max: MAX_BYTES + 2 }),
      ttl: fc.oneof(ttl, fc.constantFrom(0, -1)),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('read' as const), key }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('set' as const), key, bytes: fc.integer({ min: 0, max: 12 }), ttl }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('invalidate' as const),
      key,
      how: fc.constantFrom('key' as const, 'tag' as const, 'extra' as const, 'pattern' as const, 'clear' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('abort' as const), index: fc.nat(20) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('settle' as const), index: fc.nat(20), fails: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('tick' as const), microtasks: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 6 }) }) },
);

describe('ResponseCache', () => {
  it('reads nothing older than an invalidation and loads once per key and generation, however calls interleave', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 80, size: 'max' }), fc.boolean(), async (actions, closes) => {
        const harness = new Harness();
        for (const step of actions) {
          if (step.do === 'call') harness.call(step.key, step);
          else if (step.do === 'read') harness.read(step.key);
          else if (step.do === 'set') harness.set(step.key, step.bytes, step.ttl);
          else if (step.do === 'invalidate') harness.invalidate(step.how, step.key);
          else if (step.do === 'abort') harness.abort(step.index);
          else if (step.do === 'settle') harness.settle(step.index, step.fails);
          else if (step.do === 'wait') harness.now += step.ms;
          else for (let i = 0; i < step.microtasks; i++) await Promise.resolve();
          expect(harness.problems()).toEqual([]);
        }
        expect(await harness.finish(closes)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
