import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ResponseCache, type CacheConfig, type Invalidation } from '../../src/index.ts';
import { parseFrame } from '../../src/tiers/frame.ts';
import {
  memoryBus,
  memoryStore,
  type MemoryBus,
  type MemoryStore,
  type StoreFault,
  type StoreOperation,
} from '../../src/testing/index.ts';
import { manualLoader, settled } from '../response/harness.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((cache) => cache.close()));
  vi.useRealTimers();
});

/** Closed after the test. */
const opened: ResponseCache<string>[] = [];

interface Shared {
  readonly store: MemoryStore;
  readonly bus: MemoryBus;
  /** What the processes have told each other. */
  readonly heard: Invalidation[];
}

async function shared(): Promise<Shared> {
  const bus = memoryBus();
  const heard: Invalidation[] = [];
  await bus.connect().subscribe(
    (text) => {
      const frame = parseFrame(text);
      if (typeof frame === 'object') heard.push(...frame.items);
    },
    () => {},
  );
  return { store: memoryStore(), bus, heard };
}

/** One more process. */
function process(
  { store, bus }: Shared,
  config: CacheConfig<string> = {},
  faults: Partial<Record<StoreOperation, StoreFault>> = {},
): ResponseCache<string> {
  const cache = new ResponseCache<string>({
    cleanupInterval: 0,
    store: store.connect((operation) => faults[operation]),
    bus: bus.connect(),
    ...config,
  });
  opened.push(cache);
  return cache;
}

/** Long enough for every call and frame that nothing delays. */
function delivered(): Promise<unknown> {
  return vi.advanceTimersByTimeAsync(5);
}

function never(): never {
  throw new Error('No load was expected');
}

