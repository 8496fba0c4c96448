import { describe, expect, it } from 'vitest';
import { EvictedUses } from '../../src/policies/evicted-uses.ts';
import { mix } from '../../src/policies/key-hash.ts';

describe('EvictedUses', () => {
  it('remembers nothing before it was given room', () => {
    expect(new EvictedUses().take(1, 0)).toBe(0);
  });

  it('gives back once how often an entry was used', () => {
    const evicted = new EvictedUses();
    evicted.fit(100);
    evicted.put(mix(1), 7, 0);
    evicted.put(mix(2), 15, 0);
    expect(evicted.take(mix(1), 0)).toBe(7);
    expect(evicted.take(mix(1), 0)).toBe(0);
    expect(evicted.take(mix(2), 0)).toBe(15);
    expect(evicted.take(mix(3), 0)).toBe(0);
  });

  it('halves uses with each epoch, also over the end of its count', () => {
    const evicted = new EvictedUses();
    evicted.fit(10);
    for (const [uses, counted, now, left] of [
      [12, 3, 4, 6],
      [15, 3, 5, 3],
      [15, 3, 7, 0],
      [9, 255, 0, 4],
      [9, 250, 249, 0],
    ] as const) {
      evicted.put(mix(5), uses, counted);
      expect(evicted.take(mix(5), now)).toBe(left);
    }
  });

  it('remembers nearly all of half as many evictions as it has room for, and little of what was before twice as many', () => {
    const evicted = new EvictedUses();
    evicted.fit(3000);
    for (let key = 0; key < 9000; key++) evicted.put(mix(key), 1, 0);
    const remembered = (from: number, end: number): number => {
      let count = 0;
      for (let key = from; key < end; key++) count += evicted.take(mix(key), 0);
      return count / (end - from);
    };
    expect(remembered(7500, 9000)).toBeGreaterThan(0.95);
    expect(remembered(0, 3000)).toBeLessThan(0.05);
  });

  it('starts over when it is given more room, and keeps what it has when the room suffices', () => {
    const evicted = new EvictedUses();
    evicted.fit(100);
    evicted.put(mix(1), 3, 0);
    evicted.fit(50);
    expect(evicted.take(mix(1), 0)).toBe(3);
    evicted.put(mix(1), 3, 0);
    evicted.fit(1000);
    expect(evicted.take(mix(1), 0)).toBe(0);
  });
});
