import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, vi } from 'vitest';
import { MemoryCache } from '../../src/memory/memory-cache.ts';
import type { CacheEntry, RemovalReason } from '../../src/memory/memory-options.ts';

type Removal = [key: string, value: unknown, reason: RemovalReason];

function manualClock(): { now(): number; time: number; reads: number } {
  return {
    time: 1000,
    reads: 0,
    now() {
      this.reads++;
      return this.time;
    },
  };
}

describe('MemoryCache.get', () => {
  it('gives the value that was set, and undefined for a key that was not', () => {
    const cache = new MemoryCache<number>();
    cache.set('a', 1);
    expect(cache.get('a')).toBe(1);
    expect(cache.get('b')).toBeUndefined();
  });

  it('tells keys apart that an object would confuse', () => {
    const cache = new MemoryCache<number>();
    expect(cache.has('constructor')).toBe(false);
    cache.set('__proto__', 1);
    cache.set('constructor', 2);
    cache.set('a', 3);
    expect([cache.get('__proto__'), cache.get('constructor'), cache.get('a')]).toEqual([1, 2, 3]);
    expect(({} as Record<string, unknown>)['a']).toBeUndefined();
  });

  it('stores undefined as a value, which has tells from a miss', () => {
    const cache = new MemoryCache<number | undefined>();
    cache.set('a', undefined);
    expect(cache.get('a')).toBeUndefined();
    expect([cache.has('a'), cache.has('b')]).toEqual([true, false]);
    expect(cache.getMetrics()).toMatchObject({ hits: 1, misses: 0 });
    expect([cache.get('a', 'absent'), cache.get('b', 'absent')]).toEqual([undefined, 'absent']);
  });

  it('never reads the clock when the entry does not expire', () => {
    const clock = manualClock();
    const cache = new MemoryCache<number>({ clock });
    const { reads } = clock;
    cache.set('a', 1);
    cache.get('a');
    cache.has('a');
    cache.set('a', 2);
    cache.delete('a');
    expect(clock.reads).toBe(reads);
  });

  it('serves an entry until its ttl has passed and not at that moment', () => {
    const clock = manualClock();
    const cache = new MemoryCache<number>({ clock, defaultTTL: 10 });
    cache.set('default', 1);
    cache.set('own', 2, { ttl: 20 });
    cache.set('never', 3, { ttl: Infinity });
    clock.time += 9.99;
    expect(cache.get('default')).toBe(1);
    clock.time += 0.01;
    expect([cache.peek('default'), cache.has('default'), cache.get('default')]).toEqual([undefined, false, undefined]);
    expect(cache.get('own')).toBe(2);
    clock.time = Number.MAX_SAFE_INTEGER;
    expect([cache.get('own'), cache.get('never')]).toEqual([undefined, 3]);
  });

  it('does not prolong the life of what it reads', () => {
    const clock = manualClock();
    const cache = new MemoryCache<number>({ clock });
    cache.set('a', 1, { ttl: 10 });
    clock.time += 6;
    cache.get('a');
    clock.time += 6;
    expect(cache.get('a')).toBeUndefined();
  });

  it('removes an expired entry, while peek and has leave it', () => {
    const clock = manualClock();
    const cache = new MemoryCache<number>({ clock, defaultTTL: 1 });
    cache.set('a', 1);
    clock.time += 1;
    cache.peek('a');
    cache.has('a');
    expect(cache.size).toBe(1);
    cache.get('a');
    expect(cache.size).toBe(0);
  });
});