describe('ResponseCache across processes', () => {
  it('loads once, however many processes ask', async () => {
    const world = await shared();
    const { load, loads } = manualLoader<string>();
    const answers = Array.from({ length: 5 }, () => process(world).getOrSet('a', load));
    await delivered();
    expect(loads.length).toBe(1);
    loads[0]!.resolve('value');
    await vi.advanceTimersByTimeAsync(200);
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 5 }, () => 'value'));
    expect(loads.length).toBe(1);
  });

  it('looks again before it loads when the key was filled between its look and its lease', async () => {
    const world = await shared();
    const [slow, quick] = [process(world, {}, { lease: { delay: 50 } }), process(world)];
    const answer = slow.getOrSet('a', never);
    await delivered();
    await quick.getOrSet('a', () => 'value', { ttl: 100 });
    await vi.advanceTimersByTimeAsync(50);
    expect(await answer).toBe('value');
    // The lease that it got for nothing is given back.
    await vi.advanceTimersByTimeAsync(100);
    const { load, loads } = manualLoader<string>();
    void process(world).getOrSet('a', load);
    await delivered();
    loads[0]!.resolve('next');
  });

  it('takes over when the process that loads dies, after the life of its lease', async () => {
    const world = await shared();
    const { load } = manualLoader<string>();
    const dying = process(world, { hardTimeout: 60_000 });
    const first = dying.getOrSet('a', load).catch(() => 'gone');
    await delivered();
    const answer = process(world).getOrSet('a', () => 'value');
    await vi.advanceTimersByTimeAsync(15_200);
    expect(await answer).toBe('value');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await first).toBe('gone');
  });

  it('loads by itself when it could never have the lease', async () => {
    const world = await shared();
    const store = { ...world.store, lease: async () => undefined };
    const answer = process(world, { store }).getOrSet('a', () => 'value');
    await vi.advanceTimersByTimeAsync(16_000);
    expect(await answer).toBe('value');
  });

  it('takes what is set in its own process while it waits', async () => {
    const world = await shared();
    const { load, loads } = manualLoader<string>();
    const other = process(world).getOrSet('a', load);
    const cache = process(world, {}, { write: { fail: 'request' } });
    await delivered();
    const answer = cache.getOrSet('a', never);
    await delivered();
    await cache.set('a', 'own');
    await vi.advanceTimersByTimeAsync(200);
    expect(await answer).toBe('own');
    loads[0]!.resolve('value');
    await other;
  });

  it('keeps in its first tier what took longer to load than a lease lasts', async () => {
    const cache = process(await shared());
    const { load, loads } = manualLoader<string>();
    const answer = cache.getOrSet('a', load);
    await vi.advanceTimersByTimeAsync(20_000);
    loads[0]!.resolve('slow');
    await answer;
    await delivered();
    expect(await cache.getOrSet('a', never)).toBe('slow');
  });

  it('gives up waiting for another process at the hard timeout, and asks the store no more', async () => {
    const world = await shared();
    const { load, loads } = manualLoader<string>();
    const other = process(world).getOrSet('a', load);
    await delivered();
    let reads = 0;
    const store = { ...world.store, read: async () => void reads++ };
    const answer = process(world, { store, hardTimeout: 100 }).getOrSet('a', never);
    const rejection = expect(answer).rejects.toMatchObject({ code: 'CACHE_LOAD_TIMEOUT' });
    await vi.advanceTimersByTimeAsync(100);
    await rejection;
    const readsThen = reads;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(reads - readsThen).toBeLessThanOrEqual(1);
    loads[0]!.resolve('value');
    expect(await other).toBe('value');
  });

  it('gives back a lease that comes when the caller has gone', async () => {
    const world = await shared();
    const abort = new AbortController();
    const cache = process(world, {}, { lease: { answerDelay: 50 } });
    const answer = cache.getOrSet('a', never, { signal: abort.signal }).catch(() => 'aborted');
    await delivered();
    abort.abort();
    expect(await answer).toBe('aborted');
    await vi.advanceTimersByTimeAsync(60);
    const { load, loads } = manualLoader<string>();
    void process(world)
      .getOrSet('a', load)
      .catch(() => {});
    await delivered();
    expect(loads.length).toBe(1);
    loads[0]!.reject(new Error('not needed'));
  });

  it('serves what is stale in the second tier at once, within its window, while another process loads', async () => {
    const world = await shared();
    const config = { defaultTTL: 100, staleWhileRevalidate: 1_000 };
    const { load, loads } = manualLoader<string>();
    const first = process(world, config);
    await first.set('a', 'old');
    await vi.advanceTimersByTimeAsync(100);
    expect(await first.getOrSet('a', load)).toBe('old');
    await delivered();
    const second = process(world, config);
    expect(await second.getOrSet('a', never)).toBe('old');
    // Also to who comes later, while it still waits.
    expect(await second.getOrSet('a', never)).toBe('old');
    loads[0]!.resolve('new');
    await vi.advanceTimersByTimeAsync(200);
    expect([await second.getOrSet('a', never), loads.length]).toEqual(['new', 1]);
  });

  it('goes on with the load for which it served what is stale, when a later caller leaves', async () => {
    const world = await shared();
    const config = { defaultTTL: 100, staleWhileRevalidate: 100 };
    await process(world, config).set('a', 'old');
    await vi.advanceTimersByTimeAsync(150);
    const { load, loads } = manualLoader<string>();
    const cache = process(world, config);
    expect(await cache.getOrSet('a', load)).toBe('old');
    await vi.advanceTimersByTimeAsync(100);
    const abort = new AbortController();
    const late = cache.getOrSet('a', never, { signal: abort.signal }).catch(() => 'aborted');
    abort.abort();
    expect([await late, loads[0]!.signal.aborted]).toEqual(['aborted', false]);
    loads[0]!.resolve('new');
    await delivered();
    expect(await cache.get('a')).toBe('new');
  });

  it('calls no loader when all have left while the value that it would start from was unpacked', async () => {
    vi.useRealTimers();
    let now = 0;
    const config = {
      values: 'bytes',
      compressionEnabled: true,
      staleIfError: 10_000,
      clock: { now: () => now },
    } as const;
    const cache = process(await shared(), { ...config, store: undefined, bus: undefined, maxBytes: 1e6 });
    const shrunk = 'x'.repeat(100_000);
    await cache.set('a', shrunk, 10);
    await vi.waitUntil(() => cache.getMetrics().totalSize < 1_000);
    now = 10;
    const abort = new AbortController();
    const loader = vi.fn(() => 'new');
    const answer = cache.getOrSet('a', loader, { signal: abort.signal }).catch(() => 'aborted');
    abort.abort();
    expect(await answer).toBe('aborted');
    await vi.waitUntil(() => cache.getMetrics().pending === 0);
    await cache.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(loader).not.toHaveBeenCalled();
  });

  it('gives what is stale in the second tier when the load fails, and not after its window', async () => {
    const world = await shared();
    const config = { defaultTTL: 100, staleIfError: 1_000 };
    const failing = (): never => {
      throw new Error('The origin failed');
    };
    await process(world, config).set('a', 'old');
    await vi.advanceTimersByTimeAsync(500);
    expect(await process(world, config).getOrSet('a', failing)).toBe('old');
    await vi.advanceTimersByTimeAsync(700);
    await expect(process(world, config).getOrSet('a', failing)).rejects.toThrow('The origin failed');
  });

  it('gives what is stale in the second tier after the soft timeout', async () => {
    const world = await shared();
    const config = { defaultTTL: 100, staleIfError: 1_000 };
    await process(world, config).set('a', 'old');
    await vi.advanceTimersByTimeAsync(150);
    const { load, loads } = manualLoader<string>();
    const answer = process(world, { ...config, softTimeout: 50 }).getOrSet('a', load);
    await vi.advanceTimersByTimeAsync(50);
    expect(await answer).toBe('old');
    loads[0]!.resolve('new');
  });

  it('starts a conditional load from what is stale in the second tier, and renews it there', async () => {
    const world = await shared();
    const config = { defaultTTL: 100, staleIfError: 10_000 };
    await process(world, config).set('a', 'value', { etag: '"1"' });
    await vi.advanceTimersByTimeAsync(500);
    const seen: unknown[] = [];
    const renewed = process(world, config).getOrSet('a', ({ previous, notModified }) => {
      seen.push(previous);
      return notModified;
    });
    expect(await renewed).toBe('value');
    expect(seen).toEqual([{ value: 'value', etag: '"1"', age: expect.closeTo(500, -1) as number }]);
    await delivered();
    expect(await process(world, config).getOrSet('a', never)).toBe('value');
  });

  it('carries the time that is left, without a second jitter, and the age', async () => {
    const world = await shared();
    const ages: number[] = [];
    const first = process(world, { defaultTTL: 10_000, staleIfError: 10_000, bus: undefined });
    await first.set('a', 'value');
    await vi.advanceTimersByTimeAsync(4_000);
    const second = process(world, { ttlJitter: 1, defaultTTL: 1, bus: undefined });
    await delivered();
    expect(await second.get('a')).toBe('value');
    await vi.advanceTimersByTimeAsync(5_975);
    expect(await second.getOrSet('a', never)).toBe('value');
    expect(second.getMetrics().storeHits).toBe(1);
    await vi.advanceTimersByTimeAsync(30);
    await second.getOrSet('a', ({ previous }) => {
      ages.push(previous?.age ?? -1);
      return 'new';
    });
    expect(ages).toEqual([expect.closeTo(10_010, -2)]);
  });

  it('leaves the second tier when it is good for nothing any more', async () => {
    const world = await shared();
    const cache = process(world, { defaultTTL: 100, staleWhileRevalidate: 50, staleIfError: 200 });
    await cache.set('a', 'value');
    expect((await world.store.read('a', []))?.ttl).toBe(300);
    await cache.set('b', 'value', { ttl: Infinity });
    expect((await world.store.read('b', []))?.ttl).toBe(7 * 24 * 3_600_000);
  });

  it('lives in the second tier from when it was sent, however late it lands there', async () => {
    const world = await shared();
    const late = process(world, { defaultTTL: 100 }, { write: { delay: 60 } });
    await delivered();
    void late.set('a', 'value');
    await vi.advanceTimersByTimeAsync(90);
    const cache = process(world);
    await delivered();
    expect(await cache.get('a')).toBe('value');
    await vi.advanceTimersByTimeAsync(10);
    expect([await cache.get('a'), await process(world).get('a')]).toEqual([undefined, undefined]);
  });

  it('carries a value without an end', async () => {
    const world = await shared();
    await process(world, { bus: undefined }).set('a', 'value');
    await vi.advanceTimersByTimeAsync(6 * 24 * 3_600_000);
    const late = process(world, { bus: undefined });
    expect([await late.get('a'), late.explain('a').state]).toEqual(['value', 'fresh']);
    await vi.advanceTimersByTimeAsync(2 * 24 * 3_600_000);
    expect(await late.get('a')).toBe('value');
  });

  it('refreshes ahead though the second tier holds the present value', async () => {
    const world = await shared();
    const cache = process(world, { defaultTTL: 10_000, refreshAhead: 0.5 });
    await cache.getOrSet('a', () => 'first');
    await vi.advanceTimersByTimeAsync(6_000);
    expect(await cache.getOrSet('a', () => 'second')).toBe('first');
    await delivered();
    expect(await cache.get('a')).toBe('second');
  });

  it('refreshes ahead from the second tier when another process has', async () => {
    const world = await shared();
    const [first, second] = [process(world, { defaultTTL: 10_000, refreshAhead: 0.5 }), process(world)];
    await first.getOrSet('a', () => 'first');
    await vi.advanceTimersByTimeAsync(6_000);
    await second.invalidate('a');
    // The frame is lost, so that it is the look that finds the new value.
    world.bus.isPartitioned = true;
    await second.getOrSet('a', () => 'second', { ttl: 10_000 });
    await delivered();
    await first.getOrSet('a', never);
    await delivered();
    expect(await first.get('a')).toBe('second');
  });

  it('replaces a record that it cannot decode, under the lease', async () => {
    const world = await shared();
    const codec = { encode: (value: string) => Buffer.from(value), decode: never };
    await process(world, { codec }).set('a', 'foreign');
    await world.store.write('b', { bytes: Uint8Array.of(1, 2, 3), tags: [], ttl: 1_000 }, undefined);
    const cache = process(world);
    for (const key of ['a', 'b']) expect(await cache.getOrSet(key, () => `own ${key}`)).toBe(`own ${key}`);
    await delivered();
    for (const key of ['a', 'b']) expect(await process(world).getOrSet(key, never)).toBe(`own ${key}`);
  });

  it('costs a bounded time and no error when the store never answers', async () => {
    const dead = { read: { delay: Infinity }, lease: { delay: Infinity }, write: { delay: Infinity } };
    const cache = process(await shared(), { storeTimeout: 100 }, { ...dead, invalidate: { delay: Infinity } });
    await delivered();
    const answer = cache.getOrSet('a', () => 'value');
    await vi.advanceTimersByTimeAsync(100);
    expect([await answer, await cache.getOrSet('a', never)]).toEqual(['value', 'value']);
    const invalidation = cache.invalidate('a');
    await vi.advanceTimersByTimeAsync(100);
    expect(await invalidation).toBe(true);
    const next = cache.getOrSet('a', () => 'next');
    await vi.advanceTimersByTimeAsync(100);
    expect(await next).toBe('next');
    void vi.advanceTimersByTimeAsync(1_000);
  });
});

