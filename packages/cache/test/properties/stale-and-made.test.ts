import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ResponseCache, type GetOrSetOptions, type LoaderContext } from '../../src/index.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

interface Value {
  readonly key: Key;
  /** The step in which it was set or its load began. */
  readonly born: number;
  readonly madeFrom: Value | undefined;
}

interface Load {
  readonly key: Key;
  readonly born: number;
  readonly signal: AbortSignal;
  readonly end: (fails: boolean) => void;
  isOver: boolean;
}

interface Reader {
  readonly key: Key;
  readonly abort: AbortController;
  /** By key, the step of the last invalidation or set before this read. */
  readonly fences: ReadonlyMap<Key, number>;
  /** Got what was stored, and joined no load. */
  isHit: boolean;
  isSettled: boolean;
}

/** `part` is made from `base`, and its caller says so; `page` is made from `part`, and its loader says so at its end. */
const KEYS = ['base', 'part', 'page', 'lone'] as const;
type Key = (typeof KEYS)[number];
const SOURCE: Partial<Record<Key, Key>> = { part: 'base', page: 'part' };
const TAGS: Record<Key, readonly string[]> = { base: ['t'], part: [], page: ['u'], lone: ['t'] };
const SWR = 5;
const SIE = 10;
const ERROR_TTL = 3;

/** The key, and what is made from it. */
function withHeirs(key: Key): readonly Key[] {
  const heirs = KEYS.filter((other) => SOURCE[other] === key).flatMap((other) => withHeirs(other));
  return [key, ...heirs];
}

