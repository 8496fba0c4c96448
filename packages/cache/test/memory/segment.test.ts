import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Segment } from '../../src/memory/segment.ts';

const BITS = 4;
const CELLS = 2 ** BITS;
/** Few homes, those at the end among them, so that runs grow long and go around; and bits to split by. */
const hashes = fc
  .tuple(fc.constantFrom(0, 1, 2, 13, 14, 15), fc.nat({ max: 7 }))
  .map(([home, high]) => (high << 29) | home);
const steps = fc.array(fc.record({ adds: fc.boolean(), hash: hashes, pick: fc.nat({ max: 1000 }) }), {
  maxLength: 120,
});

/** A segment, and what should be in it: hashes by slot. A slot's key is its number. */
function play(of: readonly { adds: boolean; hash: number; pick: number }[]): [Segment, Map<number, number>] {
  const segment = new Segment(0, BITS);
  const held = new Map<number, number>();
  for (const [step, { adds, hash, pick }] of of.entries()) {
    const slot = step + 1;
    if (adds && !segment.isFull) {
      const twins = [...held.values()].filter((other) => other === hash).length;
      expect(segment.add(hash, slot)).toBe(twins < 8);
      if (twins < 8) held.set(slot, hash);
    } else if (held.size > 0) {
      const leaving = [...held.keys()][pick % held.size]!;
      expect(segment.remove(held.get(leaving)!, leaving)).toBe(true);
      held.delete(leaving);
      expect(segment.remove(hash, leaving)).toBe(false);
    }
    expectHeld(segment, held);
  }
  return [segment, held];
}

const keys = { keyOf: (slot: number): string => `key ${slot}` };

function expectHeld(segment: Segment, held: ReadonlyMap<number, number>): void {
  for (const [slot, hash] of held) {
    expect(segment.find(`key ${slot}`, hash, keys)).toBe(slot);
    expect(segment.find('another', hash, keys)).toBe(0);
  }
  expect(segment.isFull).toBe(held.size >= 0.75 * CELLS);
}

describe('Segment', () => {
  it('finds what was added and not removed, whatever came and went around it', () => {
    fc.assert(
      fc.property(steps, (of) => {
        const [segment, held] = play(of);
        expect(segment.isFull).toBe(held.size >= 0.75 * CELLS);
      }),
      { numRuns: 300 },
    );
  });

  it('keeps the lower half and gives away the upper one when it is split', () => {
    fc.assert(
      fc.property(steps, (of) => {
        const [segment, held] = play(of);
        const other = segment.split();
        expect([segment.depth, other.depth]).toEqual([1, 1]);
        expectHeld(segment, new Map([...held].filter(([, hash]) => hash >= 0)));
        expectHeld(other, new Map([...held].filter(([, hash]) => hash < 0)));
        const third = other.split();
        expectHeld(other, new Map([...held].filter(([, hash]) => hash < 0 && hash >>> 30 === 2)));
        expectHeld(third, new Map([...held].filter(([, hash]) => hash >>> 30 === 3)));
      }),
      { numRuns: 300 },
    );
  });

  it('holds as many as before after a hundred thousand have come and gone', () => {
    const segment = new Segment(0, 6);
    const hashOf = (slot: number): number => Math.imul(slot, 0x9e3779b1);
    for (let slot = 1; slot <= 100_000; slot++) {
      const fits = segment.add(hashOf(slot), slot) && (slot <= 40 || segment.remove(hashOf(slot - 40), slot - 40));
      if (!fits) throw new Error(`Slot ${slot} did not fit, or the one 40 before it was lost`);
    }
    expect(segment.isFull).toBe(false);
    const found = Array.from({ length: 64 }, (_, home) => segment.find('none', home, keys));
    expect(new Set(found)).toEqual(new Set([0]));
  });
});
