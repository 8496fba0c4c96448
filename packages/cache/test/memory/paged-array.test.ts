import { describe, expect, it } from 'vitest';
import { PagedArray } from '../../src/memory/paged-array.ts';

describe('PagedArray', () => {
  it('holds what was put at each index, across its pages', () => {
    const array = new PagedArray<string | undefined>(undefined);
    for (let index = 1; index < 200_000; index++) array.set(index, String(index));
    for (const index of [1, 65_535, 65_536, 131_072]) array.set(index, `again ${index}`);
    expect(array.length).toBe(200_000);
    expect([0, 1, 2, 65_535, 65_536, 65_537, 131_072, 199_999].map((index) => array.at(index))).toEqual([
      undefined,
      'again 1',
      '2',
      'again 65535',
      'again 65536',
      '65537',
      'again 131072',
      '199999',
    ]);
  });
});
