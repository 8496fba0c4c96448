import { AsyncLocalStorage } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ResponseCache, type CacheConfig } from '../../src/index.ts';
import { manualLoader, recorded } from './harness.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('ResponseCache.get and set', () => {
  it('gives back what was set, with a ttl as a number or among options', async () => {
    const cache = new ResponseCache<number>();
    await cache.set('a', 1, 10);
    await cache.set('b', 2, { ttl: 20 });
    await cache.set('c', 3);
    expect(await Promise.all(['a', 'b', 'c', 'd'].map((key) => cache.get(key)))).toEqual([1, 2, 3, undefined]);
    vi.advanceTimersByTime(10);
    expect(await Promise.all(['a', 'b', 'c'].map((key) => cache.get(key)))).toEqual([undefined, 2, 3]);
    vi.advanceTimersByTime(10);
    expect(await Promise.all(['b', 'c'].map((key) => cache.get(key)))).toEqual([undefined, 3]);
  });

  it('set tells whether the value was stored', async () => {
    const cache = new ResponseCache<string>({ maxBytes: 3 });
    expect([await cache.set('a', '123'), await cache.set('b', '1234'), await cache.set('c', '1', 0)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('both act before they return, awaited or not', () => {
    const cache = new ResponseCache<number>();
    void cache.set('a', 1);
    expect(cache.getMetrics().size).toBe(1);
    void cache.invalidate('a');
    expect(cache.getMetrics().size).toBe(0);
  });
});

describe('ResponseCache.getOrSet', () => {
  it('loads once, stores, and then answers from the cache', async () => {
    const cache = new ResponseCache<number>();
    const loader = vi.fn(() => 7);
    expect([await cache.getOrSet('a', loader), await cache.getOrSet('a', loader), await cache.get('a')]).toEqual([
      7, 7, 7,
    ]);
    expect(loader).toHaveBeenCalledOnce();
  });

  it('keeps a loaded undefined', async () => {
    const cache = new ResponseCache<undefined>();
    const events = recorded(cache);
    const loader = vi.fn(() => undefined);
    await cache.getOrSet('a', loader);
    await cache.getOrSet('a', loader);
    await cache.get('a');
    expect(loader).toHaveBeenCalledOnce();
    expect(events.map(([name]) => name)).toEqual(['cacheMiss', 'cacheSet', 'cacheHit', 'cacheHit']);
  });

  it('shares one load among the callers of a key, and none between keys', async () => {
    const cache = new ResponseCache<string>();
    const { load, loads } = manualLoader<string>();
    const callers = ['a', 'a', 'b', 'a'].map((key) => cache.getOrSet(key, load));
    expect(loads.length).toBe(2);
    loads[0]!.resolve('A');
    loads[1]!.resolve('B');
    expect(await Promise.all(callers)).toEqual(['A', 'A', 'B', 'A']);
    expect(cache.getMetrics()).toMatchObject({ loads: 2, coalesced: 2, misses: 2, hits: 0 });
  });

  it('rejects every caller with what the loader rejects with, and stores nothing', async () => {
    const cache = new ResponseCache<string>();
    const { load, loads } = manualLoader<string>();
    const callers = Promise.allSettled([cache.getOrSet('a', load), cache.getOrSet('a', load)]);
    const error = new Error('upstream of a test');
    loads[0]!.reject(error);
    expect(await callers).toEqual([
      { status: 'rejected', reason: error },
      { status: 'rejected', reason: error },
    ]);
    expect(await cache.getOrSet('a', () => 'fine')).toBe('fine');
    expect(cache.getMetrics()).toMatchObject({ loads: 2, loadErrors: 1 });
  });

  it('rejects when the loader throws at once', async () => {
    const cache = new ResponseCache<string>();
    const error = new Error('loader of a test');
    const caller = cache.getOrSet('a', () => {
      throw error;
    });
    await expect(caller).rejects.toBe(error);
    expect(cache.getMetrics().pending).toBe(0);
  });

  it('rejects a caller that aborts alone, with the reason untouched', async () => {
    const cache = new ResponseCache<string>();
    const { load, loads } = manualLoader<string>();
    const abort = new AbortController();
    const leaver = cache.getOrSet('a', load, { signal: abort.signal });
    const stayer = cache.getOrSet('a', load);
    abort.abort('enough');
    await expect(leaver).rejects.toBe('enough');
    loads[0]!.resolve('A');
    expect([await stayer, await cache.get('a'), loads[0]!.signal.aborted]).toEqual(['A', 'A', false]);
  });

  it('aborts the load with its last caller, drops its result and starts anew for the next', async () => {
    const cache = new ResponseCache<string>();
    const { load, loads } = manualLoader<string>();
    const aborts = [new AbortController(), new AbortController()];
    const leavers = Promise.allSettled(aborts.map(({ signal }) => cache.getOrSet('a', load, { signal })));
    aborts[0]!.abort();
    expect(loads[0]!.signal.aborted).toBe(false);
    aborts[1]!.abort();
    expect(loads[0]!.signal.aborted).toBe(true);
    const next = cache.getOrSet('a', load);
    loads[0]!.resolve('old');
    await leavers;
    expect(await cache.get('a')).toBeUndefined();
    loads[1]!.resolve('new');
    expect([await next, await cache.get('a')]).toEqual(['new', 'new']);
    expect(cache.getMetrics()).toMatchObject({ loads: 2, loadErrors: 0, pending: 0 });
  });

  it('does not count as an error that an abandoned load rejects', async () => {
    const cache = new ResponseCache<string>();
    const abort = new AbortController();
    const { load, loads } = manualLoader<string>();
    const leaver = cache.getOrSet('a', load, { signal: abort.signal });
    abort.abort('enough');
    loads[0]!.reject('enough');
    await expect(leaver).rejects.toBe('enough');
    expect(cache.getMetrics().loadErrors).toBe(0);
  });

  it('rejects when the signal has already aborted, without a load or a count', async () => {
    const cache = new ResponseCache<string>();
    await cache.set('a', 'A');
    const loader = vi.fn(() => 'B');
    for (const key of ['a', 'b']) {
      await expect(cache.getOrSet(key, loader, { signal: AbortSignal.abort('late') })).rejects.toBe('late');
    }
    expect(loader).not.toHaveBeenCalled();
    expect(cache.getMetrics()).toMatchObject({ hits: 0, misses: 0 });
  });

  it('leaves no listener on the signal when it settles', async () => {
    const cache = new ResponseCache<string>();
    const { signal } = new AbortController();
    await cache.getOrSet('a', () => 'A', { signal });
    await cache.getOrSet('a', () => 'A', { signal });
    await cache.getOrSet('b', () => Promise.reject(new Error('loader of a test')), { signal }).catch(() => {});
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('takes the ttl from the loaded value when ttl is a function', async () => {
    const cache = new ResponseCache<{ maxAge: number }>();
    await cache.getOrSet('a', () => ({ maxAge: 5 }), { ttl: ({ maxAge }) => maxAge });
    vi.advanceTimersByTime(4);
    expect(await cache.get('a')).toEqual({ maxAge: 5 });
    vi.advanceTimersByTime(1);
    expect(await cache.get('a')).toBeUndefined();
  });

  it.each([0, -1])('gives the value to those who wait and stores nothing when the ttl is %d', async (ttl) => {
    const cache = new ResponseCache<string>();
    const { load, loads } = manualLoader<string>();
    const callers = [cache.getOrSet('a', load, { ttl: () => ttl }), cache.getOrSet('a', load)];
    loads[0]!.resolve('A');
    expect(await Promise.all(callers)).toEqual(['A', 'A']);
    expect(await cache.get('a')).toBeUndefined();
  });

  it('serves the value and tells of it when it cannot be stored', async () => {
    const cache = new ResponseCache<bigint>({ maxBytes: 10 });
    const events = recorded(cache);
    const error = new Error('ttl of a test');
    const ttl = (): number => {
      throw error;
    };
    const forgetful = (() => undefined) as unknown as () => number;
    expect(await cache.getOrSet('a', () => 1n, { ttl })).toBe(1n);
    expect(await cache.getOrSet('b', () => 1n)).toBe(1n);
    expect(await cache.getOrSet('c', () => 1n, { ttl: forgetful })).toBe(1n);
    expect(events.filter(([name]) => name === 'cacheError')).toEqual([
      ['cacheError', { key: 'a', error }],
      ['cacheError', { key: 'b', error: expect.any(TypeError) as TypeError }],
      ['cacheError', { key: 'c', error: expect.any(TypeError) as TypeError }],
    ]);
    expect(cache.getMetrics()).toMatchObject({ storeErrors: 3, loadErrors: 0, size: 0 });
  });

  it('joins the load that a listener began when it heard of the miss', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 1 });
    const loader = vi.fn(() => 'A');
    const begun: Promise<string>[] = [];
    cache.on('cacheEviction', ({ key }) => begun.push(cache.getOrSet(key, loader)));
    await cache.set('a', 'old');
    vi.advanceTimersByTime(1);
    expect(await cache.getOrSet('a', loader)).toBe('A');
    expect(await Promise.all(begun)).toEqual(['A']);
    expect(loader).toHaveBeenCalledOnce();
  });

  it('loads, and get gives undefined as a miss, when a listener sets the key anew as it expires', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 1 });
    await cache.set('a', 'old');
    await cache.set('b', 'old');
    vi.advanceTimersByTime(1);
    cache.on('cacheEviction', ({ key }) => void cache.set(key, 'fresh'));
    const events = recorded(cache);
    expect(await cache.getOrSet('a', () => 'loaded')).toBe('loaded');
    expect(await cache.get('b')).toBeUndefined();
    expect(await cache.get('b')).toBe('fresh');
    expect(events.filter(([name]) => /Hit|Miss/.test(name))).toEqual([
      ['cacheMiss', { key: 'a' }],
      ['cacheMiss', { key: 'b' }],
      ['cacheHit', { key: 'b', stale: false }],
    ]);
    expect(cache.getMetrics()).toMatchObject({ hits: 1, misses: 2 });
  });

  it.each(['cacheMiss', 'cacheEviction'] as const)('rejects at once when a %s listener aborts', async (event) => {
    const cache = new ResponseCache<string>({ defaultTTL: 1 });
    await cache.set('a', 'old');
    vi.advanceTimersByTime(1);
    const abort = new AbortController();
    cache.once(event, () => abort.abort('enough'));
    const { load, loads } = manualLoader<string>();
    await expect(cache.getOrSet('a', load, { signal: abort.signal })).rejects.toBe('enough');
    expect(loads.every(({ signal }) => signal.aborted)).toBe(true);
    expect([cache.getMetrics().pending, getEventListeners(abort.signal, 'abort')]).toEqual([0, []]);
  });

  it('calls no loader when a listener of the expiry closes the cache', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 1 });
    await cache.set('a', 'old');
    vi.advanceTimersByTime(1);
    cache.on('cacheEviction', () => void cache.close());
    const loader = vi.fn(() => 'A');
    await expect(cache.getOrSet('a', loader)).rejects.toMatchObject({ code: 'CACHE_CLOSED' });
    expect(loader).not.toHaveBeenCalled();
  });

  it('has called the loader, for which close waits, when a listener of the miss closes the cache', async () => {
    const cache = new ResponseCache<string>();
    const events = recorded(cache);
    const { load, loads } = manualLoader<string>();
    const order: string[] = [];
    cache.once('cacheMiss', () => {
      order.push(`${loads.length} loads`);
      void cache.close().then(() => order.push('closed'));
    });
    const caller = cache.getOrSet('a', load).then((value) => order.push(value));
    await vi.advanceTimersByTimeAsync(100);
    loads[0]!.resolve('A');
    await caller;
    await cache.close();
    expect(order).toEqual(['1 loads', 'A', 'closed']);
    expect(events.map(([name]) => name)).toEqual(['cacheMiss']);
  });

  it('keeps one listener on a signal that many callers share', async () => {
    const cache = new ResponseCache<string>();
    const abort = new AbortController();
    const { load, loads } = manualLoader<string>();
    const callers = Promise.allSettled(
      ['a', 'a', 'b'].map((key) => cache.getOrSet(key, load, { signal: abort.signal })),
    );
    expect(getEventListeners(abort.signal, 'abort').length).toBe(1);
    abort.abort('enough');
    expect(await callers).toEqual(Array.from({ length: 3 }, () => ({ status: 'rejected', reason: 'enough' })));
    expect(loads.map(({ signal }) => signal.aborted)).toEqual([true, true]);
    expect(cache.getMetrics().pending).toBe(0);
  });

  it("runs a shared loader in the first caller's async context", async () => {
    const cache = new ResponseCache<string | undefined>();
    const context = new AsyncLocalStorage<string>();
    const load = async (): Promise<string | undefined> => {
      await Promise.resolve();
      return context.getStore();
    };
    const callers = ['first', 'second'].map((name) => context.run(name, () => cache.getOrSet('a', load)));
    expect(await Promise.all(callers)).toEqual(['first', 'first']);
  });
});

