import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ResponseCache } from '../../src/index.ts';
import { jsonCodec } from '../../src/response/values/codec.ts';
import { decodeRecord } from '../../src/response/sharing/record.ts';
import {
  memoryBus,
  memoryStore,
  type BusFault,
  type MemoryBus,
  type MemoryStore,
  type StoreFault,
} from '../../src/testing/index.ts';

/** More for a soak: `TWO_TIERS_RUNS=20000 vitest run test/properties/two-tiers.test.ts`. */
const RUNS = Number(process.env['TWO_TIERS_RUNS'] ?? 100);
const SOAK = RUNS > 1_000 ? { timeout: 600_000 } : {};

const STORE_TIMEOUT = 100;
const HEARTBEAT = 2_000;
/** The longest that a frame takes from one process to another where nothing is lost. */
const DELIVERY = 20;
/** The longest that one takes in any case. */
const LATEST = 1_000;
const LONGEST_LOAD = 200;
/** A lease's life, a loader's time, and the calls of the store around them. */
const LONGEST_WAIT = 15_400 + LONGEST_LOAD + 10 * STORE_TIMEOUT;

const PROCESSES = 3;
const KEYS = ['a', 'b', 'c', 'page'] as const;
type Key = (typeof KEYS)[number];
/** What each key's callers name; `c` learns its tag from the loader alone. */
const TAGS: Readonly<Record<Key, readonly string[]>> = { a: ['x'], b: ['x', 'y'], c: [], page: [] };
const LEARNED = 'z';

const INVALIDATIONS = ['key', 'tag', 'learned', 'pattern', 'prefix', 'all'] as const;
type How = (typeof INVALIDATIONS)[number];

/** The page is made from `a`; that `a` has a tag, a process knows only if it holds `a` when it makes the page. */
function concerned(how: How, key: Key): readonly Key[] {
  if (how === 'all') return KEYS;
  if (how === 'learned') return ['c'];
  if (how === 'tag') return ['a', 'b'];
  if (how === 'pattern') return ['a', 'page'];
  if (how === 'prefix') return ['b'];
  return key === 'a' ? ['a', 'page'] : [key];
}

interface Value {
  readonly key: Key;
  readonly version: number;
  readonly readAt: number;
}

interface Profile {
  readonly ttl: number;
  readonly staleWhileRevalidate: number;
  readonly staleIfError: number;
  readonly hardTimeout: number;
  readonly refreshAhead: number;
  readonly maxSize: number;
  readonly hasStoreFaults: boolean;
  readonly hasBusFaults: boolean;
  readonly hasSets: boolean;
}

type Action =
  | { readonly kind: 'load'; readonly node: number; readonly key: Key; readonly takes: number; readonly fails: boolean }
  | { readonly kind: 'read' | 'set'; readonly node: number; readonly key: Key }
  | { readonly kind: 'invalidate'; readonly node: number; readonly key: Key; readonly how: How }
  | { readonly kind: 'crash' | 'partition' | 'interrupt'; readonly node: number };

interface Step {
  readonly action: Action;
  readonly pause: number;
  /** Of the calls of the store, and of the frames, that begin in this step, in turn. */
  readonly store: readonly StoreFault[];
  readonly bus: readonly BusFault[];
}

/** One process: what it reads from `floors` on must be at least that version. */
interface Node {
  readonly cache: ResponseCache<Value>;
  readonly store: MemoryStore;
  readonly bus: MemoryBus;
  readonly floors: Map<Key, number>;
  isDead: boolean;
}

interface Told {
  readonly node: Node;
  readonly versions: ReadonlyMap<Key, number>;
  isResolved: boolean;
  /** When it was first seen that the store knows. */
  knownAt: number;
}

/** Several processes on one store and one bus, the origin of what they cache, and the truth that reads are held against. */
class World {
  readonly problems: string[] = [];
  readonly #profile: Profile;
  readonly #store = memoryStore();
  readonly #bus = memoryBus();
  readonly #origin = new Map<Key, number>(KEYS.map((key) => [key, 1]));
  /** What every process and the store know. */
  readonly #known = new Map<Key, number>();
  readonly #told = new Set<Told>();
  readonly #open = new Set<string>();
  /** Loads of a version by callers that came when everybody knew of it. */
  readonly #loads = new Map<string, number>();
  readonly #storeFaults: StoreFault[] = [];
  readonly #busFaults: BusFault[] = [];
  readonly nodes: Node[];
  #calls = 0;
  #crashed = false;

