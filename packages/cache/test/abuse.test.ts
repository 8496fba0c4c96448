import { describe, expect, it, vi } from 'vitest';
import {
  MemoryCache,
  ResponseCache,
  type CacheConfig,
  type CacheError,
  type GetOrSetOptions,
  type Loader,
  type MemoryCacheOptions,
  type SetOptions,
} from '../src/index.ts';
import { memoryBus, memoryStore } from '../src/testing/index.ts';
import { EVENTS } from './response/harness.ts';

const failure = new Error('listener of a test');

describe('options', () => {
  it.each<[what: string, config: unknown, error: typeof Error, message: RegExp]>([
    ['a maxSize of 0', { maxSize: 0 }, RangeError, /maxSize must be an integer >= 1, got 0/],
    ['a maxSize of 1.5', { maxSize: 1.5 }, RangeError, /maxSize/],
    ['a maxSize that is a string', { maxSize: '10' }, TypeError, /maxSize must be a number, got "10"/],
    ['a maxSize that is NaN', { maxSize: Number.NaN }, TypeError, /maxSize/],
    ['a maxBytes of 0', { maxBytes: 0 }, RangeError, /maxBytes/],
    ['a negative defaultTTL', { defaultTTL: -1 }, RangeError, /defaultTTL/],
    ['a sizeOf that is no function', { sizeOf: 5 }, TypeError, /sizeOf must be a function/],
    ['a clock without now', { clock: {} }, TypeError, /clock\.now/],
    ['a clock that gives no number', { clock: { now: () => '5' } }, TypeError, /clock\.now\(\) must return a number/],
    ['a maxSize that is negative', { maxSize: -1 }, RangeError, /maxSize/],
    ['a maxEntrySize of 0', { maxEntrySize: 0 }, RangeError, /maxEntrySize/],
    ['a negative idleTTL', { idleTTL: -1 }, RangeError, /idleTTL/],
    ['a ttlJitter above 1', { ttlJitter: 1.5 }, RangeError, /ttlJitter must be >= 0 and <= 1, got 1.5/],
    [
      'a policy that there is not',
      { policy: 'fifo' },
      TypeError,
      /policy must be one of adaptive, gdsf, lru, got "fifo"/,
    ],
    ['a negative cleanupInterval', { cleanupInterval: -1 }, RangeError, /cleanupInterval/],
    ['a cleanupInterval that is a string', { cleanupInterval: '5' }, TypeError, /cleanupInterval/],
    ['a config that is null', null, TypeError, /Cannot create a ResponseCache: the config must be an object, got null/],
    ['a config that is a number', 5, TypeError, /the config must be an object, got 5/],
  ])('reject %s', (_what, config, ErrorClass, message) => {
    const create = (): unknown => new ResponseCache(config as CacheConfig);
    expect(create).toThrow(ErrorClass);
    expect(create).toThrow(message);
  });

  it('reject a name that is none, such as another cache has', () => {
    expect(() => new MemoryCache({ max: 500 } as object)).toThrow(
      /^Cannot create a MemoryCache: there is no option "max"/,
    );
    expect(() => new ResponseCache({ ttl: 500 } as object)).toThrow(/there is no option "ttl"/);
    expect(() => new MemoryCache({ store: {} } as object)).toThrow(TypeError);
    expect(() => new ResponseCache({ onRemoval() {} } as object)).toThrow(
      new TypeError('Cannot create a ResponseCache: there is no option "onRemoval" (a ResponseCache has events)'),
    );
  });

  it('reject an onRemoval that is no function', () => {
    expect(() => new MemoryCache({ onRemoval: 'log' } as unknown as MemoryCacheOptions)).toThrow(
      /Cannot create a MemoryCache: onRemoval must be a function/,
    );
  });
});

