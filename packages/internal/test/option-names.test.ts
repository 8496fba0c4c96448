import { describe, expect, it } from 'vitest';
import { optionNames } from '../src/index.ts';

describe('optionNames', () => {
  it('accepts names of any of the tables', () => {
    expect(() => optionNames('test', { max: 1, min: undefined }, { max: true }, { min: true })).not.toThrow();
  });

  it.each(['maxx', 'toString', '__proto__'])('refuses %s', (name) => {
    const options = Object.fromEntries([[name, 1]]);
    expect(() => optionNames('test', options, { max: true })).toThrow(
      new TypeError(`Cannot test: there is no option "${name}" (its options are in the README)`),
    );
  });
});