  constructor(profile: Profile) {
    this.#profile = profile;
    this.nodes = Array.from({ length: PROCESSES }, () => this.#start());
  }

  async play({ action, pause, store, bus }: Step): Promise<void> {
    this.#storeFaults.splice(0, Infinity, ...store);
    this.#busFaults.splice(0, Infinity, ...bus);
    const node = this.nodes[action.node]!;
    if (action.kind === 'load') this.#load(node, action.key, action);
    else if (action.kind === 'read') this.#read(node, action.key);
    else if (action.kind === 'set') await this.#set(node);
    else if (action.kind === 'invalidate') this.#invalidate(node, action.how, action.key);
    else if (action.kind === 'crash') this.#crash(action.node);
    else if (this.#profile.hasBusFaults && action.kind === 'partition')
      node.bus.isPartitioned = !node.bus.isPartitioned;
    else if (action.kind === 'interrupt') node.bus.interrupt();
    await this.pass(pause);
  }

  /** Lets time pass, and looks at what became known in it. */
  async pass(duration: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(duration);
    this.#learn();
    await this.#lookIntoStore();
  }

  /** Everything works again; after the bound nobody gets what is outdated twice. */
  async heal(): Promise<void> {
    this.#storeFaults.length = 0;
    this.#busFaults.length = 0;
    for (const node of this.nodes) node.bus.isPartitioned = false;
    // The breaker's longest pause, then the bus's bound.
    for (let waited = 0; waited < 12_000; waited += 1_000) await this.pass(1_000);
    await this.pass(2 * HEARTBEAT + LATEST + LONGEST_WAIT);
    for (const { node } of this.#told) if (!node.isDead) this.problems.push('an invalidation never reached the store');
    for (const node of this.nodes) for (const key of KEYS) this.#load(node, key, { takes: 1, fails: false }, false);
    await this.pass(LONGEST_WAIT);
    for (const node of this.nodes) {
      for (const [key, version] of this.#known) this.#raise(node, key, version);
      for (const key of KEYS) this.#load(node, key, { takes: 1, fails: false });
    }
    await this.pass(LONGEST_WAIT);
    this.problems.push(...[...this.#open].map((call) => `${call} never settled`));
    for (const { cache } of this.nodes) {
      const { pending } = cache.getMetrics();
      if (pending > 0) this.problems.push(`${pending} pending`);
    }
  }

  async close(): Promise<void> {
    const closed = Promise.all(this.nodes.map(({ cache }) => cache.close()));
    await vi.advanceTimersByTimeAsync(2_000);
    await closed;
  }

  #start(): Node {
    const { ttl, staleWhileRevalidate, staleIfError, hardTimeout, refreshAhead, maxSize } = this.#profile;
    const node: Node = {
      isDead: false,
      floors: new Map(this.#known),
      store: this.#store.connect(() => (node.isDead ? { delay: Infinity } : this.#storeFaults.shift())),
      bus: this.#bus.connect({
        publish: () => this.#busFaults.shift(),
        deliver: () => this.#busFaults.shift(),
      }),
      get cache() {
        return cache;
      },
    };
    const cache = new ResponseCache<Value>({
      defaultTTL: ttl,
      staleWhileRevalidate,
      staleIfError,
      hardTimeout,
      refreshAhead,
      maxSize,
      storeTimeout: STORE_TIMEOUT,
      cleanupInterval: 0,
      store: node.store,
      bus: node.bus,
    });
    return node;
  }

  /** No leave is taken: what it has sent may still arrive, and nothing else leaves it. */
  #crash(index: number): void {
    const node = this.nodes[index]!;
    node.isDead = true;
    node.bus.isPartitioned = true;
    this.#crashed = true;
    for (const told of this.#told) if (told.node === node && told.knownAt === Infinity) this.#told.delete(told);
    this.nodes[index] = this.#start();
  }

  #load(node: Node, key: Key, how: { readonly takes: number; readonly fails: boolean }, isChecked = true): void {
    const { hardTimeout } = this.#profile;
    const begunAt = performance.now();
    const floor = isChecked ? (node.floors.get(key) ?? 0) : 0;
    const generation = this.#known.get(key) ?? 0;
    const { coalesced } = node.cache.getMetrics();
    const loader = async ({ setOptions }: { setOptions: (options: { tags: string[] }) => void }): Promise<Value> => {
      const version = this.#origin.get(key)!;
      const readAt = performance.now();
      if (generation === version && !how.fails) this.#count(key, version);
      await new Promise((resolve) => setTimeout(resolve, how.takes));
      if (how.fails) throw new Error('The origin failed');
      if (key === 'c') setOptions({ tags: [LEARNED] });
      return { key, version, readAt };
    };
    const dependsOn = key === 'page' ? ['a'] : [];
    const call = `load ${++this.#calls} of ${key}`;
    const isDone = this.#opens(call, node);
    node.cache.getOrSet(key, loader, { tags: TAGS[key], dependsOn }).then(
      (value) => {
        isDone();
        this.#judge(call, key, value, joins && key === 'c' ? 0 : floor, node);
        this.#wait(call, performance.now() - begunAt, hardTimeout, node);
      },
      (error: unknown) => {
        isDone();
        const { message, code } = error as Error & { code?: string };
        const isLoaders = message === 'The origin failed' || (code === 'CACHE_LOAD_TIMEOUT' && hardTimeout < Infinity);
        if (!isLoaders && !node.isDead) this.problems.push(`${call} rejected with ${String(error)}`);
        this.#wait(call, performance.now() - begunAt, hardTimeout, node);
      },
    );
    // A caller that joins a load knows no tag that only the loader will name.
    const joins = node.cache.getMetrics().coalesced > coalesced;
  }

  #read(node: Node, key: Key): void {
    const floor = node.floors.get(key) ?? 0;
    const call = `read ${++this.#calls} of ${key}`;
    const isDone = this.#opens(call, node);
    node.cache.get(key).then(
      (value) => {
        isDone();
        if (value !== undefined) this.#judge(call, key, value, floor, node);
      },
      (error: unknown) => this.problems.push(`${call} rejected with ${String(error)}`),
    );
  }

  /** Of a key that is made from nothing; until it has resolved it is concurrent with all that others do. */
  async #set(node: Node): Promise<void> {
    if (!this.#profile.hasSets || this.#profile.hasStoreFaults) return;
    const version = this.#origin.get('b')! + 1;
    this.#origin.set('b', version);
    this.#raise(node, 'b', version);
    const begunAt = performance.now();
    const value: Value = { key: 'b', version, readAt: begunAt };
    const took = node.cache.set('b', value, { tags: TAGS.b }).then(() => performance.now() - begunAt);
    await vi.advanceTimersByTimeAsync(2 * STORE_TIMEOUT);
    if ((await took) > STORE_TIMEOUT) this.problems.push('a set took too long');
    this.#told.add({ node, versions: new Map([['b', version]]), isResolved: true, knownAt: Infinity });
  }

  #invalidate(node: Node, how: How, key: Key): void {
    const versions = new Map<Key, number>();
    for (const each of concerned(how, key)) {
      const version = this.#origin.get(each)! + 1;
      this.#origin.set(each, version);
      versions.set(each, version);
      this.#raise(node, each, version);
    }
    const told: Told = { node, versions, isResolved: false, knownAt: Infinity };
    this.#told.add(told);
    const call = `invalidation ${++this.#calls}`;
    const isDone = this.#opens(call, node);
    invalidated(node.cache, how, key).then(
      () => {
        isDone();
        told.isResolved = true;
      },
      (error: unknown) => this.problems.push(`${call} rejected with ${String(error)}`),
    );
  }

  #opens(call: string, node: Node): () => void {
    this.#open.add(call);
    return () => {
      this.#open.delete(call);
      if (node.isDead) this.#open.delete(call);
    };
  }

