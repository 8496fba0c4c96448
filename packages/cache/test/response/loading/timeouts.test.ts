import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ResponseCache } from '../../../src/index.ts';
import { manualLoader, settled } from '../harness.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('ResponseCache.getOrSet with softTimeout', () => {
  it('gives what is stale after so long, and stores what the load still brings', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 10, staleIfError: 1000, softTimeout: 50 });
    const { load, loads } = manualLoader<string>();
    await cache.set('a', 'old');
    vi.advanceTimersByTime(10);
    const caller = cache.getOrSet('a', load);
    const patient = cache.getOrSet('a', load, { softTimeout: Infinity });
    const seen: string[] = [];
    void caller.then((value) => seen.push(value));
    await vi.advanceTimersByTimeAsync(49);
    expect(seen).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(seen).toEqual(['old']);
    loads[0]!.resolve('new');
    expect([await patient, await cache.get('a'), loads[0]!.signal.aborted]).toEqual(['new', 'new', false]);
    expect(cache.getMetrics()).toMatchObject({ stale: 1, misses: 1, coalesced: 1, hitRate: 50 });
  });

  it('waits on where nothing may serve', async () => {
    const cache = new ResponseCache<string>({ softTimeout: 50 });
    const { load, loads } = manualLoader<string>();
    const caller = cache.getOrSet('a', load);
    await vi.advanceTimersByTimeAsync(1000);
    loads[0]!.resolve('A');
    expect(await caller).toBe('A');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves no timer when the load is faster, or the caller aborts', async () => {
    const cache = new ResponseCache<string>({ softTimeout: 50, hardTimeout: 100 });
    await cache.getOrSet('a', () => 'A');
    const abort = new AbortController();
    const caller = cache.getOrSet('b', manualLoader<string>().load, { signal: abort.signal });
    expect(vi.getTimerCount()).toBe(1);
    abort.abort('enough');
    await expect(caller).rejects.toBe('enough');
    await settled();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('rejects, and throws nowhere else, when what is stale cannot be decoded', async () => {
    const error = new Error('codec of a test');
    const codec = {
      encode: (value: string) => Buffer.from(value),
      decode: () => {
        throw error;
      },
    };
    const config = { defaultTTL: 10, staleIfError: 1000, softTimeout: 50, values: 'bytes', codec } as const;
    const cache = new ResponseCache<string>(config);
    await cache.set('a', 'old');
    await expect(cache.get('a')).rejects.toBe(error);
    vi.advanceTimersByTime(10);
    const { load, loads } = manualLoader<string>();
    const caller = cache.getOrSet('a', load);
    await vi.advanceTimersByTimeAsync(50);
    loads[0]!.resolve('new');
    await expect(caller).rejects.toBe(error);
  });
});

describe('ResponseCache.getOrSet with hardTimeout', () => {
  it('rejects every caller after so long, aborts the load and drops what it still brings', async () => {
    const cache = new ResponseCache<string>({ hardTimeout: 50 });
    const measured: [string, number][] = [];
    cache.onMeasure((name, value) => measured.push([name, value]));
    const { load, loads } = manualLoader<string>();
    const callers = Promise.allSettled([cache.getOrSet('a', load), cache.getOrSet('a', load)]);
    await vi.advanceTimersByTimeAsync(50);
    const reason = expect.objectContaining({ code: 'CACHE_LOAD_TIMEOUT' }) as Error;
    expect(await callers).toEqual(Array.from({ length: 2 }, () => ({ status: 'rejected', reason })));
    expect(loads[0]!.signal.reason).toMatchObject({ code: 'CACHE_LOAD_TIMEOUT' });
    expect(cache.getMetrics()).toMatchObject({ loadTimeouts: 1, loadErrors: 1, pending: 0 });
    expect(measured).toEqual([['load', 50]]);
    loads[0]!.resolve('late');
    await settled();
    expect([await cache.get('a'), vi.getTimerCount()]).toEqual([undefined, 0]);
  });

  it('falls back to what is stale, and keeps the failure for errorTTL', async () => {
    const cache = new ResponseCache<string>({ defaultTTL: 10, staleIfError: 1000, errorTTL: 100, hardTimeout: 50 });
    const { load, loads } = manualLoader<string>();
    await cache.set('a', 'old');
    vi.advanceTimersByTime(10);
    const caller = cache.getOrSet('a', load);
    await vi.advanceTimersByTimeAsync(50);
    expect([await caller, await cache.getOrSet('a', load), loads.length]).toEqual(['old', 'old', 1]);
  });

  it("is the first caller's, and lets close end though the load never does", async () => {
    const cache = new ResponseCache<string>();
    const { load } = manualLoader<string>();
    const callers = Promise.allSettled([cache.getOrSet('a', load, { hardTimeout: 50 }), cache.getOrSet('a', load)]);
    const closed = cache.close();
    await vi.advanceTimersByTimeAsync(50);
    await closed;
    expect((await callers).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it('counts from when the loader was called on a clock of its own', async () => {
    let now = 0;
    const cache = new ResponseCache<string>({ hardTimeout: 50, clock: { now: () => now } });
    const caller = cache.getOrSet('a', manualLoader<string>().load).catch((reason: unknown) => reason);
    await vi.advanceTimersByTimeAsync(200);
    expect(cache.getMetrics().loadTimeouts).toBe(0);
    now = 50;
    await vi.advanceTimersByTimeAsync(50);
    expect(await caller).toMatchObject({ code: 'CACHE_LOAD_TIMEOUT' });
  });
});
