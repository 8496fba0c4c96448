import { describe, expect, it } from 'vitest';
import { normalizedField, parseVary } from '../../src/http/vary.ts';
import { fields } from './origin.ts';

describe('parseVary', () => {
  it('gives the names of all lines, sorted and once', () => {
    expect(parseVary(fields({ Vary: ['Foo, accept', 'BAR,,foo'] }))).toEqual(['accept', 'bar', 'foo']);
    expect(parseVary([])).toEqual([]);
  });

  it.each([
    '*',
    ', *',
    'Foo, *',
    '*, *',
    'Foo Bar',
    '"Foo"',
    'a;b',
    Array.from({ length: 33 }, (_, i) => `x${i}`).join(),
  ])('is unusable for %j', (vary) => {
    expect(parseVary(fields({ Vary: vary }))).toBeUndefined();
  });
});

describe('normalizedField', () => {
  const forms = (name: string, ...values: (string | string[])[]): Set<string | undefined> =>
    new Set(values.map((value) => normalizedField(fields({ [name]: value }), name)));

  it('ignores lines and white space', () => {
    expect(forms('foo', '1, 2', ['1', '2'], '1,2', ' 1 ,\t2 ')).toEqual(new Set(['1,2']));
  });

  it('keeps case, order and what is quoted', () => {
    expect(forms('foo', 'a, b', 'b, a', 'A, b').size).toBe(3);
    expect(forms('foo', '"a,b"', '"a, b"', '"a\\", b"', '"a\\",b"').size).toBe(4);
  });

  it('tells empty members apart, for not every field is a list', () => {
    expect(forms('remote-user', 'bob', 'bob,', ',bob', 'bob,,').size).toBe(4);
    expect(forms('accept', 'a/b', 'a/b,', ',a/b,,').size).toBe(1);
  });

  it('orders what has weights by them, in any case', () => {
    expect(forms('accept-language', 'en, de', 'De,EN', 'de;q=1.0, en').size).toBe(1);
    expect(forms('accept-language', 'de;q=0.5, en', 'en;q=1.0 , de; q=0.50').size).toBe(1);
    expect(forms('accept-language', 'de;q=0.5, en', 'en;q=0.5, de').size).toBe(2);
    expect(forms('accept-encoding', 'gzip, br', 'br, gzip').size).toBe(1);
  });

  it('keeps what may mean something within a member with a weight', () => {
    expect(forms('accept', 'a/b;p=X', 'a/b;p=x', 'A/b;p=x').size).toBe(3);
    expect(forms('accept', 'a/b;p="X; Y"', 'a/b;p="X;Y"', 'a/b;p="x;y"').size).toBe(3);
    expect(forms('accept', 'a/b;p=X;Q=0.5', 'a/b; p=X ;q=0.50').size).toBe(1);
  });

  it('stays linear when a value is hostile', () => {
    const started = performance.now();

    for (const part of ['"\\', ' ', ';', ',', '"'])
      normalizedField(fields({ accept: `a${part.repeat(100_000)}b` }), 'accept');
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('tells absence from emptiness', () => {
    expect(normalizedField([], 'foo')).toBeUndefined();
    expect(normalizedField(fields({ Foo: '' }), 'foo')).toBe('');
  });
});