class Harness {
  readonly #cache = new ResponseCache<Value>({
    defaultTTL: 6,
    staleWhileRevalidate: SWR,
    staleIfError: SIE,
    errorTTL: ERROR_TTL,
    softTimeout: 4,
    hardTimeout: 8,
  });
  readonly #violations: string[] = [];
  readonly #readers: Reader[] = [];
  readonly #loads: Load[] = [];
  readonly #fences = new Map<Key, number>();
  /** By key, the step since which another load may run beside the one that does. */
  readonly #generations = new Map<Key, number>();
  readonly #freshUntil = new Map<Key, number>();
  readonly #failsUntil = new Map<Key, number>();
  #step = 0;

  constructor() {
    this.#cache.on('cacheSet', ({ key, ttl }) => {
      this.#freshUntil.set(key as Key, performance.now() + ttl);
      this.#renewed(key as Key);
    });
    this.#cache.on('cacheInvalidated', ({ key }) => this.#freshUntil.delete(key as Key));
    this.#cache.on('cacheCleared', () => this.#freshUntil.clear());
    this.#cache.on('cacheHit', ({ key, stale }) => this.#judgeHit(key as Key, stale));
  }

  read(key: Key, how: 'get' | 'getOrSet'): void {
    this.#step++;
    const abort = new AbortController();
    const reader: Reader = { key, abort, fences: new Map(this.#fences), isHit: false, isSettled: false };
    this.#readers.push(reader);
    const before = this.#cache.getMetrics();
    const answer = how === 'get' ? this.#cache.get(key) : this.#load(key, abort.signal);
    const after = this.#cache.getMetrics();
    reader.isHit = how === 'get' || after.hits + after.stale > before.hits + before.stale;
    answer.then(
      (value) => this.#judge(reader, value),
      (error: unknown) => this.#judgeFailure(reader, error),
    );
  }

  set(key: Key): void {
    this.#fence([key]);
    void this.#cache.set(key, { key, born: this.#step, madeFrom: undefined }, { tags: TAGS[key] });
  }

  invalidate(how: 'key' | 'tag' | 'soft' | 'pattern' | 'clear', key: Key): void {
    const tag = TAGS[key][0] ?? 'u';
    const tagged = KEYS.filter((other) => TAGS[other].includes(tag));
    if (how === 'soft') {
      const now = performance.now();
      for (const other of tagged) {
        this.#freshUntil.set(other, Math.min(this.#freshUntil.get(other) ?? -1, now));
        this.#failsUntil.delete(other);
        this.#renewed(other);
      }
      void this.#cache.invalidateTag(tag, { soft: true });
    } else if (how === 'tag') {
      this.#fence(tagged);
      void this.#cache.invalidateTag(tag);
    } else if (how === 'pattern') {
      this.#fence(KEYS.filter((other) => other.startsWith('pa')));
      void this.#cache.invalidatePattern('pa*');
    } else if (how === 'key') {
      this.#fence([key]);
      void this.#cache.invalidate(key);
    } else {
      this.#fence(KEYS);
      void this.#cache.clear();
    }
  }

  abort(index: number): void {
    const open = this.#readers.filter(({ isSettled, abort }) => !isSettled && !abort.signal.aborted);
    open[index % open.length]?.abort.abort('enough');
  }

  end(index: number, fails: boolean): void {
    const running = this.#loads.filter(({ isOver }) => !isOver);
    running[index % running.length]?.end(fails);
  }

  problems(): string[] {
    const waiting = new Set(this.#readers.filter(({ isSettled }) => !isSettled).map(({ key }) => key));
    return [...this.#violations, ...(waiting.size > KEYS.length ? ['keys that there are not'] : [])];
  }

  async finish(): Promise<string[]> {
    for (let round = 0; round < 4; round++) {
      for (const load of this.#loads) if (!load.isOver) load.end(false);
      await turn();
    }
    const problems = [...this.problems()];
    for (const { key, isSettled, abort } of this.#readers) {
      if (!isSettled) problems.push(`a reader of ${key} never settled`);
      if (getEventListeners(abort.signal, 'abort').length > 0) problems.push(`a reader of ${key} left a listener`);
    }
    const { pending } = this.#cache.getMetrics();
    if (pending > 0) problems.push(`${pending} pending`);
    await this.#cache.close();
    if (vi.getTimerCount() > 0) problems.push(`${vi.getTimerCount()} timers`);
    return problems;
  }

  #load(key: Key, signal?: AbortSignal): Promise<Value> {
    const source = SOURCE[key];
    const options: GetOrSetOptions<Value> = {
      tags: TAGS[key],
      dependsOn: key === 'part' ? ['base'] : undefined,
      signal,
    };
    return this.#cache.getOrSet(
      key,
      async (context) => {
        const { load, begun } = this.#begin(key, context);
        try {
          const madeFrom = source === undefined ? undefined : await this.#load(source);
          const born = await begun;
          if (key === 'page') context.setOptions({ dependsOn: ['part'] });
          return { key, born, madeFrom };
        } catch (error) {
          load.end(true);
          this.#failsUntil.set(key, performance.now() + ERROR_TTL);
          throw error;
        }
      },
      options,
    );
  }

  /** The step in which the load began, when the test lets it end. */
  #begin(key: Key, { signal }: LoaderContext<Value>): { load: Load; begun: Promise<number> } {
    const born = ++this.#step;
    const rival = (load: Load): boolean =>
      load.key === key && !load.isOver && !load.signal.aborted && load.born > (this.#generations.get(key) ?? 0);
    if (this.#loads.some(rival)) this.#violations.push(`second load of ${key} in one generation`);
    let settle!: (fails: boolean) => void;
    const begun = new Promise<number>((resolve, reject) => {
      settle = (fails) => (fails ? reject(new Error(`load of ${key}`)) : resolve(born));
    });
    begun.catch(() => {});
    const end = (fails: boolean): void => {
      load.isOver = true;
      this.#renewed(key);
      settle(fails);
    };
    const load: Load = { key, born, signal, end, isOver: false };
    this.#loads.push(load);
    signal.addEventListener('abort', () => this.#failsUntil.set(key, performance.now() + ERROR_TTL));
    return { load, begun };
  }

  #fence(keys: readonly Key[]): void {
    const step = ++this.#step;
    for (const key of keys) {
      this.#fences.set(key, step);
      this.#failsUntil.delete(key);
      this.#renewed(key);
    }
  }

  /** Loads of the key, and of what is made from it, may begin anew. */
  #renewed(key: Key): void {
    const step = ++this.#step;
    for (const other of withHeirs(key)) this.#generations.set(other, step);
  }

  #judgeHit(key: Key, stale: boolean): void {
    const now = performance.now();
    const freshUntil = this.#freshUntil.get(key) ?? -Infinity;
    if (stale && !(now >= freshUntil && now < freshUntil + Math.max(SWR, SIE))) {
      this.#violations.push(`${key} given as stale at ${now}, fresh until ${freshUntil}`);
    }
    const mayBeFailure = withSources(key).some((other) => now < (this.#failsUntil.get(other) ?? -1));
    if (!stale && now >= freshUntil && !mayBeFailure) this.#violations.push(`${key} given as fresh at ${now}`);
  }

  #judge(reader: Reader, value: Value | undefined): void {
    reader.isSettled = true;
    // What a load depends on may be known only at its end: who joins it then gets what those get who were there before.
    const depth = reader.isHit || reader.key !== 'page' ? Infinity : 1;
    let part = value;
    for (let i = 0; part !== undefined && i < depth; i++, part = part.madeFrom) {
      const fence = reader.fences.get(part.key) ?? 0;
      if (part.born < fence) {
        this.#violations.push(`${reader.key}: ${part.key} of ${part.born} read after its invalidation in ${fence}`);
      }
    }
  }

  #judgeFailure(reader: Reader, error: unknown): void {
    reader.isSettled = true;
    if (reader.abort.signal.aborted && error === 'enough') return;
    const { message } = error as Error;
    if (message.startsWith('load of ') || /took longer than 8 ms/.test(message)) return;
    this.#violations.push(`${reader.key} rejected with ${String(error)}`);
  }
}

function withSources(key: Key): readonly Key[] {
  const source = SOURCE[key];
  return source === undefined ? [key] : [key, ...withSources(source)];
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const key = fc.constantFrom(...KEYS);
const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      key,
      how: fc.constantFrom('get' as const, 'getOrSet' as const, 'getOrSet' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('set' as const), key }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('invalidate' as const),
      key,
      how: fc.constantFrom(
        'key' as const,
        'tag' as const,
        'soft' as const,
        'soft' as const,
        'pattern' as const,
        'clear' as const,
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('abort' as const), index: fc.nat(20) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('end' as const), index: fc.nat(20), fails: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('tick' as const), jobs: fc.integer({ min: 1, max: 20 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 6 }) }) },
);

describe('ResponseCache', () => {
  it('gives nothing out of its window, and nothing made from what was invalidated, however loads end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 80, size: 'max' }), async (actions) => {
        vi.clearAllTimers();
        const harness = new Harness();
        for (const step of actions) {
          if (step.do === 'read') harness.read(step.key, step.how);
          else if (step.do === 'set') harness.set(step.key);
          else if (step.do === 'invalidate') harness.invalidate(step.how, step.key);
          else if (step.do === 'abort') harness.abort(step.index);
          else if (step.do === 'end') harness.end(step.index, step.fails);
          else if (step.do === 'wait') await vi.advanceTimersByTimeAsync(step.ms);
          else for (let i = 0; i < step.jobs; i++) await Promise.resolve();
          expect(harness.problems()).toEqual([]);
        }
        expect(await harness.finish()).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
