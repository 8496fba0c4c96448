import { AsyncLocalStorage } from 'node:async_hooks';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { memoryStore, type StoreFault, type StoreOperation } from '../../src/testing/index.ts';
import { SecondTier, type SecondTierOptions } from '../../src/tiers/second-tier.ts';
import type { CacheStore, Invalidation, StoreRecord } from '../../src/tiers/store.ts';

const UNAVAILABLE = { kind: 'unavailable' };
const key = (text: string): Invalidation => ({ kind: 'key', key: text });
const recordOf = (text: string, tags: readonly string[] = []): StoreRecord => ({
  bytes: new TextEncoder().encode(text),
  tags,
  ttl: 60_000,
});

/** A tier on a store that fails as told, and the store as another process reaches it. */
function setUp(options: SecondTierOptions = {}) {
  const faults: { present: StoreFault | ((operation: StoreOperation) => StoreFault | undefined) } = { present: {} };
  const operations: StoreOperation[] = [];
  const there = memoryStore();
  const here = there.connect((operation) => {
    operations.push(operation);
    return typeof faults.present === 'function' ? faults.present(operation) : faults.present;
  });
  const delivered: Invalidation[] = [];
  const tier = new SecondTier(here, {
    random: () => 0,
    onDelivered: (invalidations) => void delivered.push(...invalidations),
    ...options,
  });
  return { tier, there, faults, operations, delivered };
}

/** What the call resolves to, and after how long. */
async function timed<T>(call: Promise<T>): Promise<{ result: T; took: number }> {
  const start = performance.now();
  const ended = call.then((result) => ({ result, took: performance.now() - start }));
  await vi.advanceTimersByTimeAsync(100);
  return ended;
}

function brokenStore(method: keyof CacheStore, broken: () => unknown): CacheStore {
  return { ...memoryStore(), [method]: broken };
}

