import { describe, expect, it } from 'vitest';
import { parseDictionary, parseStringList, serializeText } from '../../src/http/structured-fields.ts';

describe('parseDictionary', () => {
  it('reads every type of item', () => {
    const members = parseDictionary('a=1, b="x\\"y", c=tok/en, d, e=?0, f=1.5, g=:YQ==:, h=(1 "a";p);q=2, a=-2;x');

    expect([...members!]).toEqual([
      ['b', 'x"y'],
      ['c', null],
      ['d', true],
      ['e', false],
      ...['f', 'g', 'h'].map((key) => [key, null]),
      ['a', -2],
    ]);
  });

  it.each([
    'A=1',
    'a=1,',
    'a=',
    'a=1 b',
    'a=1234567890123456',
    'a=1.2345',
    'a="x',
    'a=(1',
    'a=(1"b")',
    'a;B',
    'a=?2',
    '=1',
    'a=é',
  ])('refuses %j as a whole', (text) => {
    expect(parseDictionary(text)).toBeUndefined();
  });

  it('stays linear when a field is hostile', () => {
    const started = performance.now();

    for (const part of [' ', 'a ', '"a" ', 'a;b ', '1', ';a', '"\\"', ',a=b', 'a=(']) {
      expect(parseDictionary(`a=(${part.repeat(50_000)}@`)).toBeUndefined();
      expect(parseDictionary(`a${part.repeat(50_000)}@`)).toBeUndefined();
    }
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('gives an empty one for an empty field', () => {
    expect(parseDictionary('  ')).toEqual(new Map());
  });
});

describe('parseStringList', () => {
  it('gives the strings without their parameters', () => {
    expect(parseStringList('"a", "b, c";x=1 ,"__proto__"')).toEqual(['a', 'b, c', '__proto__']);
  });

  it.each(['a', '"a", 1', '"a" "b"', '("a")', '"a",'])('refuses %j', (text) => {
    expect(parseStringList(text)).toBeUndefined();
  });
});

describe('serializeText', () => {
  it('quotes what is no token', () => {
    expect(['forge', 'my cache', '1st', 'a"b\\c', 'ü'].map(serializeText)).toEqual([
      'forge',
      '"my cache"',
      '"1st"',
      String.raw`"a\"b\\c"`,
      '"?"',
    ]);
  });
});
