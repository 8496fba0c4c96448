import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyIndex } from '../../src/memory/key-index.ts';

describe('KeyIndex', () => {
  it('does what a Map does with one part and with several', () => {
    const key = fc.oneof(
      fc.integer({ min: 0, max: 40 }).map((number) => `key ${number}`),
      fc.constantFrom('', '__proto__', 'constructor', '\uD800', '\uDC00', 'x'.repeat(2000)),
    );
    const step = fc.record({ do: fc.constantFrom('add', 'add', 'remove', 'get', 'getToSet'), key });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const index = new KeyIndex(3);
        const model = new Map<string, number>();
        for (const [slot, { do: what, key: name }] of steps.entries()) {
          if (what === 'add' && !model.has(name)) {
            index.add(name, slot);
            model.set(name, slot);
          } else if (what === 'remove' && model.delete(name)) {
            index.remove(name);
          }
          expect(what === 'getToSet' ? index.getToSet(name) : index.get(name)).toBe(model.get(name));
          expect(index.size).toBe(model.size);
        }
        for (const [name, slot] of model) expect(index.get(name)).toBe(slot);
      }),
      { numRuns: 300 },
    );
  });

  it('does not take a key for absent that was missed before it was added', () => {
    const index = new KeyIndex();
    expect([index.get('a'), index.getToSet('a')]).toEqual([undefined, undefined]);
    index.add('a', 1);
    expect([index.getToSet('a'), index.get('b'), index.getToSet('a')]).toEqual([1, undefined, 1]);
  });
});