describe('MemoryCache.set', () => {
  it('evicts the least recently used when the cache is full and its policy is lru', () => {
    const cache = new MemoryCache<number>({ maxSize: 3, policy: 'lru' });
    for (const key of ['a', 'b', 'c']) cache.set(key, 1);
    cache.get('a');
    cache.set('b', 2);
    cache.peek('c');
    cache.has('c');
    cache.set('d', 1);
    expect([...cache.entries()].map(({ key }) => key).sort()).toEqual(['a', 'b', 'd']);
  });

  it('holds 1000 entries when nothing else is said', () => {
    const cache = new MemoryCache<number>();
    for (let i = 0; i < 1500; i++) cache.set(`key ${i}`, i);
    expect([cache.size, cache.getMetrics().evictions]).toEqual([1000, 500]);
  });

  it('is bound by bytes alone when only maxBytes is given', () => {
    const cache = new MemoryCache<string>({ maxBytes: 10_000 });
    for (let i = 0; i < 5000; i++) cache.set(`key ${i}`, 'ab');
    expect([cache.size, cache.bytes]).toEqual([5000, 10_000]);
    cache.set('one more', 'ab');
    expect([cache.size, cache.bytes]).toEqual([5000, 10_000]);
  });

  it('counts an empty value as one byte, so that maxBytes bounds the number of entries', () => {
    const cache = new MemoryCache<string>({ maxBytes: 3 });
    for (const key of ['a', 'b', 'c', 'd']) cache.set(key, '');
    expect([cache.size, cache.bytes]).toEqual([3, 3]);
  });

  it('evicts as many as needed for a large value, from the oldest when its policy is lru', () => {
    const cache = new MemoryCache<string>({ maxBytes: 10, policy: 'lru' });
    cache.set('a', '12345');
    cache.set('b', '123');
    cache.set('c', '1');
    cache.set('d', '123456');
    expect([cache.has('a'), cache.has('b'), cache.has('c'), cache.has('d'), cache.bytes]).toEqual([
      false,
      true,
      true,
      true,
      10,
    ]);
  });

  it('refuses a value larger than maxBytes, evicts nothing for it and drops the old value of the key', () => {
    const gone: Removal[] = [];
    const cache = new MemoryCache<string>({ maxBytes: 4, onRemoval: (...removal) => gone.push(removal) });
    cache.set('a', '12');
    cache.set('b', '12');
    expect(cache.set('c', '12345')).toBe(false);
    expect(cache.set('b', '12345')).toBe(false);
    expect([cache.get('a'), cache.has('b'), cache.has('c'), cache.bytes]).toEqual(['12', false, false, 2]);
    expect(gone).toEqual([['b', '12', 'replaced']]);
  });

  it('refuses a value larger than maxEntrySize before anything is evicted for it', () => {
    const cache = new MemoryCache<string>({ maxSize: 2, maxEntrySize: 4 });
    cache.set('a', '1234');
    cache.set('b', '12');
    expect([cache.set('c', '12345'), cache.size, cache.bytes, cache.getMetrics().evictions]).toEqual([false, 2, 6, 0]);
    expect(new MemoryCache({ maxBytes: 100, maxEntrySize: 4 }).set('a', '12345')).toBe(false);
  });

  it('says that nothing is held when the policy evicts the newcomer itself', () => {
    const gone: Removal[] = [];
    const cache = new MemoryCache<string>({ maxBytes: 100, onRemoval: (...removal) => gone.push(removal) });
    for (let i = 0; i < 10; i++) cache.set(`key ${i}`, 'a', { size: 10, cost: 1000 });
    for (let i = 0; i < 10; i++) cache.get(`key ${i}`);
    expect([cache.set('large', 'b', { size: 90, cost: 0.001 }), cache.has('large'), cache.size]).toEqual([
      false,
      false,
      10,
    ]);
    expect(gone).toEqual([['large', 'b', 'evicted']]);
  });

  it('shortens each ttl at random by up to its ttlJitter and never lengthens one', () => {
    const clock = manualClock();
    const cache = new MemoryCache<number>({ clock, ttlJitter: 0.2, defaultTTL: 100, maxSize: 2000 });
    for (let i = 0; i < 1000; i++) cache.set(`default ${i}`, i);
    for (let i = 0; i < 1000; i++) cache.set(`own ${i}`, i, { ttl: 1000 });
    cache.set('never', 1, { ttl: Infinity });
    const lives = [...cache.entries()].map(({ key, ttl }) => [key.split(' ')[0]!, ttl] as const);
    const of = (kind: string): number[] => lives.filter(([key]) => key === kind).map(([, ttl]) => ttl);
    for (const [kind, ttl] of [
      ['default', 100],
      ['own', 1000],
    ] as const) {
      expect(Math.max(...of(kind))).toBeLessThanOrEqual(ttl);
      expect(Math.max(...of(kind))).toBeGreaterThan(ttl * 0.98);
      expect(Math.min(...of(kind))).toBeGreaterThanOrEqual(ttl * 0.8);
      expect(Math.min(...of(kind))).toBeLessThan(ttl * 0.82);
    }
    expect(of('never')).toEqual([Infinity]);
  });

  it('stores nothing and drops the old value when the ttl is 0 or less', () => {
    const cache = new MemoryCache<number>();
    for (const ttl of [0, -5, -Infinity]) {
      cache.set('a', 1);
      expect(cache.set('a', 2, { ttl })).toBe(false);
      expect(cache.has('a')).toBe(false);
    }
  });

  it('follows the size of a value that is replaced', () => {
    const cache = new MemoryCache<string>({ maxBytes: 10, policy: 'lru' });
    cache.set('a', '123');
    cache.set('b', '123');
    cache.set('a', '1234567');
    expect([cache.bytes, cache.size]).toEqual([10, 2]);
    cache.set('a', '12345678');
    expect([cache.bytes, cache.size, cache.has('b')]).toEqual([8, 1, false]);
  });

  it('renews ttl and tags when a value is replaced', () => {
    const clock = manualClock();
    const cache = new MemoryCache<number>({ clock });
    cache.set('a', 1, { ttl: 10, tags: ['old'] });
    cache.set('a', 2, { tags: ['new'] });
    clock.time += 10;
    expect(cache.get('a')).toBe(2);
    expect(cache.deleteTag('old')).toBe(0);
    cache.set('a', 3);
    expect(cache.deleteTag('new')).toBe(0);
    expect(cache.get('a')).toBe(3);
  });

  it('takes the size that it is given in place of sizeOf', () => {
    const sizeOf = vi.fn(() => 1);
    const cache = new MemoryCache<string>({ sizeOf });
    cache.set('a', 'x', { size: 7 });
    cache.set('b', 'x');
    expect(cache.bytes).toBe(8);
    expect(sizeOf.mock.calls).toEqual([['x', 'b']]);
  });

  it('counts no bytes when neither maxBytes nor sizeOf is given', () => {
    const cache = new MemoryCache<bigint>();
    cache.set('a', 1n);
    expect([cache.get('a'), cache.bytes, cache.getMetrics().averageSize]).toEqual([1n, 0, 0]);
  });

  it.each([
    ['a string by its UTF-8 length', 'aé€', 6],
    ['a Buffer by its length', Buffer.alloc(9), 9],
    ['a typed array by its bytes', new Float64Array(3), 24],
    ['an ArrayBuffer by its length', new ArrayBuffer(5), 5],
    ['an object by its JSON', { a: 'é' }, 10],
    ['undefined as one byte', undefined, 1],
  ])('measures %s when maxBytes is given', (_what, value, bytes) => {
    const cache = new MemoryCache({ maxBytes: 100 });
    cache.set('a', value);
    expect(cache.bytes).toBe(bytes);
  });
});