describe('ResponseCache fence across processes', () => {
  const ways: readonly [string, (cache: ResponseCache<string>) => Promise<unknown>][] = [
    ['invalidate', (cache) => cache.invalidate('a:1')],
    ['invalidateTag', (cache) => cache.invalidateTag('x')],
    ['invalidatePattern', (cache) => cache.invalidatePattern('a:?')],
    ['invalidatePrefix', (cache) => cache.invalidatePrefix('a:')],
    ['clear', (cache) => cache.clear()],
  ];

  it.each(ways)('%s takes a value out of both tiers of every process', async (_, invalidate) => {
    const world = await shared();
    const [here, there] = [process(world), process(world)];
    await here.getOrSet('a:1', () => 'old', { tags: ['x'] });
    await delivered();
    await there.getOrSet('a:1', never);
    await invalidate(here);
    expect(await world.store.read('a:1', ['x'])).toBeUndefined();
    await delivered();
    expect([await there.get('a:1'), await here.get('a:1')]).toEqual([undefined, undefined]);
    expect(await there.getOrSet('a:1', () => 'new', { tags: ['x'] })).toBe('new');
  });

  it.each(ways)("%s keeps out what another process's running load brings", async (_, invalidate) => {
    const world = await shared();
    const [here, there] = [process(world), process(world)];
    const { load, loads } = manualLoader<string>();
    const answer = there.getOrSet('a:1', load, { tags: ['x'] });
    await delivered();
    await invalidate(here);
    await delivered();
    loads[0]!.resolve('old');
    expect(await answer).toBe('old');
    await delivered();
    expect([await there.get('a:1'), await world.store.read('a:1', ['x'])]).toEqual([undefined, undefined]);
    expect(there.getMetrics().fenced).toBe(1);
  });

  it.each(ways)('%s keeps out what is written when its frame was lost', async (_, invalidate) => {
    const world = await shared();
    const bus = world.bus.connect();
    bus.isPartitioned = true;
    const [here, there] = [process(world), process(world, { bus })];
    const { load, loads } = manualLoader<string>();
    const answer = there.getOrSet('a:1', load, { tags: ['x'] });
    await delivered();
    await invalidate(here);
    loads[0]!.resolve('old');
    expect(await answer).toBe('old');
    await delivered();
    expect([await there.get('a:1'), await world.store.read('a:1', ['x'])]).toEqual([undefined, undefined]);
  });

  it.each([
    ['two tiers', {}],
    ['a bus alone', { store: undefined }],
  ])('invalidateTag keeps out a value whose tag only its loader knew, with %s', async (_, config) => {
    const world = await shared();
    const [here, there] = [process(world, config), process(world, config)];
    let finish!: (value: string) => void;
    await delivered();
    const answer = there.getOrSet('a', ({ setOptions }) => {
      setOptions({ tags: ['learned'] });
      return new Promise<string>((resolve) => (finish = resolve));
    });
    await delivered();
    await here.invalidateTag('learned');
    await delivered();
    finish('old');
    expect(await answer).toBe('old');
    expect(there.explain('a')).toMatchObject({ state: 'absent' });
    await delivered();
    expect([await there.get('a'), await world.store.read('a', [])]).toEqual([undefined, undefined]);
  });

  it('invalidateTag keeps out a record whose tag the reader did not expect, though the store looked before', async () => {
    const world = await shared();
    await process(world).set('a', 'old', { tags: ['x'] });
    const cache = process(world, {}, { invalidate: { delay: 5 }, read: { answerDelay: 10 } });
    await delivered();
    const invalidation = cache.invalidateTag('x');
    const read = cache.get('a');
    await vi.advanceTimersByTimeAsync(30);
    expect([await read, await invalidation]).toEqual([undefined, 0]);
  });

  it('invalidateTag keeps what was stale from whoever asks after it, though the load that he joins began before', async () => {
    const world = await shared();
    const config = { staleIfError: 10_000, softTimeout: 50 };
    const cache = process(world, config);
    await cache.set('a', 'old', { ttl: 10, tags: ['x'] });
    await vi.advanceTimersByTimeAsync(10);
    const { load, loads } = manualLoader<string>();
    const other = process(world).getOrSet('a', load);
    await delivered();
    const before = cache.getOrSet('a', never);
    await delivered();
    await cache.invalidateTag('x');
    await delivered();
    const after = cache.getOrSet('a', never);
    await vi.advanceTimersByTimeAsync(60);
    loads[0]!.resolve('new');
    await vi.advanceTimersByTimeAsync(200);
    expect([await other, await before, await after]).toEqual(['new', 'new', 'new']);
  });

  it('a failure brings nothing back that an invalidation took from the joined load', async () => {
    const cache = process(await shared(), { store: undefined, staleIfError: 10_000 });
    await delivered();
    await cache.set('a', 'old', { ttl: 10, tags: ['x'] });
    await vi.advanceTimersByTimeAsync(10);
    const { load, loads } = manualLoader<string>();
    const callers = [cache.getOrSet('a', load)];
    await cache.invalidateTag('x');
    callers.push(cache.getOrSet('a', load));
    const rejections = Promise.all(callers.map((caller) => expect(caller).rejects.toThrow('failed')));
    loads[0]!.reject(new Error('failed'));
    await rejections;
  });

  it('get stores nothing that an invalidation came into, though it was read before', async () => {
    const world = await shared();
    await process(world).set('a', 'old', { tags: ['x'] });
    const faults: Partial<Record<StoreOperation, StoreFault>> = { read: { answerDelay: 50 } };
    const slow = process(world, {}, faults);
    await delivered();
    const read = slow.get('a');
    await delivered();
    await slow.invalidateTag('x');
    await vi.advanceTimersByTimeAsync(50);
    expect([await read, slow.explain('a').state]).toEqual(['old', 'absent']);
  });

  it('invalidate keeps out the record that a slow read of the second tier brings', async () => {
    const world = await shared();
    await process(world).set('a', 'old', { tags: ['x'] });
    const slow = process(world, {}, { read: { answerDelay: 50 } });
    const reads = [slow.get('a'), slow.getOrSet('a', () => 'new')];
    await delivered();
    await slow.invalidateTag('x');
    // This one came after it, and joins the load that began before: its tags are unknown.
    reads.push(slow.getOrSet('a', never));
    await vi.advanceTimersByTimeAsync(300);
    expect((await Promise.all(reads)).slice(1)).toEqual(['new', 'new']);
    expect(await slow.get('a')).not.toBe('old');
  });

  it('a value that waits for its compression is not written after an invalidation', async () => {
    vi.useRealTimers();
    const world = await shared();
    const cache = process(world, { compressionEnabled: true });
    const big = 'x'.repeat(100_000);
    const done = cache.set('a', big);
    await cache.invalidate('a');
    await done;
    await settled();
    expect(await world.store.read('a', [])).toBeUndefined();
    // The invalidation alone was told.
    expect(world.heard.filter(({ kind }) => kind === 'key')).toEqual([{ kind: 'key', key: 'a' }]);
  });

  it('invalidateTag, when soft, leaves it stale in the first tiers and takes it out of the second', async () => {
    const world = await shared();
    const config = { staleWhileRevalidate: 1_000 };
    const [here, there] = [process(world, config), process(world, config)];
    await here.getOrSet('a', () => 'old', { tags: ['x'] });
    await delivered();
    await there.getOrSet('a', never);
    await here.invalidateTag('x', { soft: true });
    await delivered();
    expect(await world.store.read('a', ['x'])).toBeUndefined();
    expect(await there.getOrSet('a', () => 'new', { tags: ['x'] })).toBe('old');
    await delivered();
    expect(await there.getOrSet('a', never)).toBe('new');
  });

  it('takes all the patterns of a frame in one walk, whose turns are short', async () => {
    const world = await shared();
    const [here, there] = [process(world, { maxSize: 5_000 }), process(world, { maxSize: 5_000 })];
    await delivered();
    for (let index = 0; index < 2_000; index++) void there.set(`key:${index}`, 'value');
    await delivered();
    await delivered();
    const invalidations = Array.from({ length: 1_000 }, (_, index) => here.invalidatePattern(`key:${index}`));
    await delivered();
    await Promise.all(invalidations);
    // Gone for every reader, while the walk has hardly begun.
    expect([await there.get('key:999'), await there.get('key:1000')]).toEqual([undefined, 'value']);
    expect(there.getMetrics().size).toBeGreaterThan(1_000);
    for (let turn = 0; turn < 1_000; turn++) await vi.advanceTimersByTimeAsync(1);
    expect(there.getMetrics().size).toBe(1_000);
  });
});