  #learn(): void {
    const now = performance.now();
    for (const told of this.#told) {
      const { node, versions, isResolved } = told;
      if (told.knownAt === Infinity && isResolved && node.cache.getMetrics().queuedInvalidations === 0)
        told.knownAt = now;
      if (now < told.knownAt + (this.#profile.hasBusFaults ? 0 : DELIVERY)) continue;
      this.#told.delete(told);
      for (const [key, version] of versions) {
        this.#known.set(key, Math.max(this.#known.get(key) ?? 0, version));
        if (!this.#profile.hasBusFaults) for (const other of this.nodes) this.#raise(other, key, version);
      }
    }
  }

  async #lookIntoStore(): Promise<void> {
    for (const key of KEYS) {
      const floor = this.#known.get(key) ?? 0;
      const record = await this.#store.read(key, []);
      const value = record && (jsonCodec.decode(decodeRecord(record.bytes)!.packed.bytes) as Value);
      if (value !== undefined && value.version < floor) {
        this.problems.push(`the store holds version ${value.version} of ${key} after ${floor} was known`);
      }
    }
  }

  #raise({ floors }: Node, key: Key, version: number): void {
    floors.set(key, Math.max(floors.get(key) ?? 0, version));
  }

  #judge(call: string, key: Key, value: Value, floor: number, { isDead }: Node): void {
    const { ttl, staleWhileRevalidate, staleIfError } = this.#profile;
    if (isDead) return;
    if (value.key !== key) this.problems.push(`${call} got ${value.key}`);
    if (value.version < floor) this.problems.push(`${call} got version ${value.version} after ${floor} was known`);
    const life = ttl + Math.max(staleWhileRevalidate, staleIfError) + LONGEST_LOAD + LONGEST_WAIT;
    if (performance.now() - value.readAt > life) this.problems.push(`${call} got what was over`);
  }

  #wait(call: string, took: number, hardTimeout: number, { isDead }: Node): void {
    const longest = Math.min(hardTimeout, LONGEST_WAIT);
    if (took > longest && !isDead) this.problems.push(`${call} took ${took} ms`);
  }

  #count(key: Key, version: number): void {
    const { hasStoreFaults, hasBusFaults, ttl, hasSets, hardTimeout, refreshAhead } = this.#profile;
    const id = `${key} ${version}`;
    const loads = (this.#loads.get(id) ?? 0) + 1;
    this.#loads.set(id, loads);
    const isSteady = ttl === Infinity && hardTimeout === Infinity && refreshAhead === 0;
    // Of a page the store forgets more than is needed: a pattern names the keys that records were made from to nobody.
    const isUndisturbed = isSteady && key !== 'page' && !hasStoreFaults && !hasBusFaults && !hasSets && !this.#crashed;
    if (isUndisturbed && loads > 1) this.problems.push(`${loads} loads of version ${version} of ${key}`);
  }
}

