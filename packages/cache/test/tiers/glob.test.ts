import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globMatcher, looksLikeRegExp } from '../../src/tiers/glob.ts';

describe('globMatcher', () => {
  it.each([
    ['user:1', ['user:1'], ['user:12', 'auser:1', '']],
    ['user:*', ['user:', 'user:1', 'user:*'], ['user', 'auser:1']],
    ['*:1', [':1', 'user:1'], ['user:12']],
    ['a*a', ['aa', 'aba'], ['a', 'ab']],
    ['a?c', ['abc', 'a?c'], ['ac', 'abbc']],
    ['*b?d*', ['bcd', 'abxdbcd'], ['bd']],
    ['*', ['', 'anything\nat all'], []],
    ['', [''], ['a']],
    ['a.c', ['a.c'], ['abc']],
    ['[ab]', ['[ab]'], ['a']],
    ['ab*bc', ['abbc', 'ab-bc'], ['abc']],
  ])('matches whole keys against %j', (glob, matching, others) => {
    const matches = globMatcher(glob);
    expect(matching.filter((key) => !matches(key))).toEqual([]);
    expect(others.filter(matches)).toEqual([]);
  });

  it('agrees with a regular expression of the same meaning', () => {
    const text = (...characters: string[]): fc.Arbitrary<string> =>
      fc.string({ unit: fc.constantFrom(...characters), maxLength: 8 });
    fc.assert(
      fc.property(text('a', 'b', '*', '?'), text('a', 'b', '?'), (glob, key) => {
        const source = glob.replaceAll('*', '[^]*').replaceAll('?', '[^]');
        expect(globMatcher(glob)(key)).toBe(new RegExp(`^${source}$`).test(key));
      }),
      { numRuns: 2000 },
    );
  });

  it('does not look at a key again and again when the pattern has many stars', () => {
    // What a backtracking matcher would need more than 10^20 steps for: a test that hangs has failed.
    const matches = globMatcher(`${'*a'.repeat(50)}?*b`);
    expect(matches('a'.repeat(10_000))).toBe(false);
  });
});

describe('looksLikeRegExp', () => {
  it.each(['^a', 'a$', 'a|b', 'a\\d'])('is true for %j', (glob) => {
    expect(looksLikeRegExp(glob)).toBe(true);
  });

  it.each(['a*', 'a?', 'user:1.json', '[a](b)'])('is false for %j', (glob) => {
    expect(looksLikeRegExp(glob)).toBe(false);
  });
});