describe('ResponseCache dependents across processes', () => {
  const page = { dependsOn: ['a:1'] };

  it.each([
    ['invalidate', (cache: ResponseCache<string>) => cache.invalidate('a:1')],
    ['invalidatePattern', (cache: ResponseCache<string>) => cache.invalidatePattern('a:*')],
    ['set', (cache: ResponseCache<string>) => cache.set('a:1', 'other')],
  ] as const)('%s takes what was made from the key out of both tiers', async (_, change) => {
    const world = await shared();
    const [here, there] = [process(world), process(world)];
    await here.set('a:1', 'part');
    await delivered();
    await there.getOrSet('page', () => 'old page', page);
    await delivered();
    await change(here);
    await delivered();
    expect(await there.get('page')).toBeUndefined();
    expect(await process(world).getOrSet('page', () => 'new page', page)).toBe('new page');
  });

  it('invalidateTag takes what was made from a value with the tag out of both tiers', async () => {
    const world = await shared();
    const [here, there] = [process(world), process(world)];
    await here.set('a:1', 'part', { tags: ['x'] });
    await there.get('a:1');
    await there.getOrSet('page', () => 'old page', page);
    await delivered();
    await here.invalidateTag('x');
    await delivered();
    expect([await there.get('page'), await process(world).get('page')]).toEqual([undefined, undefined]);
  });

  it('what comes from the second tier has the tags that it was given, and no other', async () => {
    const world = await shared();
    await process(world).getOrSet('page', () => 'page', { ...page, tags: ['x'] });
    await delivered();
    const cache = process(world);
    const stored: object[] = [];
    expect(await cache.get('page')).toBe('page');
    for await (const { tags, dependsOn } of cache.dump()) stored.push({ tags, dependsOn });
    expect(stored).toEqual([{ tags: ['x'], dependsOn: ['a:1'] }]);
  });

  it('an equal value leaves them, and is told to nobody', async () => {
    const world = await shared();
    const [here, there] = [process(world), process(world)];
    await here.set('a:1', 'part');
    await there.getOrSet('page', () => 'page', page);
    await delivered();
    world.heard.length = 0;
    await here.set('a:1', 'part');
    await delivered();
    expect([world.heard, await there.get('page')]).toEqual([[], 'page']);
  });
});