describe('MemoryCache removal', () => {
  it('tells the reason for which each value left', () => {
    const clock = manualClock();
    const gone: Removal[] = [];
    const cache = new MemoryCache<number>({
      maxSize: 2,
      policy: 'lru',
      clock,
      onRemoval: (...removal) => gone.push(removal),
    });
    cache.set('a', 1);
    cache.set('a', 2);
    cache.set('b', 3, { ttl: 5 });
    cache.set('c', 4);
    cache.delete('c');
    clock.time += 5;
    cache.set('b', 5);
    cache.clear();
    expect(gone).toEqual([
      ['a', 1, 'replaced'],
      ['a', 2, 'evicted'],
      ['c', 4, 'deleted'],
      ['b', 3, 'expired'],
      ['b', 5, 'deleted'],
    ]);
    expect(cache.getMetrics()).toMatchObject({ evictions: 1, expirations: 1 });
  });

  it('calls onRemoval when the operation is complete, so that it may call the cache', () => {
    const cache: MemoryCache<number> = new MemoryCache<number>({
      maxSize: 2,
      policy: 'lru',
      onRemoval: (key, value, reason) => {
        if (reason === 'evicted' && value < 10) cache.set(key, value + 10);
      },
    });
    for (const key of ['a', 'b', 'c']) cache.set(key, 1);
    expect([...cache.entries()].map(({ key, value }) => `${key}${value}`).sort()).toEqual(['b11', 'c11']);
    expect(cache.size).toBe(2);
  });

  it('turns what onRemoval throws into a warning', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const error = new Error('callback of a test');
    const cache = new MemoryCache<number>({
      onRemoval: () => {
        throw error;
      },
    });
    cache.set('a', 1);
    expect([cache.delete('a'), cache.size]).toEqual([true, 0]);
    expect(warn.mock.calls).toEqual([[error]]);
    warn.mockRestore();
  });

  it('turns what a promise of onRemoval rejects with into a warning', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const error = new Error('callback of a test');
    const fails: () => unknown = () => Promise.reject(error);
    const cache = new MemoryCache<number>({ onRemoval: fails });
    cache.set('a', 1);
    cache.delete('a');
    await new Promise((resolve) => setImmediate(resolve));
    expect(warn.mock.calls).toEqual([[error]]);
    warn.mockRestore();
  });

  it('keeps no value alive that was evicted, deleted or cleared', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const cache = new MemoryCache<object>({ maxSize: 2, policy: 'lru' });
    const values = new Map<string, WeakRef<object>>();
    const put = (key: string): void => {
      const value = { key };
      values.set(key, new WeakRef(value));
      cache.set(key, value, { tags: [key] });
    };
    for (const key of ['evicted', 'deleted', 'cleared']) put(key);
    const alive = async (): Promise<string[]> => {
      // A WeakRef holds its target until the job that read it ends.
      await new Promise((resolve) => setImmediate(resolve));
      gc();
      return [...values].filter(([, value]) => value.deref() !== undefined).map(([key]) => key);
    };
    cache.delete('deleted');
    expect(await alive()).toEqual(['cleared']);
    cache.clear();
    expect(await alive()).toEqual([]);
  });
});

