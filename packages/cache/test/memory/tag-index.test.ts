import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TagIndex } from '../../src/memory/tag-index.ts';

/** Releases all that is withdrawn and returns it. */
function drain(index: TagIndex): number[] {
  const slots: number[] = [];
  for (let slot = index.withdrawnSlot(); slot !== undefined; slot = index.withdrawnSlot()) {
    slots.push(slot);
    index.release(slot);
  }
  return slots.toSorted((a, b) => a - b);
}

describe('TagIndex', () => {
  it('gives the tags of a slot in their order', () => {
    const index = new TagIndex();
    index.assign(1, ['a', 'b', 'c']);
    index.assign(2, ['c', 'a']);
    expect([index.tagsOf(1), index.tagsOf(2), index.tagsOf(3), index.tagsOf(1e6)]).toEqual([
      ['a', 'b', 'c'],
      ['c', 'a'],
      [],
      [],
    ]);
  });

  it('withdraws all slots of a tag at once and no others', () => {
    const index = new TagIndex();
    index.assign(1, ['a']);
    index.assign(2, ['a', 'b']);
    index.assign(3, ['b']);
    expect(index.withdrawing).toBe(false);
    expect(index.end('a')?.size).toBe(2);
    expect([1, 2, 3, 4].map((slot) => index.isWithdrawn(slot))).toEqual([true, true, false, false]);
    expect([index.withdrawing, drain(index), index.withdrawing, index.tagsOf(3)]).toEqual([true, [1, 2], false, ['b']]);
  });

  it('takes no slot for withdrawn that got the tag after its end', () => {
    const index = new TagIndex();
    index.assign(1, ['a']);
    index.assign(2, ['a']);
    index.end('a');
    index.assign(2, ['a']);
    index.assign(3, ['a']);
    expect([1, 2, 3].map((slot) => index.isWithdrawn(slot))).toEqual([true, false, false]);
    expect([drain(index), index.end('a')?.size]).toEqual([[1], 2]);
  });

  it('forgets a tag with its last slot', () => {
    const index = new TagIndex();
    for (let slot = 1; slot <= 1000; slot++) index.assign(slot, [`request ${slot}`, 'all']);
    for (let slot = 1; slot <= 1000; slot++) index.release(slot);
    expect([index.end('request 1'), index.end('request 1000'), index.end('all')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('does what a list of tags for each slot does', () => {
    const slot = fc.integer({ min: 1, max: 90 });
    const tag = fc.constantFrom('a', 'b', 'c', '__proto__');
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ slot, tags: fc.uniqueArray(tag) }) },
      { weight: 2, arbitrary: fc.record({ release: slot }) },
      { weight: 1, arbitrary: fc.record({ end: tag }) },
      { weight: 1, arbitrary: fc.record({ drain: fc.constant(true) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const index = new TagIndex();
        let model = new Map<number, { tags: readonly string[]; withdrawn: boolean }>();
        for (const each of steps) {
          if ('slot' in each) {
            index.assign(each.slot, each.tags);
            model.set(each.slot, { tags: each.tags, withdrawn: false });
          } else if ('release' in each) {
            index.release(each.release);
            model.delete(each.release);
          } else if ('end' in each) {
            const carriers = [...model.values()].filter(({ tags, withdrawn }) => !withdrawn && tags.includes(each.end));
            const size = index.end(each.end)?.size ?? 0;
            expect(size).toBeGreaterThanOrEqual(carriers.length);
            for (const entry of carriers) entry.withdrawn = true;
          } else {
            const expected = [...model].filter(([, { withdrawn }]) => withdrawn).map(([name]) => name);
            expect(drain(index)).toEqual(expected.toSorted((a, b) => a - b));
            model = new Map([...model].filter(([, { withdrawn }]) => !withdrawn));
          }
          for (const [name, { tags, withdrawn }] of model) {
            expect([index.tagsOf(name), index.isWithdrawn(name)]).toEqual([tags, withdrawn]);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