describe('ResponseCache fence', () => {
  const fences: [name: string, fence: (cache: ResponseCache<string>) => Promise<unknown>][] = [
    ['invalidate', (cache) => cache.invalidate('a')],
    ['invalidateTag', (cache) => cache.invalidateTag('tag')],
    ['invalidatePattern', (cache) => cache.invalidatePattern('?')],
    ['invalidatePattern with a RegExp', (cache) => cache.invalidatePattern(/a/)],
    ['clear', (cache) => cache.clear()],
  ];

  it.each(fences)('%s keeps the result of a running load out, but not from its callers', async (_name, fence) => {
    const cache = new ResponseCache<string>();
    const { load, loads } = manualLoader<string>();
    const early = cache.getOrSet('a', load, { tags: ['tag'] });
    await fence(cache);
    const late = cache.getOrSet('a', load, { tags: ['tag'] });
    expect(loads.length).toBe(2);
    loads[1]!.resolve('new');
    expect(await late).toBe('new');
    loads[0]!.resolve('old');
    expect(await early).toBe('old');
    expect(await cache.get('a')).toBe('new');
  });

  it('holds when the fenced load ends first', async () => {
    const cache = new ResponseCache<string>();
    const { load, loads } = manualLoader<string>();
    const early = cache.getOrSet('a', load);
    await cache.invalidate('a');
    loads[0]!.resolve('old');
    expect(await early).toBe('old');
    expect(await cache.get('a')).toBeUndefined();
  });

  it('set keeps its value when a load that began before ends after', async () => {
    const cache = new ResponseCache<string>();
    const { load, loads } = manualLoader<string>();
    const early = cache.getOrSet('a', load);
    await cache.set('a', 'set');
    expect(await cache.getOrSet('a', load)).toBe('set');
    loads[0]!.resolve('old');
    expect([await early, await cache.get('a')]).toEqual(['old', 'set']);
  });

  it('leaves loads of other keys and tags alone', async () => {
    const cache = new ResponseCache<string>();
    const { load, loads } = manualLoader<string>();
    const caller = cache.getOrSet('a', load, { tags: ['tag'] });
    await cache.invalidate('b');
    await cache.invalidateTag('other');
    await cache.invalidatePattern('b*');
    await cache.set('b', 'B');
    loads[0]!.resolve('A');
    expect([await caller, await cache.get('a')]).toEqual(['A', 'A']);
  });

  it('holds for a tag that only a later caller of the load named, and stores it', async () => {
    const cache = new ResponseCache<string>();
    const { load, loads } = manualLoader<string>();
    const callers = [cache.getOrSet('a', load, { tags: ['one'] }), cache.getOrSet('a', load, { tags: ['two'] })];
    await cache.invalidateTag('two');
    const again = [cache.getOrSet('a', load, { tags: ['one'] }), cache.getOrSet('a', load, { tags: ['two'] })];
    for (const { resolve } of loads) resolve('A');
    await Promise.all([...callers, ...again]);
    expect(loads.length).toBe(2);
    expect(await cache.invalidateTag('two')).toBe(1);
  });

  it('holds for a tag that is first named after its invalidation', async () => {
    const cache = new ResponseCache<string>();
    const { load, loads } = manualLoader<string>();
    const early = cache.getOrSet('a', load, { tags: ['one'] });
    await cache.invalidateTag('two');
    const late = cache.getOrSet('a', load, { tags: ['one', 'two'] });
    const same = cache.getOrSet('a', load, { tags: ['two'] });
    loads[0]!.resolve('old');
    expect([await early, await cache.get('a')]).toEqual(['old', undefined]);
    loads[1]!.resolve('new');
    expect([await late, await same, await cache.get('a'), loads.length]).toEqual(['new', 'new', 'new', 2]);
  });

  it('lets a hit add no tag to an entry', async () => {
    const cache = new ResponseCache<string>();
    await cache.getOrSet('a', () => 'A', { tags: ['own'] });
    await cache.getOrSet('a', () => 'never', { tags: ['other'] });
    expect([await cache.invalidateTag('other'), await cache.get('a')]).toEqual([0, 'A']);
  });

  it('lets callers with the tags that it has join after an invalidation of another tag', async () => {
    const cache = new ResponseCache<string>();
    const { load, loads } = manualLoader<string>();
    const callers = [cache.getOrSet('a', load, { tags: ['one', 'two'] })];
    await cache.invalidateTag('other');
    callers.push(cache.getOrSet('a', load, { tags: ['two'] }), cache.getOrSet('a', load));
    loads[0]!.resolve('A');
    expect([await Promise.all(callers), loads.length, await cache.get('a')]).toEqual([['A', 'A', 'A'], 1, 'A']);
  });

  it('holds when sizeOf itself invalidates', async () => {
    const cache: ResponseCache<string> = new ResponseCache<string>({
      sizeOf: () => {
        void cache.invalidate('a');
        return 1;
      },
    });
    expect(await cache.getOrSet('a', () => 'A')).toBe('A');
    expect(await cache.get('a')).toBeUndefined();
  });

  it('stores the tags of a caller that joins while the ttl is asked for', async () => {
    const cache = new ResponseCache<string>();
    const joined: Promise<string>[] = [];
    const ttl = (): number => {
      joined.push(cache.getOrSet('a', () => 'B', { tags: ['late'] }));
      return 1000;
    };
    expect(await cache.getOrSet('a', () => 'A', { ttl })).toBe('A');
    expect([await joined[0], await cache.invalidateTag('late')]).toEqual(['A', 1]);
  });

  it('holds when the ttl function itself invalidates', async () => {
    const cache = new ResponseCache<string>();
    const ttl = (): number => {
      void cache.invalidate('a');
      return 1000;
    };
    expect(await cache.getOrSet('a', () => 'A', { ttl })).toBe('A');
    expect(await cache.get('a')).toBeUndefined();
  });

  it('does not ask for the ttl of a load that it keeps out', async () => {
    const cache = new ResponseCache<string>();
    const { load, loads } = manualLoader<string>();
    const ttl = vi.fn(() => 1000);
    const caller = cache.getOrSet('a', load, { ttl });
    await cache.invalidate('a');
    loads[0]!.resolve('A');
    await caller;
    expect(ttl).not.toHaveBeenCalled();
  });

  it('a fenced load still aborts with its last caller', async () => {
    const cache = new ResponseCache<string>();
    const { load, loads } = manualLoader<string>();
    const abort = new AbortController();
    const caller = cache.getOrSet('a', load, { signal: abort.signal });
    await cache.invalidate('a');
    abort.abort('enough');
    await expect(caller).rejects.toBe('enough');
    expect(loads[0]!.signal.aborted).toBe(true);
  });
});