describe('MemoryCache.delete', () => {
  it('returns whether there was an entry to read', () => {
    const clock = manualClock();
    const cache = new MemoryCache<number>({ clock });
    cache.set('a', 1, { ttl: 1 });
    cache.set('b', 1);
    clock.time += 1;
    expect([cache.delete('a'), cache.delete('b'), cache.delete('b'), cache.size]).toEqual([false, true, false, 0]);
  });

  it('deleteTag removes the entries with the tag and counts them', () => {
    const cache = new MemoryCache<number>();
    cache.set('a', 1, { tags: ['x', 'y', 'x'] });
    cache.set('b', 1, { tags: ['y'] });
    cache.set('c', 1);
    expect([cache.deleteTag('x'), cache.size]).toEqual([1, 2]);
    expect(cache.deleteTag('x')).toBe(0);
    expect(cache.deleteTag('y')).toBe(1);
    expect([...cache.entries()].map(({ key }) => key)).toEqual(['c']);
  });

  it('deleteMatching removes the entries whose key passes and counts those to read', () => {
    const clock = manualClock();
    const cache = new MemoryCache<number>({ clock });
    cache.set('a1', 1);
    cache.set('a2', 1, { ttl: 1 });
    cache.set('b1', 1);
    clock.time += 1;
    expect(cache.deleteMatching((key) => key.startsWith('a'))).toBe(1);
    expect(cache.size).toBe(1);
  });

  it('deleteMatching keeps the table whole when its test deletes, sets or clears', () => {
    const keys = ['a', 'b', 'c'];
    const meddles: ((cache: MemoryCache<string>) => void)[] = [
      (cache) => cache.delete('a'),
      (cache) => cache.set('d', 'd'),
      (cache) => cache.clear(),
    ];
    const outcomes = meddles.map((meddle) => {
      const cache = new MemoryCache<string>({ maxSize: 10 });
      for (const key of keys) cache.set(key, key);
      const deleted = cache.deleteMatching((key) => {
        if (key === 'b') meddle(cache);
        return true;
      });
      for (const key of ['x', 'y', 'z', 'w']) cache.set(key, key);
      return [deleted, ['x', 'y', 'z', 'w'].map((key) => cache.get(key)), cache.has('a')];
    });
    const whole = ['x', 'y', 'z', 'w'];
    expect(outcomes).toEqual([
      [3, whole, false],
      [3, whole, false],
      [1, whole, false],
    ]);
  });
});

