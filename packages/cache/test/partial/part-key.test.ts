import { describe, expect, it } from 'vitest';
import { partKey, partPrefix } from '../../src/partial/part-key.ts';

describe('partKey', () => {
  it('is bounded, whatever the id, and differs where ids differ', () => {
    const long = 'x'.repeat(2 ** 20);
    const ids = [
      '',
      '1',
      1,
      -1,
      1.5,
      '"',
      '\\',
      '\ud800',
      '\udfff',
      '\ufffd',
      long,
      `${long}y`,
      'x'.repeat(254),
      'x'.repeat(255),
    ];
    const keys = ids.map((id) => partKey('p:', id));
    expect(new Set(keys).size).toBe(ids.length);
    expect(Math.max(...keys.map(({ length }) => length))).toBeLessThanOrEqual(258);
  });

  it('is the beginning of no other key', () => {
    const ids = ['', 'a', 'a"', '#', 'x'.repeat(300), 1, 12];
    const keys = ids.map((id) => `${partKey('p:', id)}"`);
    for (const key of keys) expect(keys.filter((other) => other.startsWith(key))).toEqual([key]);
  });
});

describe('partPrefix', () => {
  it('keeps apart names that contain what separates them', () => {
    const names = ['a', 'a":item:', '"a"', 'a:item'];
    const prefixes = names.flatMap((name) => [partPrefix(name, 'item'), partPrefix(name, 'page')]);
    for (const prefix of prefixes) expect(prefixes.filter((other) => other.startsWith(prefix))).toEqual([prefix]);
  });
});
