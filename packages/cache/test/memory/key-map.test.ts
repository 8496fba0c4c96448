import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { KeyMap, LONGEST_HASHED } from '../../src/memory/key-map.ts';
import { MemoryCache, ResponseCache } from '../../src/index.ts';

/** Keys of one length that differ at their end, each a string of its own. */
const longKeys = (count: number, length: number): string[] =>
  Array.from({ length: count }, (_, i) => 'k'.repeat(length - 6) + String(i).padStart(6, '0'));

describe('KeyMap', () => {
  it.each([8, LONGEST_HASHED, LONGEST_HASHED + 1, 2 ** 20])('does what a Map does with keys of %d units', (length) => {
    const keys = ['\ud800', '\udfff', 'a', 'b'].map((end) => end.padStart(length, '\ud800'));
    const map = new KeyMap<number>();
    for (const [index, key] of keys.entries()) {
      expect(map.get(key)).toBeUndefined();
      map.set(key, index);
      map.set(key, index + 1);
    }
    expect(keys.map((key) => map.get(key))).toEqual([1, 2, 3, 4]);
    map.delete(keys[1]!);
    map.delete(keys[1]!);
    expect(keys.map((key) => map.get(key))).toEqual([1, undefined, 3, 4]);
    map.set(keys[1]!, 5);
    expect(map.get(keys[1]!)).toBe(5);
  });

  it('takes no digest of a key for that key', () => {
    const map = new KeyMap<number>();
    const [key] = longKeys(1, 20_000);
    map.set(key!, 1);
    const digest = createHash('sha256').update(Buffer.from(key!, 'utf16le')).digest('base64');
    expect([map.get(digest), map.get(key!)]).toEqual([undefined, 1]);
  });
});

/** Where each key is compared with all others it takes ten times as long, on any machine. */
const ENOUGH = 3_000;

describe('long keys of one length, for which V8 has one hash,', () => {
  const keys = longKeys(4_000, 20_000);

  it('hold up no MemoryCache', () => {
    const cache = new MemoryCache<number>({ maxSize: 2_000 });
    const started = performance.now();
    for (const [index, key] of keys.entries()) cache.set(key, index);
    expect(keys.filter((key) => cache.has(key))).toHaveLength(2_000);
    for (const key of keys) cache.delete(key);
    expect(performance.now() - started).toBeLessThan(ENOUGH);
    expect(cache.size).toBe(0);
  });

  it('hold up no ResponseCache, and get each their own value', async () => {
    const cache = new ResponseCache<string>({ maxSize: 10_000 });
    const started = performance.now();
    const ends = await Promise.all(keys.map((key) => cache.getOrSet(key, async () => key.slice(-6))));
    expect(performance.now() - started).toBeLessThan(ENOUGH);
    expect(ends).toEqual(keys.map((key) => key.slice(-6)));
    expect(await cache.get(keys[7]!)).toBe('000007');
    expect(cache.explain(keys[8]!).state).toBe('fresh');
  });
});