describe('MemoryCache.sweep', () => {
  it('looks at no more places than it is told and says when it has seen all', () => {
    const clock = manualClock();
    const cache = new MemoryCache<number>({ clock });
    for (let i = 0; i < 10; i++) cache.set(`key ${i}`, i, { ttl: i % 2 === 0 ? 1 : Infinity });
    clock.time += 1;
    expect([cache.sweep(4), cache.size]).toEqual([false, 8]);
    expect([cache.sweep(4), cache.size]).toEqual([false, 6]);
    expect([cache.sweep(4), cache.size]).toEqual([true, 5]);
    expect([cache.sweep(), cache.size]).toEqual([true, 5]);
    expect(cache.getMetrics().expirations).toBe(5);
  });

  it('starts over when the table was cleared in between', () => {
    const clock = manualClock();
    const cache = new MemoryCache<number>({ clock, defaultTTL: 1 });
    for (const key of ['a', 'b', 'c']) cache.set(key, 1);
    cache.sweep(2);
    cache.clear();
    cache.set('a', 1);
    clock.time += 1;
    expect([cache.sweep(1), cache.size]).toEqual([true, 0]);
  });
});

describe('MemoryCache.entries', () => {
  it('shows what is left of each life and passes over what has expired', () => {
    const clock = manualClock();
    const cache = new MemoryCache<string>({ clock, maxBytes: 100 });
    cache.set('a', 'one', { ttl: 10, tags: ['x'], cost: 7 });
    cache.set('b', 'two', { ttl: 4 });
    cache.set('c', 'three');
    clock.time += 4;
    expect([...cache.entries()]).toEqual([
      { key: 'a', value: 'one', ttl: 6, size: 3, cost: 7, tags: ['x'] },
      { key: 'c', value: 'three', ttl: Infinity, size: 5, cost: 1, tags: [] },
    ]);
  });

  it('gives entries that set takes back', () => {
    const cache = new MemoryCache<string>({ maxBytes: 100 });
    cache.set('a', 'one', { tags: ['x'], size: 50 });
    const copy = new MemoryCache<string>({ maxBytes: 100 });
    for (const entry of cache.entries()) copy.set(entry.key, entry.value, entry);
    expect([...copy.entries()]).toEqual([...cache.entries()]);
  });

  it('gives entries that count for nothing again, and are measured, where the bytes were not counted', () => {
    const cache = new MemoryCache<string>();
    cache.set('a', 'one');
    for (const entry of cache.entries()) cache.set(entry.key, entry.value, entry);
    expect([cache.bytes, cache.getMetrics().totalSize]).toEqual([0, 0]);
    const counting = new MemoryCache<string>({ maxBytes: 100 });
    for (const entry of cache.entries()) counting.set(entry.key, entry.value, entry);
    expect(counting.bytes).toBe(3);
  });

  it('goes on when the cache changes while it is read', () => {
    const cache = new MemoryCache<number>();
    for (const key of ['a', 'b', 'c']) cache.set(key, 1);
    const seen: string[] = [];
    for (const { key } of cache.entries()) {
      seen.push(key);
      cache.delete('b');
      if (key === 'c') Array.from({ length: 200 }, (_, i) => cache.set(`late ${i}`, i));
      if (key === 'late 5') cache.clear();
    }
    expect(seen).toEqual(['a', 'c', 'late 1', 'late 2', 'late 3', 'late 4', 'late 5']);
  });
});

