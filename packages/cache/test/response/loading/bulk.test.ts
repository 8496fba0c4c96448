import { describe, expect, it, vi } from 'vitest';
import { ResponseCache, type BulkLoader } from '../../../src/index.ts';
import { settled } from '../harness.ts';

const upper = (keys: readonly string[]): string[] => keys.map((key) => key.toUpperCase());

describe('ResponseCache.getMany', () => {
  it('gives values and misses in the order of the keys', async () => {
    const cache = new ResponseCache<string>();
    await cache.set('b', 'B');
    expect(await cache.getMany(['a', 'b', 'b'])).toEqual([undefined, 'B', 'B']);
    expect(await cache.getMany([])).toEqual([]);
  });

  it.each<[form: string, load: BulkLoader<string>]>([
    ['an array', upper],
    ['a Map', async (keys) => new Map(keys.toReversed().map((key) => [key, key.toUpperCase()]))],
  ])('loads the missing keys alone, each once, in one call that returns %s', async (_form, load) => {
    const cache = new ResponseCache<string>();
    const loader = vi.fn(load);
    await cache.set('b', 'old B');
    expect(await cache.getMany(['a', 'b', 'c', 'a'], loader, { tags: ['t'] })).toEqual(['A', 'old B', 'C', 'A']);
    expect(loader.mock.calls.map(([keys]) => keys)).toEqual([['a', 'c']]);
    expect([await cache.get('a'), await cache.invalidateTag('t')]).toEqual(['A', 2]);
  });

  it('waits for the loads of single keys that run, and they for its', async () => {
    const cache = new ResponseCache<string>();
    const single = cache.getOrSet('a', async () => 'single A');
    const loader = vi.fn(upper);
    const many = cache.getMany(['a', 'b'], loader);
    const joined = cache.getOrSet('b', () => 'never');
    expect([await single, await many, await joined]).toEqual(['single A', ['single A', 'B'], 'B']);
    expect(loader.mock.calls[0]![0]).toEqual(['b']);
  });

  it('stores what no invalidation came into, key by key', async () => {
    const cache = new ResponseCache<string>();
    const values = await cache.getMany(['a', 'b'], async (keys) => {
      await cache.invalidate('a');
      return upper(keys);
    });
    expect([values, await cache.getMany(['a', 'b'])]).toEqual([
      ['A', 'B'],
      [undefined, 'B'],
    ]);
  });

  it('rejects for the keys that its loader leaves out, and stores the others', async () => {
    const cache = new ResponseCache<string>();
    const partial = async (): Promise<Map<string, string>> => new Map([['a', 'A']]);
    await expect(cache.getMany(['a', 'b'], partial)).rejects.toThrow(/Cannot load "b": the Map .* has no such key/);
    await settled();
    expect(await cache.getMany(['a', 'b'])).toEqual(['A', undefined]);
  });

  it.each<[what: string, values: unknown, got: RegExp]>([
    [
      'too few values, which may be those of other keys',
      ['A', 'C'],
      /for each, in their order, or a Map, got 2 values/,
    ],
    ['too many values', ['A', 'B', 'C', 'D'], /got 4 values/],
    ['a string', 'ABC', /got string/],
    ['nothing', undefined, /got undefined/],
  ])('rejects for every key and stores nothing when its loader returns %s', async (_what, values, got) => {
    const cache = new ResponseCache<string>();
    await expect(cache.getMany(['a', 'b', 'c'], () => values as string[])).rejects.toThrow(got);
    await settled();
    expect(await cache.getMany(['a', 'b', 'c'])).toEqual([undefined, undefined, undefined]);
  });

  it('aborts its call when every key has been given up, and no sooner', async () => {
    const cache = new ResponseCache<string>();
    const abort = new AbortController();
    let signal: AbortSignal | undefined;
    const never: BulkLoader<string> = (_keys, context) => {
      signal = context.signal;
      return new Promise(() => {});
    };
    const leaver = cache.getMany(['a', 'b'], never, { signal: abort.signal });
    const stayer = new AbortController();
    const joined = cache.getOrSet('b', () => 'never', { signal: stayer.signal });
    await settled();
    abort.abort('enough');
    await expect(leaver).rejects.toBe('enough');
    expect(signal!.aborted).toBe(false);
    stayer.abort('enough too');
    await expect(joined).rejects.toBe('enough too');
    expect([signal!.reason, cache.getMetrics().pending]).toEqual(['enough too', 0]);
  });

  it('does not call its loader for keys that were given up before', async () => {
    const cache = new ResponseCache<string>();
    const abort = new AbortController();
    const loader = vi.fn(upper);
    const leaver = cache.getMany(['a', 'b'], loader, { signal: abort.signal });
    const stayer = cache.getOrSet('b', () => 'never');
    abort.abort('enough');
    await expect(leaver).rejects.toBe('enough');
    expect([await stayer, loader.mock.calls[0]![0]]).toEqual(['B', ['b']]);
    abort.abort();
  });

  it('throws at once for keys that are no array of strings', () => {
    const cache = new ResponseCache<string>();
    for (const keys of ['a', [1], null]) {
      expect(() => cache.getMany(keys as unknown as string[], upper)).toThrow(/keys must be an array of keys/);
    }
  });
});