describe('ResponseCache invalidation', () => {
  async function filled(config?: CacheConfig<number>): Promise<ResponseCache<number>> {
    const cache = new ResponseCache<number>(config);
    await cache.set('user:1', 1, { tags: ['users', 'one'] });
    await cache.set('user:2', 2, { tags: ['users'] });
    await cache.set('item:1', 3, { tags: ['one'] });
    return cache;
  }
  const left = async (cache: ResponseCache<number>): Promise<string[]> => {
    const keys = ['user:1', 'user:2', 'item:1'];
    const values = await Promise.all(keys.map((key) => cache.get(key)));
    return keys.filter((_key, i) => values[i] !== undefined);
  };

  it('invalidate tells whether there was an entry', async () => {
    const cache = await filled();
    expect([await cache.invalidate('user:1'), await cache.invalidate('user:1')]).toEqual([true, false]);
    expect(await left(cache)).toEqual(['user:2', 'item:1']);
  });

  it('invalidateTag removes what carries the tag and counts it', async () => {
    const cache = await filled();
    expect([await cache.invalidateTag('one'), await cache.invalidateTag('users')]).toEqual([2, 1]);
    expect(await left(cache)).toEqual([]);
    expect(cache.getMetrics().invalidations).toBe(3);
  });

  it('invalidatePattern takes a string as a glob on the whole key', async () => {
    const cache = await filled();
    expect([await cache.invalidatePattern('user'), await cache.invalidatePattern('user:?')]).toEqual([0, 2]);
    expect(await left(cache)).toEqual(['item:1']);
  });

  it.each([/^user:/, /^user:/g, /user:/y, /^user:/gy])('invalidatePattern applies %s to every key', async (pattern) => {
    const cache = await filled();
    pattern.lastIndex = 3;
    expect(await cache.invalidatePattern(pattern)).toBe(2);
    expect([await left(cache), pattern.lastIndex]).toEqual([['item:1'], 3]);
  });

  it('invalidatePattern takes a sticky RegExp as fixed to the start of the key', async () => {
    const cache = await filled();
    expect(await cache.invalidatePattern(/1/y)).toBe(0);
  });

  it('invalidatePattern warns once per cache of a string that looks like a regular expression', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    try {
      const cache = await filled();
      await cache.invalidatePattern('user:*');
      expect(warn).not.toHaveBeenCalled();
      expect(await cache.invalidatePattern('^user:.*$')).toBe(0);
      await cache.invalidatePattern('a|b');
      expect(warn).toHaveBeenCalledOnce();
      expect(warn.mock.calls[0]![0]).toContain('pass a RegExp');
    } finally {
      warn.mockRestore();
    }
  });

  it('clear removes everything and says how much it was', async () => {
    const cache = await filled();
    const events = recorded(cache);
    await cache.clear();
    expect(events).toEqual([['cacheCleared', { size: 3 }]]);
    expect(await left(cache)).toEqual([]);
    expect(await cache.invalidateTag('users')).toBe(0);
  });
});

