import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gaps, insert, within, type Interval } from '../../src/partial/intervals.ts';

/** An interval whose every place says who put it there. */
interface Painted extends Interval {
  readonly paint: readonly number[];
}

const LENGTH = 30;
const interval = fc
  .tuple(fc.integer({ min: 0, max: LENGTH }), fc.integer({ min: 0, max: LENGTH }))
  .filter(([a, b]) => a !== b)
  .map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) }));

const cut = (from: Painted, start: number, end: number): Painted => ({
  start,
  end,
  paint: from.paint.slice(start - from.start, end - from.start),
});

describe('intervals', () => {
  it('insert, gaps and within do what a naive array does', () => {
    fc.assert(
      fc.property(fc.array(interval, { maxLength: 40 }), interval, (added, wanted) => {
        const naive: (number | undefined)[] = Array.from({ length: LENGTH }, () => undefined);
        let held: Painted[] = [];
        for (const [turn, { start, end }] of added.entries()) {
          naive.fill(turn, start, end);
          const paint = Array.from({ length: end - start }, () => turn);
          const before = JSON.stringify(held);
          const next = insert(held, { start, end, paint }, cut);
          expect(JSON.stringify(held)).toBe(before);
          held = next;
          const painted = Array.from({ length: LENGTH }, (_, at) => {
            const owners = held.filter((each) => each.start <= at && at < each.end);
            expect(owners.length).toBeLessThanOrEqual(1);
            return owners[0]?.paint[at - owners[0].start];
          });
          expect(painted).toEqual(naive);
          expect(held).toEqual(held.toSorted((a, b) => a.start - b.start));
        }
        const places = (list: readonly Interval[]): number[] =>
          list.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, index) => start + index));
        const all = places([wanted]);
        expect(places(gaps(held, wanted))).toEqual(all.filter((at) => naive[at] === undefined));
        expect(within(held, wanted, cut).flatMap(({ paint }) => paint)).toEqual(
          all.map((at) => naive[at]).filter((turn) => turn !== undefined),
        );
      }),
      { numRuns: 1000 },
    );
  });

  it('gaps finds what intervals that overlap leave open', () => {
    fc.assert(
      fc.property(fc.array(interval, { maxLength: 10 }), (list) => {
        const sorted = list.toSorted((a, b) => a.start - b.start);
        const open = gaps(sorted, { start: 0, end: Infinity });
        for (let at = 0; at < 2 * LENGTH; at++) {
          const isCovered = list.some(({ start, end }) => start <= at && at < end);
          expect(open.some(({ start, end }) => start <= at && at < end)).toBe(!isCovered);
        }
      }),
    );
  });
});
