import { describe, expect, it } from 'vitest';
import { TagIndex } from '../../src/memory/tag-index.ts';

const slots = (index: TagIndex, ...tags: string[]): number[][] => tags.map((tag) => [...(index.slotsOf(tag) ?? [])]);

describe('TagIndex', () => {
  it('finds the slots of a tag and the tags of a slot', () => {
    const index = new TagIndex();
    index.assign(1, ['a', 'b']);
    index.assign(2, ['b']);
    expect(slots(index, 'a', 'b', 'c')).toEqual([[1], [1, 2], []]);
    expect([index.tagsOf(1), index.tagsOf(3)]).toEqual([['a', 'b'], []]);
  });

  it('replaces the tags that a slot had', () => {
    const index = new TagIndex();
    index.assign(1, ['a', 'b']);
    index.assign(1, ['b', 'c']);
    expect(slots(index, 'a', 'b', 'c')).toEqual([[], [1], [1]]);
    index.assign(1, []);
    expect(index.tagsOf(1)).toEqual([]);
  });

  it('forgets a tag with its last slot', () => {
    const index = new TagIndex();
    for (let slot = 1; slot <= 1000; slot++) index.assign(slot, [`request ${slot}`, 'all']);
    expect([index.slotsOf('request 1')?.size, index.slotsOf('all')?.size]).toEqual([1, 1000]);
    for (let slot = 1; slot <= 1000; slot++) index.release(slot);
    expect([index.slotsOf('request 1'), index.slotsOf('request 1000'), index.slotsOf('all')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