describe('ResponseCache frames', () => {
  const keys = (heard: readonly Invalidation[]): Invalidation[] => heard.filter(({ kind }) => kind === 'key');

  it('tell once of a changed value, when the store has it', async () => {
    const world = await shared();
    const [here, there] = [process(world, {}, { write: { delay: 20 } }), process(world)];
    void here.set('a', 'old');
    await vi.advanceTimersByTimeAsync(25);
    expect(await there.get('a')).toBe('old');
    world.heard.length = 0;
    void here.set('a', 'new');
    await vi.advanceTimersByTimeAsync(15);
    expect(keys(world.heard)).toEqual([]);
    await vi.advanceTimersByTimeAsync(10);
    expect([keys(world.heard), await there.get('a')]).toEqual([[{ kind: 'key', key: 'a' }], 'new']);
  });

  it('tell once of a loaded value that differs, and not of one that is equal', async () => {
    const world = await shared();
    const cache = process(world, { defaultTTL: 100, staleIfError: 1_000 });
    for (const value of ['same', 'same', 'other']) {
      await cache.getOrSet('a', () => value);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(keys(world.heard)).toEqual([{ kind: 'key', key: 'a' }]);
  });

  it('let a process that waits for the load take its value, without a load of its own', async () => {
    const world = await shared();
    const config = { defaultTTL: 100, staleIfError: 10_000 };
    const [here, there] = [process(world, config), process(world, config)];
    await here.set('a', 'old');
    await vi.advanceTimersByTimeAsync(100);
    const { load, loads } = manualLoader<string>();
    const first = here.getOrSet('a', load);
    await delivered();
    const second = there.getOrSet('a', never);
    await delivered();
    loads[0]!.resolve('new');
    await vi.advanceTimersByTimeAsync(60);
    expect([await first, await second, await there.getOrSet('a', load)]).toEqual(['new', 'new', 'new']);
  });

  it('that were missed leave what is held to be served as stale and checked with the second tier', async () => {
    const world = await shared();
    const bus = world.bus.connect();
    const config = { staleWhileRevalidate: 1_000 };
    const [here, there] = [process(world, config), process(world, { ...config, bus })];
    await here.set('a', 'old');
    await here.set('b', 'kept');
    await delivered();
    expect([await there.get('a'), await there.get('b')]).toEqual(['old', 'kept']);
    bus.isPartitioned = true;
    await here.set('a', 'new');
    await delivered();
    bus.isPartitioned = false;
    bus.interrupt();
    expect(there.getMetrics().size).toBe(2);
    expect([await there.getOrSet('a', never), await there.getOrSet('b', never)]).toEqual(['old', 'kept']);
    await delivered();
    expect([await there.get('a'), await there.get('b')]).toEqual(['new', 'kept']);
  });
});

describe('ResponseCache loads and lost frames', () => {
  it.each([
    ['two tiers', {}],
    ['a bus alone', { store: undefined }],
  ])('a caller that comes when frames may have been lost joins no load from before, with %s', async (_, config) => {
    const world = await shared();
    const bus = world.bus.connect();
    const [here, there] = [process(world, config), process(world, { ...config, bus })];
    await delivered();
    const { load, loads } = manualLoader<string>();
    const before = there.getOrSet('a', load);
    await delivered();
    bus.isPartitioned = true;
    await here.invalidate('a');
    await delivered();
    bus.isPartitioned = false;
    bus.interrupt();
    const after = there.getOrSet('a', () => 'new');
    await delivered();
    loads[0]!.resolve('old');
    await vi.advanceTimersByTimeAsync(400);
    expect([await before, await after]).toEqual(['old', 'new']);
    expect(await there.getOrSet('a', never)).toBe('new');
  });
});

describe('ResponseCache while the store is out', () => {
  it('keeps what it loads to itself, and what it invalidates reaches the store after it', async () => {
    const world = await shared();
    const faults: Partial<Record<StoreOperation, StoreFault>> = {};
    const [here, there] = [process(world, { storeTimeout: 50 }, faults), process(world)];
    await here.set('a', 'old');
    await delivered();
    expect(await there.get('a')).toBe('old');
    for (const operation of ['read', 'lease', 'write', 'invalidate'] as const) faults[operation] = { fail: 'request' };
    await here.invalidate('a');
    expect(await here.getOrSet('a', () => 'own')).toBe('own');
    await delivered();
    // Another process reaches the store, and what it holds is not yet known to be outdated.
    expect(await there.get('a')).toBe('old');
    for (const operation of Object.keys(faults) as StoreOperation[]) delete faults[operation];
    await vi.advanceTimersByTimeAsync(15_000);
    expect([await there.get('a'), await here.get('a')]).toEqual([undefined, 'own']);
    expect(here.getMetrics().queuedInvalidations).toBe(0);
  });

  it('is not trusted with a set that it missed: no other process reads what the key held before', async () => {
    const world = await shared();
    const faults: Partial<Record<StoreOperation, StoreFault>> = {};
    const [here, there] = [process(world, { storeTimeout: 50 }, faults), process(world)];
    await here.set('a', 'old');
    faults.write = { fail: 'request' };
    expect(await here.set('a', 'new')).toBe(true);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([await here.get('a'), await there.get('a')]).toEqual(['new', undefined]);
  });
});

describe('ResponseCache.get', () => {
  it('waits for what this process is writing, lest it find what that replaces', async () => {
    const world = await shared();
    await process(world).set('a', 'old');
    const cache = process(world, { maxSize: 1 }, { write: { delay: 20 } });
    void cache.set('a', 'new');
    void cache.set('b', 'pushes it out');
    const reads = Promise.all([cache.get('a'), cache.getOrSet('a', never)]);
    await vi.advanceTimersByTimeAsync(50);
    expect(await reads).toEqual(['new', 'new']);
  });

  it('leaves a younger value that came while it read', async () => {
    const world = await shared();
    const other = process(world, { bus: undefined });
    await other.set('a', 'old');
    const faults: Partial<Record<StoreOperation, StoreFault>> = { read: { answerDelay: 95 } };
    const cache = process(world, { bus: undefined }, faults);
    const read = cache.get('a');
    await delivered();
    delete faults.read;
    await other.set('a', 'younger');
    expect(await cache.getOrSet('a', never)).toBe('younger');
    await vi.advanceTimersByTimeAsync(100);
    expect([await read, await cache.get('a')]).toEqual(['younger', 'younger']);
  });

  it('takes no value for fresher than it was when the second tier was asked', async () => {
    const world = await shared();
    await process(world).set('a', 'old', 50);
    const cache = process(world, {}, { read: { answerDelay: 95 } });
    await delivered();
    const read = cache.get('a');
    await vi.advanceTimersByTimeAsync(100);
    expect(await read).toBeUndefined();
  });
});

describe('ResponseCache audit', () => {
  it('finds one in a thousand hits that the second tier does not know, counts it and reads it no more', async () => {
    const world = await shared();
    const bus = world.bus.connect();
    const [here, there] = [process(world), process(world, { bus })];
    await here.set('a', 'old');
    expect(await there.get('a')).toBe('old');
    bus.isPartitioned = true;
    await here.set('a', 'new');
    for (let hit = 0; hit < 1_000; hit++) await there.get('a');
    await delivered();
    expect(there.getMetrics()).toMatchObject({ audits: 1, outdated: 1 });
    expect(await there.get('a')).toBe('new');
  });

  it('counts nothing that the second tier has lost, and reads it no more, for it may have been invalidated', async () => {
    const world = await shared();
    const cache = process(world);
    await delivered();
    await cache.set('a', 'value');
    await world.store.invalidate([{ kind: 'all' }]);
    for (let hit = 0; hit < 1_000; hit++) await cache.get('a');
    await delivered();
    expect(cache.getMetrics()).toMatchObject({ audits: 0, outdated: 0, stalenessRate: 0 });
    expect(await cache.get('a')).toBeUndefined();
  });

  it('counts nothing and leaves the value when the second tier does not answer', async () => {
    const faults: Partial<Record<StoreOperation, StoreFault>> = {};
    const cache = process(await shared(), {}, faults);
    await delivered();
    await cache.set('a', 'value');
    faults.read = { fail: 'request' };
    for (let hit = 0; hit < 1_000; hit++) await cache.get('a');
    await delivered();
    expect(cache.getMetrics()).toMatchObject({ audits: 0, outdated: 0 });
    expect(await cache.get('a')).toBe('value');
  });

  it('counts a value that the second tier holds too, and leaves it', async () => {
    const cache = process(await shared());
    await delivered();
    await cache.set('a', 'value');
    for (let hit = 0; hit < 1_000; hit++) await cache.get('a');
    await delivered();
    expect(cache.getMetrics()).toMatchObject({ audits: 1, outdated: 0 });
    expect(await cache.get('a')).toBe('value');
  });
});
