import { describe, expect, it } from 'vitest';
import { seededRandom, shuffle } from '../src/random.ts';

const draws = (seed: number, count: number): number[] => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, random);
};

describe('seededRandom', () => {
  it('repeats its numbers when the seed is the same, and no other', () => {
    expect(draws(1, 100)).toEqual(draws(1, 100));
    const seen = new Set([...draws(1, 100), ...draws(2, 100), ...draws(3, 100)]);
    expect(seen.size).toBe(300);
  });

  it('draws evenly from [0, 1)', () => {
    const counts = Array.from({ length: 10 }, () => 0);
    for (const value of draws(7, 100_000)) counts[Math.floor(value * 10)]! += 1;
    // 10,000 each, standard deviation 95.
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(475);
  });
});

describe('shuffle', () => {
  it('keeps every item and moves nearly all', () => {
    const sorted = Array.from({ length: 1000 }, (_, index) => index);
    const shuffled = shuffle([...sorted], seededRandom(1));
    expect(shuffled.toSorted((a, b) => a - b)).toEqual(sorted);
    expect(shuffled.filter((item, index) => item === index).length).toBeLessThan(10);
  });

  it('makes each order equally often', () => {
    const random = seededRandom(5);
    const orders = new Map<string, number>();
    for (let round = 0; round < 6000; round++) {
      const order = shuffle(['a', 'b', 'c'], random).join('');
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    // 1000 each, standard deviation 29.
    expect(orders.size).toBe(6);
    for (const count of orders.values()) expect(Math.abs(count - 1000)).toBeLessThan(145);
  });
});