beforeEach(() => {
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

describe('SecondTier', () => {
  it('reads, leases, writes and releases when the store is well', async () => {
    const { tier, there } = setUp();
    expect(await tier.read('key', [])).toEqual({ kind: 'absent' });
    const lease = await tier.lease('key', ['tag'], 1_000);
    if (lease.kind !== 'given') throw new Error(lease.kind);
    expect(await tier.lease('key', [], 1_000)).toEqual({ kind: 'held' });
    expect(await tier.write('key', recordOf('value', ['tag']), lease.lease)).toEqual({ kind: 'written' });
    expect(await tier.write('key', recordOf('again'), lease.lease)).toEqual({ kind: 'refused' });
    expect(await tier.read('key', ['tag'])).toMatchObject({ kind: 'found', record: { tags: ['tag'] } });
    const other = await tier.lease('key', [], 1_000);
    if (other.kind === 'given') await tier.release('key', other.lease);
    expect(await there.lease('key', [], 1_000)).toBeDefined();
    expect(tier.getMetrics()).toMatchObject({ breaker: 'closed', reads: 2, hits: 1, timeouts: 0, failures: 0 });
  });

  it.each(['read', 'lease', 'write', 'release', 'invalidate'] as const)(
    '%s costs no more than the timeout when the store hangs',
    async (method) => {
      const { tier, faults } = setUp({ timeout: 100 });
      faults.present = { delay: Infinity };
      const calls = {
        read: () => tier.read('key', []),
        lease: () => tier.lease('key', [], 1_000),
        write: () => tier.write('key', recordOf('value'), undefined),
        release: () => tier.release('key', { token: 'any' }),
        invalidate: () => tier.invalidate([key('key')]),
      };
      const { result, took } = await timed<unknown>(calls[method]());
      expect(took).toBe(100);
      expect(result).toEqual({ release: undefined, invalidate: 'queued' }[method as string] ?? result);
      expect(tier.getMetrics().timeouts).toBeGreaterThan(0);
    },
  );

  it.each<[keyof CacheStore, string, () => unknown]>([
    [
      'read',
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['read', 'rejects', () => Promise.reject(new Error('broken'))],
    ['read', 'answers null', () => null],
    ['read', 'answers a record without bytes', () => ({ tags: [], ttl: 1 })],
    ['read', 'answers tags that are no strings', () => ({ bytes: new Uint8Array(), tags: [1], ttl: 1 })],
    ['read', 'answers a life that is no number', () => ({ bytes: new Uint8Array(), tags: [], ttl: Number.NaN })],
    [
      'lease',
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['lease', 'answers no lease', () => ({})],
    [
      'write',
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['write', 'answers nothing', () => undefined],
    [
      'release',
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    [
      'invalidate',
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
  ])('counts a failure and answers when %s %s', async (method, _, broken) => {
    const tier = new SecondTier(brokenStore(method, broken));
    const calls = {
      read: () => tier.read('key', []),
      lease: () => tier.lease('key', [], 1_000),
      write: () => tier.write('key', recordOf('value'), { token: 'any' }),
      release: () => tier.release('key', { token: 'any' }).then(() => UNAVAILABLE),
      invalidate: async () => ((await tier.invalidate([key('key')])) === 'queued' ? UNAVAILABLE : undefined),
    };
    expect(await calls[method]()).toEqual(UNAVAILABLE);
    expect(tier.getMetrics().failures).toBe(1);
  });

  it('asks again when a record has tags that nobody expected and an invalidation was on its way meanwhile', async () => {
    const { tier, there, faults, operations } = setUp({ timeout: 100 });
    await there.write('key', recordOf('old', ['unexpected']), undefined);
    // The store looks before it hears of the invalidation, and answers after.
    faults.present = (operation) => (operation === 'read' ? { answerDelay: 50 } : { delay: 20 });
    const invalidated = tier.invalidate([{ kind: 'tag', tag: 'unexpected' }]);
    const read = timed(tier.read('key', []));
    expect((await read).result).toEqual({ kind: 'absent' });
    expect(await invalidated).toBe('delivered');
    expect(operations).toEqual(['read', 'invalidate', 'read']);
    expect(tier.getMetrics()).toMatchObject({ reads: 1, hits: 0 });
  });

  it('asks once when an invalidation is on its way and all tags are those expected', async () => {
    const { tier, there, faults, operations } = setUp({ timeout: 100 });
    await there.write('key', recordOf('value', ['tag']), undefined);
    faults.present = { delay: 20 };
    void tier.invalidate([{ kind: 'tag', tag: 'other' }]);
    expect((await timed(tier.read('key', ['tag']))).result).toMatchObject({ kind: 'found' });
    expect(operations).toEqual(['read', 'invalidate']);
  });

  it('reads nothing of a key whose tags are others at each look while invalidations are on their way', async () => {
    const { tier, there, faults } = setUp({ timeout: 100 });
    await there.write('key', recordOf('value', ['one']), undefined);
    faults.present = { delay: 20 };
    void tier.invalidate([{ kind: 'tag', tag: 'other' }]);
    const read = timed(tier.read('key', []));
    await there.write('key', recordOf('value', ['two']), undefined);
    setTimeout(() => {
      void tier.invalidate([{ kind: 'tag', tag: 'another' }]);
      void there.write('key', recordOf('value', ['three']), undefined);
    }, 20);
    expect((await read).result).toEqual(UNAVAILABLE);
  });

  it('takes a record whose life is over for none', async () => {
    const tier = new SecondTier(brokenStore('read', () => ({ bytes: new Uint8Array(), tags: [], ttl: 0 })));
    expect(await tier.read('key', [])).toEqual({ kind: 'absent' });
  });

  it('answers at once after five failures, until a probe succeeds', async () => {
    const { tier, faults, operations } = setUp({ timeout: 100 });
    faults.present = { delay: Infinity };
    const together = Promise.all(Array.from({ length: 5 }, () => tier.read('key', [])));
    expect((await timed(together)).took).toBe(100);
    expect(tier.available).toBe(false);
    operations.length = 0;
    faults.present = {};
    expect((await timed(tier.read('key', []))).result).toEqual(UNAVAILABLE);
    expect(operations).toEqual([]);
    await vi.advanceTimersByTimeAsync(100);
    expect(await tier.read('key', [])).toEqual({ kind: 'absent' });
    expect(tier.available).toBe(true);
  });

  it('lease gives back one that came late', async () => {
    const { tier, there, faults } = setUp({ timeout: 100 });
    faults.present = (operation) => (operation === 'lease' ? { answerDelay: 500 } : undefined);
    expect((await timed(tier.lease('key', [], 60_000))).result).toEqual(UNAVAILABLE);
    expect(await there.lease('key', [], 60_000)).toBeUndefined();
    await vi.advanceTimersByTimeAsync(500);
    expect(await there.lease('key', [], 60_000)).toBeDefined();
  });

  it.each<[string, Invalidation]>([
    ['key', key('key')],
    ['tag', { kind: 'tag', tag: 'learned' }],
    ['pattern', { kind: 'pattern', prefix: 'k', glob: '*' }],
    ['all', { kind: 'all' }],
  ])(
    'read does not find what an invalidation by %s concerns that the store has not confirmed',
    async (_, invalidation) => {
      const { tier, there, faults } = setUp({ timeout: 100 });
      await there.write('key', recordOf('old', ['learned']), undefined);
      await there.write('other', recordOf('other'), undefined);
      faults.present = (operation) => (operation === 'invalidate' ? { delay: 50 } : undefined);
      const invalidated = tier.invalidate([invalidation]);
      const [concerned, other] = await Promise.all([tier.read('key', []), tier.read('other', [])]);
      expect(concerned).toEqual(UNAVAILABLE);
      expect(other.kind).toBe(invalidation.kind === 'all' ? 'unavailable' : 'found');
      expect((await timed(invalidated)).result).toBe('delivered');
      expect(await tier.read('key', [])).toEqual({ kind: 'absent' });
    },
  );

  it('sends what was invalidated in an outage before anything else, and says so', async () => {
    const { tier, there, faults, operations, delivered } = setUp({ timeout: 100 });
    await there.write('key', recordOf('old'), undefined);
    faults.present = { delay: Infinity };
    expect((await timed(tier.invalidate([key('key'), { kind: 'tag', tag: 'tag' }]))).result).toBe('queued');
    expect(await tier.invalidate([key('key'), key('another')])).toBe('queued');
    expect(tier.getMetrics()).toMatchObject({ breaker: 'open', queuedInvalidations: 3 });
    operations.length = 0;
    faults.present = {};
    expect(await tier.read('key', [])).toEqual(UNAVAILABLE);
    expect(await tier.read('unrelated', [])).toEqual(UNAVAILABLE);
    expect(delivered).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(operations).toEqual(['invalidate']);
    expect(delivered).toEqual([key('key'), { kind: 'tag', tag: 'tag' }, key('another')]);
    expect(tier.getMetrics()).toMatchObject({ breaker: 'closed', queuedInvalidations: 0 });
    expect(await tier.read('key', [])).toEqual({ kind: 'absent' });
  });

  it('leaves the probe to the invalidations when the store is out', async () => {
    const time = { now: 0 };
    const { tier, faults, operations } = setUp({ timeout: 100, clock: { now: () => time.now } });
    faults.present = { fail: 'request' };
    await tier.invalidate([key('key')]);
    operations.length = 0;
    // The pause is over, but its timer has not fired yet.
    time.now = 1_000;
    await Promise.all([tier.read('x', []), tier.lease('x', [], 1)]);
    expect(operations).toEqual([]);
    await vi.advanceTimersByTimeAsync(100);
    expect(operations).toEqual(['invalidate']);
  });

  it.each(['write', 'release', 'lease'] as const)(
    'ends a lease whose %s got no answer, once the store is back',
    async (lost) => {
      const { tier, there, faults } = setUp({ timeout: 100 });
      const held = lost === 'lease' ? undefined : await tier.lease('key', [], 60_000);
      // What is asked for happens, but for a write or a release that does not arrive.
      faults.present = { fail: lost === 'lease' ? 'answer' : 'request' };
      if (held?.kind !== 'given') await tier.lease('key', [], 60_000);
      else if (lost === 'write') await tier.write('key', recordOf('value'), held.lease);
      else await tier.release('key', held.lease);
      faults.present = {};
      await vi.advanceTimersByTimeAsync(1000);
      expect(await there.lease('key', [], 1000)).toBeDefined();
    },
  );

  it('sends what was invalidated during a probe as soon as the probe succeeds', async () => {
    const { tier, faults, operations, delivered } = setUp({ timeout: 100 });
    faults.present = { fail: 'request' };
    for (let failure = 0; failure < 5; failure++) await tier.read('any', []);
    await vi.advanceTimersByTimeAsync(100);
    faults.present = { delay: 50 };
    const probe = tier.read('any', []);
    expect(await tier.invalidate([key('key')])).toBe('queued');
    operations.length = 0;
    await timed(probe);
    await vi.advanceTimersByTimeAsync(50);
    expect(operations).toEqual(['invalidate']);
    expect(delivered).toEqual([key('key')]);
  });

  it('sends what was invalidated in a long outage in several calls', async () => {
    const { tier, faults, operations, delivered } = setUp();
    faults.present = { fail: 'request' };
    for (let index = 0; index < 1_200; index++) void tier.invalidate([key(`${index}`)]);
    await vi.advanceTimersByTimeAsync(0);
    operations.length = 0;
    faults.present = {};
    await vi.advanceTimersByTimeAsync(100);
    expect(operations).toEqual(['invalidate', 'invalidate', 'invalidate']);
    expect(delivered).toHaveLength(1_200);
  });

  it('invalidate says delivered without a word to onDelivered when the store answers in time', async () => {
    const { tier, delivered } = setUp();
    expect(await tier.invalidate([key('key')])).toBe('delivered');
    expect(await tier.invalidate([])).toBe('delivered');
    expect(delivered).toEqual([]);
  });

  it('invalidate sends what comes while a batch is in flight as the next batch', async () => {
    const { tier, operations, faults } = setUp();
    faults.present = { delay: 10 };
    const all = Array.from({ length: 100 }, (_, index) => tier.invalidate([key(`${index}`)]));
    expect((await timed(Promise.all(all))).result).toEqual(all.map(() => 'delivered'));
    expect(operations).toEqual(['invalidate', 'invalidate']);
  });

  it('invalidate does not overtake a write of its key', async () => {
    const { tier, there, faults } = setUp({ timeout: 100 });
    faults.present = (operation) => (operation === 'write' ? { delay: 50 } : undefined);
    const written = tier.write('key', recordOf('old', ['tag']), undefined);
    const invalidated = tier.invalidate([{ kind: 'tag', tag: 'tag' }]);
    await timed(invalidated);
    expect(await written).toEqual({ kind: 'written' });
    expect(await there.read('key', [])).toBeUndefined();
  });

  it('write without a lease is not made while an invalidation of its key is pending, and leaves nothing old', async () => {
    const { tier, there, operations } = setUp();
    await there.write('key', recordOf('old'), undefined);
    void tier.invalidate([key('key')]);
    expect(await tier.write('key', recordOf('new'), undefined)).toEqual(UNAVAILABLE);
    await vi.advanceTimersByTimeAsync(10);
    expect(operations).not.toContain('write');
    expect(await there.read('key', [])).toBeUndefined();
  });

  it('write without a lease leaves neither value when two of one key overlap', async () => {
    const { tier, there, faults } = setUp();
    faults.present = (operation) => (operation === 'write' ? { delay: 50 } : undefined);
    void tier.write('key', recordOf('first'), undefined);
    expect(await tier.write('key', recordOf('second'), undefined)).toEqual(UNAVAILABLE);
    await vi.advanceTimersByTimeAsync(100);
    expect(await there.read('key', [])).toBeUndefined();
  });

  it('write without a lease that lands late is undone, and its key is not read before', async () => {
    const { tier, there, faults, delivered } = setUp({ timeout: 100 });
    await there.write('key', recordOf('old'), undefined);
    faults.present = (operation) => (operation === 'write' ? { delay: 1_000 } : undefined);
    expect((await timed(tier.write('key', recordOf('stray'), undefined))).result).toEqual(UNAVAILABLE);
    await vi.advanceTimersByTimeAsync(10);
    expect(await there.read('key', [])).toBeUndefined();
    expect(await tier.read('key', [])).toEqual(UNAVAILABLE);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await there.read('key', [])).toBeUndefined();
    expect(await tier.read('key', [])).toEqual({ kind: 'absent' });
    expect(delivered).toEqual([key('key'), key('key')]);
  });

  it('invalidates after an outage what could not be written', async () => {
    const { tier, there, faults } = setUp({ timeout: 100 });
    await there.write('key', recordOf('old'), undefined);
    faults.present = { fail: 'request' };
    expect(await tier.write('key', recordOf('new'), undefined)).toEqual(UNAVAILABLE);
    faults.present = {};
    await vi.advanceTimersByTimeAsync(200);
    expect(await there.read('key', [])).toBeUndefined();
    expect(await tier.write('key', recordOf('new'), undefined)).toEqual({ kind: 'written' });
  });

  it('bounds the writes that it waits for', async () => {
    const { tier, faults, operations } = setUp({ timeout: 100 });
    faults.present = (operation) => ({ delay: operation === 'write' ? Infinity : 10 });
    for (let index = 0; index < 1_200; index++) void tier.write(`${index}`, recordOf('value'), undefined);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(tier.available).toBe(true);
    operations.length = 0;
    expect(await tier.write('one more', recordOf('value'), undefined)).toEqual(UNAVAILABLE);
    await vi.advanceTimersByTimeAsync(100);
    expect(operations).toEqual(['invalidate']);
  });

  it('does not ask for a write again when the store refuses writes alone', async () => {
    const { tier, faults, operations } = setUp();
    faults.present = (operation) => (operation === 'write' ? { fail: 'request' } : undefined);
    expect(await tier.write('key', recordOf('new'), undefined)).toEqual(UNAVAILABLE);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(operations).toEqual(['write', 'invalidate']);
  });

  it('write with a lease that lands late is refused by the store when its key was invalidated', async () => {
    const { tier, there, faults } = setUp({ timeout: 100 });
    const lease = await tier.lease('key', [], 60_000);
    if (lease.kind !== 'given') throw new Error(lease.kind);
    faults.present = (operation) => (operation === 'write' ? { delay: 1_000 } : undefined);
    await timed(tier.write('key', recordOf('stray'), lease.lease));
    expect(await tier.invalidate([key('key')])).toBe('delivered');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await there.read('key', [])).toBeUndefined();
  });

  it('close tries once more to deliver, and answers everything at once after that', async () => {
    const { tier, there, faults, operations } = setUp({ timeout: 100 });
    await there.write('key', recordOf('old'), undefined);
    faults.present = { fail: 'request' };
    await tier.invalidate([key('key')]);
    faults.present = {};
    await tier.close();
    expect(await there.read('key', [])).toBeUndefined();
    operations.length = 0;
    expect(await tier.read('key', [])).toEqual(UNAVAILABLE);
    expect(await tier.lease('key', [], 1)).toEqual(UNAVAILABLE);
    expect(await tier.write('key', recordOf('late'), undefined)).toEqual(UNAVAILABLE);
    expect(await tier.invalidate([key('key')])).toBe('queued');
    await tier.release('key', { token: 'any' });
    expect(operations).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
    expect(tier.available).toBe(false);
  });

  it('close waits for a write without a lease, and invalidates its key when it fails', async () => {
    const { tier, there, faults } = setUp({ timeout: 100 });
    await there.write('key', recordOf('old'), undefined);
    faults.present = (operation) => (operation === 'write' ? { delay: Infinity } : undefined);
    const written = tier.write('key', recordOf('new'), undefined);
    expect((await timed(tier.close())).took).toBe(100);
    expect(await written).toEqual(UNAVAILABLE);
    expect(await there.read('key', [])).toBeUndefined();
    expect(tier.getMetrics()).toMatchObject({ queuedInvalidations: 0, droppedInvalidations: 0 });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('close is bounded when the store hangs, counts what it gave up, and leaves no timer', async () => {
    const { tier, faults } = setUp({ timeout: 100 });
    faults.present = { delay: Infinity };
    const waiting = tier.invalidate([key('key'), key('another')]);
    expect((await timed(tier.close())).took).toBe(100);
    expect(await waiting).toBe('queued');
    expect(tier.getMetrics().droppedInvalidations).toBe(2);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves no timer behind when all calls have ended', async () => {
    const { tier } = setUp();
    await tier.read('key', []);
    await tier.invalidate([key('key')]);
    await tier.write('key', recordOf('value'), undefined);
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('delivers in no async context of a caller, whose invalidations are not the only ones', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen = await new Promise((resolve) => {
      const tier = new SecondTier(brokenStore('invalidate', () => resolve(context.getStore() ?? 'nobody')));
      void context.run('caller', () => tier.invalidate([key('key')]));
    });
    expect(seen).toBe('nobody');
  });

  it.each<[unknown, SecondTierOptions, string]>([
    [undefined, {}, 'Cannot create a SecondTier: store must be an object, got undefined'],
    [{}, {}, 'Cannot create a SecondTier: store.read must be a function, got undefined'],
    [memoryStore(), { timeout: 0 }, 'Cannot create a SecondTier: timeout must be >= 1 and <= 60000, got 0'],
    [
      memoryStore(),
      { timeout: Infinity },
      'Cannot create a SecondTier: timeout must be >= 1 and <= 60000, got Infinity',
    ],
    [memoryStore(), { onDelivered: 1 as never }, 'Cannot create a SecondTier: onDelivered must be a function, got 1'],
  ])('throws at once for wrong arguments', (store, options, message) => {
    expect(() => new SecondTier(store as CacheStore, options)).toThrow(message);
  });
});