describe('MemoryCache.load', () => {
  it('restores what dump gave: values, lives, tags, sizes, costs and the order of eviction', () => {
    const clock = manualClock();
    const old = new MemoryCache<string>({ clock, policy: 'lru', maxBytes: 1000 });
    old.set('a', 'one', { ttl: 100, tags: ['x'], cost: 5 });
    old.set('b', 'two', { idleTTL: 50, ttl: 80 });
    old.set('c', 'three', { size: 20 });
    old.set('d', 'four', { ttl: 1 });
    old.get('a');
    clock.time += 1;
    const dump = [...old.dump()];
    expect(dump.map(({ key }) => key)).toEqual(['b', 'c', 'a']);
    const cache = new MemoryCache<string>({ clock, policy: 'lru', maxSize: 3, maxBytes: 1000, ttlJitter: 1 });
    expect(cache.load(dump)).toBe(3);
    expect([...cache.dump()]).toEqual(dump);
    cache.set('e', 'five');
    expect([cache.has('b'), cache.has('c'), cache.deleteTag('x')]).toEqual([false, true, 1]);
  });

  it("takes what was never dumped, with set's defaults for what it does not say", () => {
    const cache = new MemoryCache<string>({ defaultTTL: 50, maxBytes: 100, clock: manualClock() });
    expect(cache.load([{ key: 'a', value: 'four' }])).toBe(1);
    expect([...cache.entries()]).toEqual([{ key: 'a', value: 'four', ttl: 50, size: 4, cost: 1, tags: [] }]);
  });

  it('shortens the default ttl at random, as set does, and no ttl that is said', () => {
    const clock = manualClock();
    const cache = new MemoryCache<number>({ defaultTTL: 1000, ttlJitter: 0.5, clock });
    cache.load([
      { key: 'said', value: 1, ttl: 1000 },
      ...Array.from({ length: 20 }, (_, i) => ({ key: `${i}`, value: i })),
    ]);
    const ttls = [...cache.entries()].map(({ ttl }) => ttl);
    expect(ttls[0]).toBe(1000);
    expect(Math.min(...ttls)).toBeLessThan(1000);
  });

  it('takes a dump that went through JSON', () => {
    const old = new MemoryCache<number>();
    old.set('a', 1, { tags: ['x'] });
    const cache = new MemoryCache<number>({ defaultTTL: 5 });
    expect(cache.load(JSON.parse(JSON.stringify([...old.dump()])) as CacheEntry<number>[])).toBe(1);
    expect([...cache.entries()]).toEqual([...old.entries()]);
  });

  it('keeps what is held, and passes over what has expired or is too large', () => {
    const cache = new MemoryCache<string>({ maxBytes: 5 });
    cache.set('a', 'new');
    const entry = { ttl: Infinity, size: undefined, cost: 1, tags: [] };
    const entries = [
      { ...entry, key: 'a', value: 'old' },
      { ...entry, key: 'b', value: 'b', ttl: 0 },
      { ...entry, key: 'c', value: 'too large' },
      { ...entry, key: 'd', value: 'd' },
    ];
    expect([cache.load(entries), cache.get('a'), cache.get('d'), cache.size]).toEqual([1, 'new', 'd', 2]);
  });

  it.each([undefined, null, 5, 'a', {}])('throws a TypeError for %j, which is no list', (entries) => {
    const load = (): number => new MemoryCache<number>().load(entries as CacheEntry<number>[]);
    expect(load).toThrow(/^Cannot load entries: they must be an array or another iterable, got /);
  });

  it.each<[what: string, entry: unknown]>([
    ['no entry', null],
    ['an entry without a key', { value: 1, ttl: 5 }],
    ['an entry with a ttl that is NaN', { key: 'c', value: 1, ttl: Number.NaN }],
    ['an entry with a size that is negative', { key: 'c', value: 1, ttl: 5, size: -1 }],
    ['an entry with tags that are one string', { key: 'c', value: 1, ttl: 5, tags: 'x' }],
  ])('throws CACHE_ENTRY_INVALID that names the position of %s, and keeps what it has', (_what, entry) => {
    const cache = new MemoryCache<number>();
    cache.set('a', 1);
    const sound = { key: 'b', value: 2, ttl: 60_000, size: undefined, cost: 1, tags: [] };
    const load = (): number => cache.load([sound, entry as CacheEntry<number>, { ...sound, key: 'd' }]);
    expect(load).toThrow(expect.objectContaining({ code: 'CACHE_ENTRY_INVALID' }));
    expect(load).toThrow(/^Cannot load the entry at position 1: /);
    expect([cache.get('a'), cache.get('b'), cache.get('d')]).toEqual([1, 2, undefined]);
  });
});

