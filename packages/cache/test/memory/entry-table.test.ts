import { describe, expect, it } from 'vitest';
import { EntryTable } from '../../src/memory/entry-table.ts';
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
