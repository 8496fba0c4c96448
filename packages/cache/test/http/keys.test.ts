import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tuple, variantKey } from '../../src/http/keys.ts';
import { fields } from './origin.ts';

describe('tuple', () => {
  it('differs for different parts, whatever they hold', () => {
    const part = fc.option(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', '-', '0:', '1:a', '1:a1:b')), {
      nil: undefined,
    });
    const parts = fc.array(part, { maxLength: 4 });
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        expect(tuple(a) === tuple(b)).toBe(a.length === b.length && a.every((each, at) => each === b[at]));
      }),
    );
  });

  it('is short for a part of a megabyte, and tells lone surrogates apart', () => {
    const long = 'x'.repeat(2 ** 20);

    expect(tuple([long]).length).toBeLessThan(200);
    expect(tuple([`${long}\ud800`])).not.toBe(tuple([`${long}\ud801`]));
  });
});

describe('variantKey', () => {
  it('does not confuse a value with the next name', () => {
    const a = variantKey('r', ['a', 'b'], fields({ a: '1', b: '2' }));

    expect(variantKey('r', ['a', 'b'], fields({ a: '11:b1:2' }))).not.toBe(a);
    expect(variantKey('r', ['a', 'b'], fields({ a: '1', b: '2', c: '3' }))).toBe(a);
    expect(variantKey('r', ['a'], fields({ a: '1' }))).not.toBe(variantKey('r', [], []));
  });

  it('shows no value of a request', () => {
    expect(variantKey('r', ['cookie'], fields({ Cookie: 'secret' }))).not.toContain('secret');
  });
});
