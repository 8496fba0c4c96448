import { execFile } from 'node:child_process';
import { AsyncLocalStorage } from 'node:async_hooks';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryCache } from '../../src/memory/memory-cache.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('MemoryCache in the background', () => {
  it('removes what nobody asks for, at most a cleanupInterval after its ttl', () => {
    const gone: string[] = [];
    const cache = new MemoryCache<number>({
      cleanupInterval: 100,
      onRemoval: (key, _value, reason) => gone.push(`${key} ${reason}`),
    });
    cache.set('a', 1, { ttl: 250 });
    cache.set('b', 1, { ttl: 30_000 });
    cache.set('c', 1);
    vi.advanceTimersByTime(249);
    expect(cache.size).toBe(3);
    vi.advanceTimersByTime(101);
    expect([cache.size, gone]).toEqual([2, ['a expired']]);
    vi.advanceTimersByTime(29_750);
    expect([cache.size, gone, cache.getMetrics().expirations]).toEqual([1, ['a expired', 'b expired'], 2]);
  });

  it('has one timer while something is to expire, woken when that is, and none otherwise', () => {
    const cache = new MemoryCache<number>();
    cache.set('never', 1);
    expect(vi.getTimerCount()).toBe(0);
    for (let i = 0; i < 100; i++) cache.set(`key ${i}`, i, { ttl: 3_600_000 + i });
    expect(vi.getTimerCount()).toBe(1);
    let wakes = 0;
    while (vi.getTimerCount() > 0) {
      vi.advanceTimersToNextTimer();
      wakes++;
    }
    expect([cache.size, wakes <= 2]).toEqual([1, true]);
  });

  it('has no timer after clear', () => {
    const cache = new MemoryCache<number>({ defaultTTL: 1000 });
    cache.set('a', 1);
    cache.clear();
    expect(vi.getTimerCount()).toBe(0);
    cache.set('a', 1);
    vi.advanceTimersByTime(2000);
    expect([cache.size, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it.each([0, Infinity])('has no timer when cleanupInterval is %d, and still serves nothing expired', (interval) => {
    const cache = new MemoryCache<number>({ cleanupInterval: interval, defaultTTL: 10 });
    cache.set('a', 1);
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(10);
    expect([cache.size, cache.get('a'), cache.size]).toEqual([1, undefined, 0]);
  });

  it('lets an entry live on while it is used within its idle time, and within its ttl alone', () => {
    const cache = new MemoryCache<number>({ idleTTL: 1000, cleanupInterval: 10 });
    cache.set('used', 1);
    cache.set('left', 1);
    cache.set('short', 1, { ttl: 2500 });
    cache.set('own', 1, { idleTTL: 5000 });
    for (let time = 0; time < 3000; time += 500) {
      vi.advanceTimersByTime(500);
      cache.get('used');
      cache.get('short');
    }
    expect([...cache.entries()].map(({ key }) => key)).toEqual(['used', 'own']);
    expect(cache.size).toBe(2);
    vi.advanceTimersByTime(990);
    expect(cache.has('used')).toBe(true);
    vi.advanceTimersByTime(2100);
    expect([cache.size, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it('does not take peek and has for a use', () => {
    const cache = new MemoryCache<number>({ idleTTL: 1000 });
    cache.set('a', 1);
    vi.advanceTimersByTime(600);
    cache.peek('a');
    cache.has('a');
    vi.advanceTimersByTime(600);
    expect(cache.get('a')).toBeUndefined();
  });

  it('removes many that expire at once in slices', () => {
    const cache = new MemoryCache<number>({ maxSize: 20_000, policy: 'lru', defaultTTL: 500 });
    for (let i = 0; i < 20_000; i++) cache.set(`key ${i}`, i);
    const sizes: number[] = [];
    while (vi.getTimerCount() > 0) {
      vi.advanceTimersToNextTimer();
      sizes.push(cache.size);
    }
    const steps = sizes.map((size, index) => (index === 0 ? 20_000 : sizes[index - 1]!) - size);
    expect([sizes.at(-1), Math.max(...steps) <= 4096]).toEqual([0, true]);
  });

  it('withdraws a large tag at once and removes its entries in slices', () => {
    const gone: string[] = [];
    const cache = new MemoryCache<number>({
      maxSize: 30_000,
      policy: 'lru',
      onRemoval: (key, _value, reason) => gone.push(`${key} ${reason}`),
    });
    for (let i = 0; i < 20_000; i++) cache.set(`key ${i}`, i, { tags: ['all'] });
    cache.set('other', 1, { tags: ['other'] });
    expect(cache.deleteTag('all')).toBe(20_000);
    expect([cache.size > 10_000, gone.length]).toEqual([true, 20_001 - cache.size]);
    expect(cache.deleteTag('all')).toBe(0);
    expect([cache.get('key 0'), cache.has('key 1'), cache.peek('key 2'), cache.delete('key 3')]).toEqual([
      undefined,
      false,
      undefined,
      false,
    ]);
    expect([...cache.entries()].map(({ key }) => key)).toEqual(['other']);
    // Set anew, it is another entry.
    cache.set('key 4', 4, { tags: ['all'] });
    const sizes = [cache.size];
    while (vi.getTimerCount() > 0) {
      vi.advanceTimersToNextTimer();
      sizes.push(cache.size);
    }
    expect(Math.max(...sizes.slice(1).map((size, index) => sizes[index]! - size))).toBeLessThanOrEqual(4096);
    expect([cache.size, cache.get('key 4'), new Set(gone).size]).toEqual([2, 4, 20_000]);
    expect(gone.every((removal) => removal.endsWith(' deleted'))).toBe(true);
    expect([cache.deleteTag('all'), cache.size]).toEqual([1, 1]);
  });

  it('tells onRemoval outside of the async context of whoever set the entry', () => {
    const context = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const cache = new MemoryCache<number>({ onRemoval: () => seen.push(context.getStore()) });
    context.run('request', () => cache.set('a', 1, { ttl: 10 }));
    vi.advanceTimersByTime(2000);
    expect(seen).toEqual([undefined]);
  });
});

describe('MemoryCache in a process', () => {
  const run = async (fixture: string): Promise<string> => {
    const path = fileURLToPath(new URL(`../fixtures/${fixture}.ts`, import.meta.url));
    const flags = ['--conditions=@forge/source', '--expose-gc', path];
    const { stdout } = await promisify(execFile)(process.execPath, flags, { timeout: 20_000 });
    return stdout;
  };

  it('lets it exit while entries are to expire', async () => {
    vi.useRealTimers();
    expect(await run('memory-idle')).toBe('held\n');
  });

  it('is collected with what it holds when nobody refers to it, although its timer is armed', async () => {
    vi.useRealTimers();
    expect(await run('memory-abandoned')).toBe('collected\n');
  });
});