function invalidated(cache: ResponseCache<Value>, how: How, key: Key): Promise<unknown> {
  if (how === 'all') return cache.clear();
  if (how === 'tag') return cache.invalidateTag('x');
  if (how === 'learned') return cache.invalidateTag(LEARNED);
  if (how === 'pattern') return cache.invalidatePattern('a*');
  return how === 'prefix' ? cache.invalidatePrefix('b') : cache.invalidate(key);
}

const profile: fc.Arbitrary<Profile> = fc.record({
  ttl: fc.constantFrom(50, 1_000, Infinity, Infinity),
  staleWhileRevalidate: fc.constantFrom(0, 0, 500),
  staleIfError: fc.constantFrom(0, 0, 2_000),
  hardTimeout: fc.constantFrom(Infinity, Infinity, 150),
  refreshAhead: fc.constantFrom(0, 0, 0.5),
  maxSize: fc.constantFrom(100, 100, 2),
  hasStoreFaults: fc.boolean(),
  hasBusFaults: fc.boolean(),
  hasSets: fc.boolean(),
});
const node = fc.nat(PROCESSES - 1);
const key = fc.constantFrom(...KEYS);
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('load' as const),
      node,
      key,
      takes: fc.constantFrom(0, 1, 5, 30, LONGEST_LOAD),
      fails: fc.constantFrom(false, false, false, true),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('read' as const, 'set' as const), node, key }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('invalidate' as const),
      node,
      key,
      how: fc.constantFrom(...INVALIDATIONS),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('crash' as const, 'partition' as const, 'partition' as const, 'interrupt' as const),
      node,
    }),
  },
);
const latency = fc.constantFrom(0, 0, 1, 5);
const slow: fc.Arbitrary<StoreFault> = fc.record({ delay: latency, answerDelay: latency });
const late = fc.constantFrom(0, 1, 60, 150, 400);
const broken: fc.Arbitrary<StoreFault> = fc.oneof(
  slow,
  fc.record({ delay: late, answerDelay: late }),
  fc.record({ delay: late, fail: fc.constantFrom('request' as const, 'answer' as const) }),
);
const lossy: fc.Arbitrary<BusFault> = fc.oneof(
  fc.constant({}),
  fc.constant({ drop: true }),
  fc.constant({ fail: true }),
  fc.record({ repeat: fc.constantFrom(0, 1), delay: fc.constantFrom(0, 1, 50, LATEST / 2) }),
);
const run = profile.chain((given) => {
  const step: fc.Arbitrary<Step> = fc.record({
    action,
    pause: fc.constantFrom(0, 0, 1, 1, 5, 30, 300, 2_500),
    store: fc.array(given.hasStoreFaults ? broken : slow, { maxLength: 6 }),
    bus: fc.array(given.hasBusFaults ? lossy : fc.record({ delay: latency }), { maxLength: 8 }),
  });
  return fc.record({
    profile: fc.constant(given),
    steps: fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }),
  });
});

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('ResponseCache on two tiers', () => {
  it(
    'reads nothing older than an invalidation that is known, whatever fails, and loads once per generation',
    async () => {
      await fc.assert(
        fc.asyncProperty(run, async ({ profile: given, steps }) => {
          const world = new World(given);
          for (const step of steps) await world.play(step);
          await world.heal();
          await world.close();
          expect(world.problems).toEqual([]);
        }),
        { numRuns: RUNS },
      );
    },
    SOAK.timeout,
  );
});
