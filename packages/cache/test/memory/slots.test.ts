import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotsFor } from '../../src/memory/slots.ts';

const put = fc.record({
  slot: fc.nat({ max: 1e6 }),
  value: fc.option(fc.nat(), { nil: undefined }),
  replaces: fc.boolean(),
});

describe('Slots', () => {
  it.each([
    { kind: 'flat', maxSize: 1000 },
    { kind: 'paged', maxSize: 2 ** 26 },
  ])('hold the key and the value of each slot where they are $kind', ({ maxSize }) => {
    fc.assert(
      fc.property(fc.array(put, { maxLength: 100 }), (puts) => {
        const slots = slotsFor<number>(maxSize);
        const model: [string | undefined, number | undefined][] = [[undefined, undefined]];
        for (const { slot: wish, value, replaces } of puts) {
          const slot = 1 + (wish % model.length);
          if (replaces && slot < model.length && value !== undefined) {
            slots.replace(slot, value);
            model[slot]![1] = value;
          } else {
            const key = value === undefined ? undefined : `key ${value}`;
            slots.put(slot, key, value);
            model[slot] = [key, value];
          }
        }
        expect(slots.length).toBe(model.length);
        expect(model.map((_, slot) => [slots.keyOf(slot), slots.valueOf(slot)])).toEqual(model);
      }),
    );
  });

  it('hold what is put into them across their pages', () => {
    const slots = slotsFor<number>(Infinity);
    for (let slot = 1; slot <= 200_000; slot++) slots.put(slot, `key ${slot}`, slot);
    slots.put(65_536, undefined, undefined);
    slots.replace(131_072, 0);
    const places = [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000];
    expect(slots.length).toBe(200_001);
    expect(places.map((slot) => slots.keyOf(slot))).toEqual(
      places.map((slot) => (slot === 0 || slot === 65_536 ? undefined : `key ${slot}`)),
    );
    expect(places.map((slot) => slots.valueOf(slot))).toEqual([undefined, 1, 65_535, undefined, 65_537, 0, 200_000]);
  });
});
