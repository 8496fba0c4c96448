import { describe, expect, it } from 'vitest';
import { Column } from '../../src/memory/column.ts';

describe('Column', () => {
  it('gives the default for what was never put, and what was put for the rest', () => {
    const column = new Column(7);
    const places = [1, 63, 64, 65_535, 65_536, 200_000, 70_000, 5_000_000];
    for (const slot of places) column.put(slot, slot / 2);
    column.put(63, 7);
    expect(places.map((slot) => column.at(slot))).toEqual(places.map((slot) => (slot === 63 ? 7 : slot / 2)));
    expect([0, 2, 62, 66, 65_534, 65_537, 140_000, 9_999_999].map((slot) => column.at(slot))).toEqual(
      Array.from({ length: 8 }, () => 7),
    );
  });

  it('takes no memory while all have the default', () => {
    const before = process.memoryUsage().arrayBuffers;
    const column = new Column(Infinity);
    for (let slot = 0; slot < 1_000_000; slot++) column.put(slot, Infinity);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e6);
  });
});
