import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { SeriesSet } from '../src/series.ts';

interface Series {
  readonly labelValues: readonly string[];
}

function seriesSet(labels: readonly string[], limit = Infinity): { set: SeriesSet<Series>; onOverflow: () => void } {
  const onOverflow = vi.fn<() => void>();
  const make = (labelValues: readonly string[]): Series => ({ labelValues });
  return { set: new SeriesSet({ subject: 'use "calls"', labels, limit, make, onOverflow }), onOverflow };
}

describe('SeriesSet', () => {
  it.each([
    [
      ['1|2', '3'],
      ['1', '2|3'],
    ],
    [
      ['p,y:q', ''],
      ['p', 'y:q,'],
    ],
    [
      ['a\0b', 'c'],
      ['a', 'b\0c'],
    ],
    [
      ['__proto__', 'x'],
      ['constructor', 'x'],
    ],
    [
      ['\ud800', 'x'],
      ['\ud801', 'x'],
    ],
  ])('keeps %j apart from %j', (one, other) => {
    const { set } = seriesSet(['a', 'b']);
    expect(set.get(one)).not.toBe(set.get(other));
    expect(set.get([...one])).toBe(set.get(one));
    expect([...set].map(({ labelValues }) => labelValues)).toEqual([one, other]);
  });

  it('has one series for each different combination, whatever the text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 3 }),
      fc.constantFrom('', '|', ',', '__overflow__', 'a'),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text, text)), (combinations) => {
        const { set } = seriesSet(['a', 'b', 'c']);
        for (const each of combinations) expect(set.get(each).labelValues).toEqual(each);
        expect([...set]).toHaveLength(new Set(combinations.map((each) => JSON.stringify(each))).size);
      }),
    );
  });

  it('gives one overflow series to every new combination above the limit, and keeps the known ones', () => {
    const { set, onOverflow } = seriesSet(['a', 'b'], 2);
    const known = [set.get(['x', '1']), set.get(['x', '2'])];
    expect(onOverflow).not.toHaveBeenCalled();
    const overflow = set.get(['x', '3']);
    expect(overflow.labelValues).toEqual(['__overflow__', '__overflow__']);
    for (let i = 0; i < 10_000; i++) expect(set.get([`${i}`, 'y'])).toBe(overflow);
    expect([set.get(['x', '1']), set.get(['x', '2'])]).toEqual(known);
    expect(onOverflow).toHaveBeenCalledTimes(10_001);
    expect([...set]).toHaveLength(3);
  });

  it('meets no second overflow series when the program itself uses its label values', () => {
    const { set } = seriesSet(['a'], 1);
    const own = set.get(['__overflow__']);
    expect(set.get(['x'])).toBe(own);
    expect([...set]).toHaveLength(1);
  });

  it('makes the one series of a metric without labels at once', () => {
    const { set } = seriesSet([]);
    expect([...set]).toHaveLength(1);
    expect(set.get([])).toBe([...set][0]);
  });

  it('makes no series when one is only looked for', () => {
    const { set } = seriesSet(['a']);
    expect(set.find(['x'])).toBeUndefined();
    expect([...set]).toHaveLength(0);
  });

  it.each([[[]], [['x']], [['x', 'y', 'z']]])('throws a TypeError for %j when there are two labels', (values) => {
    const { set } = seriesSet(['a', 'b']);
    expect(() => set.get(values)).toThrow(
      new TypeError(`Cannot use "calls": it takes one string for each of a, b, got ${values.length} values`),
    );
  });

  it.each([1, undefined, null, Number.NaN, {}])('throws a TypeError when a label value is %s', (value) => {
    const { set } = seriesSet(['a', 'b']);
    expect(() => set.get(['x', value as string])).toThrow(TypeError);
    expect([...set]).toHaveLength(0);
  });
});
