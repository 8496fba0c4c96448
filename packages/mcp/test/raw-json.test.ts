import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rawElements, rawMembers, writeMembers } from '../src/protocol/index.ts';

describe('rawMembers', () => {
  it('keeps each value as it was written', () => {
    const json =
      ' { "big" : 12345678901234567890, "one":1.0 ,"text":"a \\" } , ] \\\\", "deep":{"x":[1,{"y":"}"}]}, "no" : null}\n';
    expect([...rawMembers(json)]).toEqual([
      ['big', '12345678901234567890'],
      ['one', '1.0'],
      ['text', '"a \\" } , ] \\\\"'],
      ['deep', '{"x":[1,{"y":"}"}]}'],
      ['no', 'null'],
    ]);
  });

  it('reads an escaped name and takes the last of a name that stands twice', () => {
    expect([...rawMembers('{"\\u0061":1,"b":2,"a":3}')]).toEqual([
      ['b', '2'],
      ['a', '3'],
    ]);
  });

  it('is empty for an empty object', () => {
    expect(rawMembers('{ }').size).toBe(0);
  });

  it('agrees with JSON.parse on any object, compact or spaced', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(undefined, 1, '\t'), (value, space) => {
        const members = rawMembers(JSON.stringify(value, null, space));
        const parsed = Object.fromEntries([...members].map(([name, raw]) => [name, JSON.parse(raw) as unknown]));
        expect(JSON.stringify(parsed)).toBe(JSON.stringify(JSON.parse(JSON.stringify(value))));
        expect(JSON.parse(writeMembers(members))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('ends on any text, valid or not', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', '1', ' ') }), (text) => {
        try {
          rawMembers(text);
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError);
        }
      }),
    );
  });
});

describe('rawElements', () => {
  it('keeps each element as it was written', () => {
    expect(rawElements(' [ 1.0 ,{"a":[2]}, "x,]" ] ')).toEqual(['1.0', '{"a":[2]}', '"x,]"']);
    expect(rawElements('[]')).toEqual([]);
  });

  it('agrees with JSON.parse on any array', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.constantFrom(undefined, 1), (value, space) => {
        const json = JSON.stringify(value, null, space);
        expect(rawElements(json).map((raw) => JSON.parse(raw) as unknown)).toEqual(JSON.parse(json));
      }),
    );
  });
});