describe('MemoryCache.dump', () => {
  it('goes on when the cache changes while it is read', () => {
    const cache = new MemoryCache<number>({ policy: 'lru' });
    for (const key of ['a', 'b', 'c']) cache.set(key, 1);
    const seen: string[] = [];
    for (const { key } of cache.dump()) {
      seen.push(key);
      cache.delete('b');
      if (key === 'c') cache.clear();
    }
    expect(seen).toEqual(['a', 'c']);
  });
});

describe('MemoryCache.getMetrics', () => {
  it('is a frozen snapshot in which the hit rate is a percentage', () => {
    const cache = new MemoryCache<string>({ maxSize: 10, maxBytes: 100 });
    expect(cache.getMetrics()).toMatchObject({ hitRate: 0, averageSize: 0 });
    cache.set('a', '1234');
    cache.set('b', '12');
    for (const key of ['a', 'a', 'b', 'c']) cache.get(key);
    const metrics = cache.getMetrics();
    expect(metrics).toEqual({
      size: 2,
      maxSize: 10,
      hits: 3,
      misses: 1,
      evictions: 0,
      expirations: 0,
      hitRate: 75,
      totalSize: 6,
      averageSize: 3,
    });
    expect(Object.isFrozen(metrics)).toBe(true);
    expect(Object.keys(cache.metricKinds)).toEqual(Object.keys(metrics));
  });

  it('counts nothing when metricsEnabled is false', () => {
    const clock = manualClock();
    const cache = new MemoryCache<number>({ maxSize: 1, clock, metricsEnabled: false });
    cache.set('a', 1);
    cache.set('b', 1, { ttl: 1 });
    cache.get('b');
    clock.time += 1;
    cache.get('b');
    expect(cache.getMetrics()).toMatchObject({ hits: 0, misses: 0, evictions: 0, expirations: 0, hitRate: 0 });
  });

  it('shows the bound that applies when maxSize is more than the table can hold', () => {
    expect(new MemoryCache({ maxSize: Infinity }).getMetrics().maxSize).toBe(2 ** 26);
    expect(new MemoryCache({ maxBytes: 1 }).getMetrics().maxSize).toBe(2 ** 26);
  });
});
