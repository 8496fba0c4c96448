import { expect, it } from 'vitest';
import { randomRatios } from '../src/index.ts';

const draw = (random: () => number, count: number): number[] => Array.from({ length: count }, random);

it('randomRatios draws evenly from 0 to below 1 when it has drawn many', () => {
  const drawn = draw(randomRatios(7), 10_000);
  expect(drawn.every((ratio) => ratio >= 0 && ratio < 1)).toBe(true);
  for (let tenth = 0; tenth < 10; tenth += 1) {
    const share = drawn.filter((ratio) => Math.floor(ratio * 10) === tenth).length;
    expect(share).toBeGreaterThan(850);
    expect(share).toBeLessThan(1_150);
  }
});

it('randomRatios repeats itself when the seed is the same', () => {
  expect(draw(randomRatios(3), 5)).toEqual(draw(randomRatios(3), 5));
  expect(draw(randomRatios(3), 5)).not.toEqual(draw(randomRatios(), 5));
});

it('randomRatios does not stay at 0 when the seed is 0', () => {
  expect(new Set(draw(randomRatios(0), 5)).size).toBe(5);
});
