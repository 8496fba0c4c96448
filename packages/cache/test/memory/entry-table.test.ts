import { describe, expect, it } from 'vitest';
import { ban, EntryTable } from '../../src/memory/entry-table.ts';
import { MemoryCache } from '../../src/memory/memory-cache.ts';
import { entryTerms, memorySettings, type RemovalReason } from '../../src/memory/memory-options.ts';

describe('EntryTable', () => {
  it('tells of the removals that are heard alone, and asks once for all that clear removes', () => {
    const told: string[] = [];
    const asked: RemovalReason[] = [];
    const settings = memorySettings<number>('create a table', {
      maxSize: 3,
      policy: 'lru',
      onRemoval: (key, value, reason) => told.push(`${key} ${value} ${reason}`),
    });
    const table = new EntryTable<number>(settings, (reason) => {
      asked.push(reason);
      return reason === 'evicted';
    });
    const keys = ['a', 'a', 'b', 'c', 'd'];
    keys.forEach((key, i) => table.set(key, i, entryTerms(settings, key, i, {})));
    table.delete('b');
    table.clear();
    expect(told).toEqual(['a 1 evicted']);
    expect(asked).toEqual(['replaced', 'evicted', 'deleted', 'deleted']);
  });
});

describe('ban', () => {
  it('withdraws what matches at once, removes it as it is walked, and spares what is set later', () => {
    const gone: string[] = [];
    const cache = new MemoryCache<number>({ onRemoval: (key, _value, reason) => gone.push(`${key} ${reason}`) });
    for (let i = 0; i < 10; i++) cache.set(`key ${i}`, i);
    const tested: string[] = [];
    const walk = ban(cache, (key) => tested.push(key) > 0 && key !== 'key 9');
    cache.set('key 3', 33);
    cache.set('late', 1);
    expect([cache.has('key 0'), cache.peek('key 1'), cache.get('key 2'), cache.get('key 3')]).toEqual([
      false,
      undefined,
      undefined,
      33,
    ]);
    expect([cache.size, gone]).toEqual([10, ['key 3 deleted', 'key 2 deleted']]);
    expect([walk.advance(5), walk.deleted, walk.advance(5), walk.deleted, walk.advance(5)]).toEqual([
      false,
      5,
      true,
      9,
      true,
    ]);
    expect([...cache.entries()].map(({ key }) => key).toSorted()).toEqual(['key 3', 'key 9', 'late']);
    // Each key that was there once, however often it was read.
    expect(tested.length).toBe(10);
    cache.set('key 0', 0);
    expect(cache.get('key 0')).toBe(0);
  });

  it('ends with deleteMatching when its test throws', () => {
    const cache = new MemoryCache<number>();
    for (const key of ['a', 'b', 'c']) cache.set(key, 1);
    const error = new Error('test of a test');
    const fails = (key: string): boolean => {
      if (key === 'b') throw error;
      return true;
    };
    expect(() => cache.deleteMatching(fails)).toThrow(error);
    expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([undefined, 1, 1]);
  });
});