describe('MemoryCache.set', () => {
  it.each<[what: string, key: unknown, options: unknown, error: typeof Error]>([
    ['a key that is a number', 1, undefined, TypeError],
    ['a key that is undefined', undefined, undefined, TypeError],
    ['a ttl in place of the options', 'a', '5', TypeError],
    ['options that are null', 'a', null, TypeError],
    ['a ttl that is a string', 'a', { ttl: '5' }, TypeError],
    ['a ttl that is NaN', 'a', { ttl: Number.NaN }, TypeError],
    ['an idleTTL that is NaN', 'a', { idleTTL: Number.NaN }, TypeError],
    ['a cost that is negative', 'a', { cost: -1 }, RangeError],
    ['a cost without end', 'a', { cost: Infinity }, RangeError],
    ['a cost that is a string', 'a', { cost: '5' }, TypeError],
    ['tags that are one string', 'a', { tags: 'users' }, TypeError],
    ['a tag that is a number', 'a', { tags: ['users', 1] }, TypeError],
    ['a size that is a fraction', 'a', { size: 0.5 }, RangeError],
    ['a size that is negative', 'a', { size: -1 }, RangeError],
    ['a size without end', 'a', { size: Infinity }, RangeError],
    ['a size that is NaN', 'a', { size: Number.NaN }, RangeError],
    ['a size that is a string', 'a', { size: '5' }, TypeError],
  ])('rejects %s and changes nothing', (_what, key, options, ErrorClass) => {
    const cache = new MemoryCache<string>({ maxBytes: 10 });
    cache.set('a', 'old', { tags: ['t'] });
    expect(() => cache.set(key as string, 'new', options as SetOptions)).toThrow(ErrorClass);
    expect([cache.peek('a'), cache.size, cache.bytes, cache.deleteTag('t')]).toEqual(['old', 1, 3, 1]);
  });

  it('throws what sizeOf throws, rejects what it returns wrongly, and changes nothing', () => {
    let sizes: () => unknown = () => 1;
    const cache = new MemoryCache<string>({ sizeOf: () => sizes() as number });
    cache.set('a', 'old');
    const error = new Error('sizeOf of a test');
    sizes = () => {
      throw error;
    };
    expect(() => cache.set('a', 'new')).toThrow(error);
    sizes = () => undefined;
    expect(() => cache.set('a', 'new')).toThrow(TypeError);
    expect([cache.peek('a'), cache.bytes]).toEqual(['old', 1]);
  });

  it('asks for a sizeOf when a value has no JSON form', () => {
    const cache = new MemoryCache({ maxBytes: 10 });
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    for (const value of [1n, cycle, () => 1, Symbol('s')]) {
      expect(() => cache.set('a', value)).toThrow(/give the cache a sizeOf/);
    }
    expect(cache.size).toBe(0);
  });

  it('is not disturbed when the tags that it was given change', () => {
    const cache = new MemoryCache<number>();
    const tags = ['one'];
    cache.set('a', 1, { tags });
    tags[0] = 'two';
    expect([cache.deleteTag('two'), cache.deleteTag('one')]).toEqual([0, 1]);
  });
});

describe('MemoryCache', () => {
  it('takes any string for a key, and tells all of them apart', () => {
    const megabyte = 'k'.repeat(2 ** 20);
    const keys = ['', '__proto__', 'constructor', '\uD800', '\uDC00', '\uD800\uDC00', '\0', megabyte, `${megabyte}!`];
    for (const policy of ['adaptive', 'gdsf', 'lru'] as const) {
      const cache = new MemoryCache<number>({ maxSize: keys.length, policy });
      keys.forEach((key, index) => cache.set(key, index, { tags: [key] }));
      expect(keys.map((key) => cache.get(key))).toEqual([...keys.keys()]);
      expect(keys.map((key) => cache.deleteTag(key))).toEqual(keys.map(() => 1));
      keys.forEach((key) => cache.set(`${key}'`, 1));
      expect(cache.size).toBe(keys.length);
    }
  });

  it.each<MemoryCacheOptions<number>>([
    { policy: 'adaptive', maxSize: 1000 },
    { policy: 'gdsf', maxBytes: 1000, sizeOf: () => 1 },
  ])('keeps its hot set through a million keys that come once, within 3 points, with $policy', (options) => {
    const cache = new MemoryCache<number>(options);
    const read = (key: string): boolean => {
      if (cache.get(key) !== undefined) return true;
      cache.set(key, 1);
      return false;
    };
    // At random, so that some of the 700 are not asked for while thousands of others come.
    let state = 1;
    const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const round = (turns: number, noise: number): number => {
      let hits = 0;
      let attack = 0;
      for (let turn = 0; turn < turns; turn++) {
        if (read(`hot ${Math.floor(700 * random())}`)) hits++;
        for (let each = 0; each < noise; each++) read(`noise ${attack++}`);
      }
      return (100 * hits) / turns;
    };
    round(10_000, 0);
    const before = round(10_000, 0);
    expect(before - round(100_000, 10)).toBeLessThan(3);
  });
});