describe('ResponseCache cleanup', () => {
  it('lets go of what is over by a timer that runs only while something is to end, and not after close', async () => {
    const cache = new ResponseCache<string>({ cleanupInterval: 10, errorTTL: 50, staleIfError: 100 });
    expect(vi.getTimerCount()).toBe(0);
    await cache.set('a', 'A', 100);
    await cache.getOrSet('b', () => Promise.reject(new Error('loader of a test'))).catch(() => {});
    expect(cache.getMetrics().size).toBe(2);
    vi.advanceTimersByTime(70);
    expect(cache.getMetrics().size).toBe(1);
    vi.advanceTimersByTime(150);
    expect(cache.getMetrics()).toMatchObject({ size: 0, expirations: 2 });
    expect(vi.getTimerCount()).toBe(0);
    await cache.set('c', 'C', 100);
    await cache.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('ResponseCache events', () => {
  it('tell of each change with one frozen object, after it', async () => {
    const cache = new ResponseCache<string>({ maxSize: 2, policy: 'lru' });
    const events = recorded(cache);
    const sizes: number[] = [];
    cache.on('cacheEviction', () => sizes.push(cache.getMetrics().size));
    await cache.set('a', 'A', { ttl: 5, tags: ['t'] });
    await cache.get('a');
    await cache.get('b');
    await cache.getOrSet('b', () => 'B', { tags: ['t'] });
    await cache.getOrSet('b', () => 'B');
    await cache.set('c', 'C');
    await cache.set('d', 'D', 5);
    vi.advanceTimersByTime(5);
    await cache.get('d');
    await cache.invalidate('c');
    await cache.invalidate('c');
    expect(events).toEqual([
      ['cacheSet', { key: 'a', ttl: 5, tags: ['t'] }],
      ['cacheHit', { key: 'a', stale: false }],
      ['cacheMiss', { key: 'b' }],
      ['cacheMiss', { key: 'b' }],
      ['cacheSet', { key: 'b', ttl: Infinity, tags: ['t'] }],
      ['cacheHit', { key: 'b', stale: false }],
      ['cacheEviction', { key: 'a', reason: 'evicted' }],
      ['cacheSet', { key: 'c', ttl: Infinity, tags: [] }],
      ['cacheEviction', { key: 'b', reason: 'evicted' }],
      ['cacheSet', { key: 'd', ttl: 5, tags: [] }],
      ['cacheEviction', { key: 'd', reason: 'expired' }],
      ['cacheMiss', { key: 'd' }],
      ['cacheInvalidated', { key: 'c' }],
    ]);
    expect(events.every(([, event]) => Object.isFrozen(event))).toBe(true);
    expect(sizes).toEqual([2, 2, 1]);
  });

  it('give no listener tags that it could change for the cache', async () => {
    const cache = new ResponseCache<string>();
    const tags = ['t'];
    const seen: (readonly string[])[] = [];
    cache.on('cacheSet', (event) => seen.push(event.tags));
    await cache.set('a', 'A', { tags });
    await cache.set('b', 'B');
    await cache.getOrSet('c', () => 'C', { tags });
    expect(seen.map((each) => [Object.isFrozen(each), each === tags])).toEqual([
      [true, false],
      [true, false],
      [true, false],
    ]);
  });
});

describe('ResponseCache.getMetrics', () => {
  it('counts reads, loads and what is pending', async () => {
    const cache = new ResponseCache<string>({ maxSize: 5, maxBytes: 50 });
    const { load, loads } = manualLoader<string>();
    const callers = [cache.getOrSet('a', load), cache.getOrSet('a', load)];
    await cache.invalidate('a');
    expect(cache.getMetrics()).toMatchObject({ pending: 1, misses: 1, coalesced: 1, loads: 1, invalidations: 0 });
    loads[0]!.resolve('A');
    await Promise.all(callers);
    await cache.set('b', '1234');
    await cache.get('b');
    const metrics = cache.getMetrics();
    expect(metrics).toEqual({
      size: 1,
      maxSize: 5,
      hits: 1,
      misses: 1,
      evictions: 0,
      expirations: 0,
      hitRate: 50,
      totalSize: 4,
      averageSize: 4,
      stale: 0,
      coalesced: 1,
      loads: 1,
      refreshes: 0,
      notModified: 0,
      loadErrors: 0,
      loadTimeouts: 0,
      fenced: 1,
      storeErrors: 0,
      invalidations: 0,
      secondsSaved: 0,
      pending: 0,
      storeHits: 0,
      storeAvailable: 1,
      storeTimeouts: 0,
      storeFailures: 0,
      queuedInvalidations: 0,
      busHealthy: 1,
      busSuspicions: 0,
      audits: 0,
      outdated: 0,
      stalenessRate: 0,
    });
    expect(Object.isFrozen(metrics)).toBe(true);
    expect(new Set(Object.keys(cache.metricKinds))).toEqual(new Set(Object.keys(metrics)));
  });

  it('tells what the hit rate would be with more and with less room', async () => {
    const cache = new ResponseCache<number>({ maxSize: 100, policy: 'lru' });
    expect(cache.getMetrics().hitRateAtDouble).toBeUndefined();
    // A loop of 150 keys: too long for 100 entries, and for 50, but not for 200.
    for (let i = 0; i < 20_000; i++) await cache.getOrSet(`key ${i % 150}`, () => i);
    const { hitRate, hitRateAtHalf, hitRateAtDouble, hitRateAtQuadruple } = cache.getMetrics();
    expect([hitRate, hitRateAtHalf]).toEqual([0, 0]);
    expect(hitRateAtDouble).toBeGreaterThan(95);
    expect(hitRateAtQuadruple).toBeGreaterThan(95);
  });

  it('counts nothing and measures nothing when metricsEnabled is false', async () => {
    const cache = new ResponseCache<string>({ metricsEnabled: false });
    const measured = vi.fn<(name: string, value: number) => void>();
    cache.onMeasure(measured);
    await cache.getOrSet('a', () => 'A');
    await cache.getOrSet('a', () => 'A');
    await cache.getOrSet('b', () => Promise.reject(new Error('loader of a test'))).catch(() => {});
    await cache.getOrSet('c', () => 'C', { ttl: (() => undefined) as unknown as () => number });
    await cache.invalidate('a');
    const { size, maxSize, storeAvailable, busHealthy, ...counts } = cache.getMetrics();
    expect([size, maxSize, storeAvailable, busHealthy]).toEqual([0, 1000, 1, 1]);
    expect(Object.values(counts).every((count) => count === 0 || count === undefined)).toBe(true);
    expect(measured).not.toHaveBeenCalled();
  });
});

describe('ResponseCache.onMeasure', () => {
  it('hears how long each load took, failed or not, until it is removed', async () => {
    const cache = new ResponseCache<string>();
    const measured: [string, number][] = [];
    const stop = cache.onMeasure((name, value) => measured.push([name, value]));
    const { load, loads } = manualLoader<string>();
    const first = cache.getOrSet('a', load);
    vi.advanceTimersByTime(30);
    loads[0]!.resolve('A');
    await first;
    const second = cache.getOrSet('b', load);
    vi.advanceTimersByTime(5);
    loads[1]!.reject('no');
    await expect(second).rejects.toBe('no');
    stop();
    await cache.getOrSet('c', () => 'C');
    expect(measured).toEqual([
      ['load', 30],
      ['load', 5],
    ]);
  });

  it('lets a listener load the same key again', async () => {
    const cache = new ResponseCache<string>();
    const again: Promise<string>[] = [];
    cache.onMeasure(() => {
      if (again.length === 0) again.push(cache.getOrSet('a', () => 'again', { ttl: 0 }));
    });
    expect(await cache.getOrSet('a', () => 'A', { ttl: 0 })).toBe('A');
    expect(await again[0]).toBe('again');
  });
});

describe('ResponseCache.close', () => {
  it('waits for running loads, whose callers settle first', async () => {
    const cache = new ResponseCache<string>();
    const { load, loads } = manualLoader<string>();
    const order: string[] = [];
    const callers = [cache.getOrSet('a', load), cache.getOrSet('a', load)].map((caller, i) =>
      caller.then((value) => order.push(`${value} ${i}`)),
    );
    const closed = cache.close().then(() => order.push('closed'));
    await vi.advanceTimersByTimeAsync(1000);
    expect(order).toEqual([]);
    loads[0]!.resolve('A');
    await Promise.all([...callers, closed]);
    expect(order).toEqual(['A 0', 'A 1', 'closed']);
    expect(cache.getMetrics()).toMatchObject({ size: 0, pending: 0 });
  });

  it('waits no longer for a load when its last caller aborts', async () => {
    const cache = new ResponseCache<string>();
    const abort = new AbortController();
    const caller = cache.getOrSet('a', manualLoader<string>().load, { signal: abort.signal });
    const closed = cache.close();
    abort.abort('enough');
    await expect(caller).rejects.toBe('enough');
    await closed;
  });

  it('gives the same promise each time, and works as an async disposable', async () => {
    const cache = new ResponseCache<string>();
    expect(cache.close()).toBe(cache.close());
    expect(cache[Symbol.asyncDispose]()).toBe(cache.close());
    await cache.close();
  });

  it('drops what was held, and emits nothing', async () => {
    const cache = new ResponseCache<string>({ maxBytes: 10 });
    const events = recorded(cache);
    await cache.set('a', 'A', { ttl: 5 });
    events.length = 0;
    vi.advanceTimersByTime(5);
    await cache.close();
    expect(cache.getMetrics()).toMatchObject({ size: 0, totalSize: 0 });
    expect(events).toEqual([]);
  });
});