describe('ResponseCache', () => {
  it.each<[name: string, call: (cache: ResponseCache, key: string) => unknown]>([
    ['get', (cache, key) => cache.get(key)],
    ['set', (cache, key) => cache.set(key, 1)],
    ['getOrSet', (cache, key) => cache.getOrSet(key, () => 1)],
    ['invalidate', (cache, key) => cache.invalidate(key)],
    ['invalidateTag', (cache, key) => cache.invalidateTag(key)],
    ['invalidatePattern', (cache, key) => cache.invalidatePattern(key)],
  ])('%s throws at once when it gets a number for a string', (_name, call) => {
    expect(() => call(new ResponseCache(), 7 as unknown as string)).toThrow(TypeError);
  });

  it.each<[what: string, options: unknown]>([
    ['a ttl that is a string', { ttl: '5' }],
    ['a ttl that is NaN', { ttl: Number.NaN }],
    ['tags that are one string', { tags: 'users' }],
    ['options that are null', null],
    ['a signal that is none', { signal: {} }],
    ['a signal that cannot be listened to', { signal: { aborted: false } }],
    ['a signal that is null', { signal: null }],
  ])('getOrSet throws at once, before it loads, when it gets %s', (_what, options) => {
    const cache = new ResponseCache();
    expect(() => cache.getOrSet('a', () => 1, options as GetOrSetOptions<unknown>)).toThrow(TypeError);
    expect(cache.getMetrics()).toMatchObject({ loads: 0, misses: 0 });
  });

  it.each<[what: string, options: unknown]>([
    ['a ttl that is NaN', Number.NaN],
    ['a ttl that is a string', '5000'],
    ['options that are null', null],
    ['tags that are one string', { tags: 'users' }],
    ['a size that is a fraction', { size: 0.5 }],
  ])('set throws at once, and fences no load, when it gets %s', async (_what, options) => {
    const cache = new ResponseCache<string>();
    let resolve = (_value: string): void => {};
    const load = cache.getOrSet('a', () => new Promise<string>((settle) => (resolve = settle)));
    expect(() => cache.set('a', 'wrong', options as SetOptions)).toThrow(/^Cannot set an entry: /);
    resolve('loaded');
    expect([await load, await cache.get('a')]).toEqual(['loaded', 'loaded']);
  });

  it('set fences no load when sizeOf throws', async () => {
    const error = new Error('sizeOf of a test');
    const cache = new ResponseCache<string>({
      sizeOf: (value) => {
        if (value === 'wrong') throw error;
        return 1;
      },
    });
    const load = cache.getOrSet('a', async () => 'loaded');
    expect(() => cache.set('a', 'wrong')).toThrow(error);
    expect([await load, await cache.get('a')]).toEqual(['loaded', 'loaded']);
  });

  it.each<[what: string, key: string]>([
    ['__proto__', '__proto__'],
    ['constructor', 'constructor'],
    ['nothing', ''],
    ['a NUL', '\u0000'],
    ['a lone surrogate', '\ud800'],
    ['a megabyte', 'k'.repeat(2 ** 20)],
  ])('takes %s as key, tag, dependency and prefix', async (_what, key) => {
    const cache = new ResponseCache<string>();
    expect([await cache.get(key), cache.explain(key).state]).toEqual([undefined, 'absent']);
    await cache.getOrSet(key, () => 'A', { tags: [key] });
    await cache.set('made', 'B', { dependsOn: [key], tags: ['own'] });
    expect(await cache.getMany([key, 'made'])).toEqual(['A', 'B']);
    expect(cache.explain('made')).toMatchObject({ tags: ['own'], dependsOn: [key] });
    expect([await cache.invalidateTag(key), await cache.get('made')]).toEqual([1, undefined]);
    await cache.namespace(key).set(key, 'C');
    expect([await cache.namespace(key).get(key), await cache.namespace(key).clear()]).toEqual(['C', 1]);
    await cache.set(key, 'D');
    expect([await cache.invalidatePrefix(key), cache.getMetrics().size]).toEqual([1, 0]);
  });

  it.each<[what: string, config: unknown, message: RegExp]>([
    ['a negative staleWhileRevalidate', { staleWhileRevalidate: -1 }, /staleWhileRevalidate/],
    ['a staleIfError that is NaN', { staleIfError: Number.NaN }, /staleIfError/],
    ['a refreshAhead above 1', { refreshAhead: 1.1 }, /refreshAhead must be >= 0 and <= 1/],
    ['a negative softTimeout', { softTimeout: -1 }, /softTimeout must be >= 0, got -1/],
    ['a hardTimeout that is NaN', { hardTimeout: Number.NaN }, /hardTimeout must be a number, got NaN/],
    ['a negative negativeTTL', { negativeTTL: -1 }, /negativeTTL/],
    ['a negative xfetchBeta', { xfetchBeta: -1 }, /xfetchBeta/],
    ['a storeTimeout that is a string', { storeTimeout: '5' }, /storeTimeout/],
    ['an errorTTL that is a string', { errorTTL: '5' }, /errorTTL/],
    ['values that there are not', { values: 'copy' }, /values must be one of share, freeze, clone, bytes, got "copy"/],
    ['a store without read', { store: {} }, /store\.read must be a function/],
    ['a bus that is a string', { bus: 'redis' }, /bus must be an object/],
  ])('rejects %s', (_what, config, message) => {
    expect(() => new ResponseCache(config as CacheConfig)).toThrow(message);
  });

  it.each<[what: string, config: CacheConfig]>([
    ['store', { store: memoryStore() }],
    ['bus', { bus: memoryBus() }],
  ])('takes no RegExp for a pattern where there is a %s, and one where there is none', async (_what, config) => {
    const cache = new ResponseCache(config);
    expect(() => cache.invalidatePattern(/a/)).toThrow(TypeError);
    await cache.close();
    expect(await new ResponseCache().invalidatePattern(/a/)).toBe(0);
  });

  it('throws at once when a loader or a listener is no function', () => {
    const cache = new ResponseCache();
    expect(() => cache.getOrSet('a', undefined as unknown as Loader<unknown>)).toThrow(/loader must be a function/);
    expect(() => cache.onMeasure(undefined as unknown as () => void)).toThrow(TypeError);
  });

  it('rejects every operation after close with CACHE_CLOSED', async () => {
    const cache = new ResponseCache<number>();
    await cache.close();
    const calls = [
      cache.get('a'),
      cache.set('a', 1),
      cache.getOrSet('a', () => 1),
      cache.invalidate('a'),
      cache.invalidateTag('a'),
      cache.invalidatePattern('a'),
      cache.clear(),
    ];
    const outcomes = await Promise.allSettled(calls);
    const refused = { status: 'rejected', reason: expect.objectContaining({ code: 'CACHE_CLOSED' }) as CacheError };
    expect(outcomes).toEqual(calls.map(() => refused));
    expect(cache.getMetrics().loads).toBe(0);
  });

  it.each<[how: string, listener: () => unknown]>([
    [
      'throws',
      (): never => {
        throw failure;
      },
    ],
    ['rejects', () => Promise.reject(failure)],
  ])('works on when a listener of each event, and of the measures, %s', async (_how, listener) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const cache = new ResponseCache<number>({ maxSize: 1, policy: 'lru', sizeOf: (value) => value });
    const told: string[] = [];
    for (const name of EVENTS) {
      cache.on(name, () => {
        told.push(name);
        return listener();
      });
    }
    cache.onMeasure(listener);
    expect(await cache.getOrSet('a', () => 1)).toBe(1);
    expect(await cache.get('a')).toBe(1);
    expect(await cache.set('b', 2)).toBe(true);
    expect(await cache.invalidate('b')).toBe(true);
    expect(await cache.getOrSet('c', () => -1)).toBe(-1);
    await cache.clear();
    expect(new Set(told)).toEqual(new Set(EVENTS));
    expect(warn.mock.calls).toEqual(Array.from({ length: told.length + 2 }, () => [failure]));
    warn.mockRestore();
  });

  it('never emits error, which would end a process that does not listen', async () => {
    const cache = new ResponseCache<bigint>({ maxBytes: 10 });
    expect(await cache.getOrSet('a', () => 1n)).toBe(1n);
  });
});
