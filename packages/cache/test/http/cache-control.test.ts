import { describe, expect, it } from 'vitest';
import {
  durationOf,
  isUnqualified,
  namedFields,
  parseCacheControl,
  responseDirectives,
} from '../../src/http/cache-control.ts';
import { fields } from './origin.ts';

const parse = (...lines: string[]): [string, string | true][] | undefined => {
  const directives = parseCacheControl(fields({ 'Cache-Control': lines }));
  return directives && [...directives];
};

describe('parseCacheControl', () => {
  it.each<[string, [string, string | true][]]>([
    ['', []],
    ['no-store', [['no-store', true]]],
    [
      'NO-STORE , max-age=5',
      [
        ['no-store', true],
        ['max-age', '5'],
      ],
    ],
    [', ,max-age=5,,', [['max-age', '5']]],
    ['max-age="5"', [['max-age', '5']]],
    [
      'private="a, b", x="c\\"d"',
      [
        ['private', 'a, b'],
        ['x', 'c"d'],
      ],
    ],
    [
      'a="max-age=3600", max-age=1',
      [
        ['a', 'max-age=3600'],
        ['max-age', '1'],
      ],
    ],
    ['__proto__=1', [['__proto__', '1']]],
  ])('reads %j', (line, directives) => {
    expect(parse(line)).toEqual(directives);
  });

  it.each(['max-age =5', 'max-age= 5', 'private="a', 'a b', '@', 'max-age=5;no-store', '"no-store"', 'a="x"y', 'é'])(
    'understands nothing of %j',
    (line) => {
      expect(parse(line)).toBeUndefined();
    },
  );

  it('joins the lines of the field', () => {
    expect(parse('no-cache="a"', 'max-age=1')).toEqual([
      ['no-cache', 'a'],
      ['max-age', '1'],
    ]);
  });

  it('takes a duration whose repetitions disagree for stale', () => {
    const directives = parseCacheControl(fields({ 'cache-control': 'max-age=1, max-age=3600' }));

    expect(durationOf(directives!, 'max-age')).toBe(0);
  });

  it('stays linear when a megabyte is hostile', () => {
    const started = performance.now();

    expect(parse(`a="${'\\"'.repeat(500_000)}`)).toBeUndefined();
    expect(parse(','.repeat(1_000_000))).toEqual([]);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe('durationOf', () => {
  it.each([
    ['max-age=5', 5000],
    ['max-age=003', 3000],
    ['max-age=99999999999', 2 ** 31 * 1000],
    ['max-age=-5', 0],
    ['max-age=5.0', 0],
    ["max-age='5'", 0],
    ['max-age', 0],
    ['public', undefined],
  ])('reads %j as %j', (line, duration) => {
    expect(durationOf(parseCacheControl(fields({ 'cache-control': line }))!, 'max-age')).toBe(duration);
  });
});

describe('namedFields', () => {
  it.each<[string, readonly string[] | undefined]>([
    ['private="Set-Cookie, X"', ['set-cookie', 'x']],
    ['private', undefined],
    ['private=""', undefined],
    ['private="a b"', undefined],
    ['private="a", private="b"', undefined],
  ])('gives what %s names', (line, names) => {
    const directives = parseCacheControl(fields({ 'cache-control': line }))!;

    expect(namedFields(directives, 'private')).toEqual(names);
    expect(isUnqualified(directives, 'private')).toBe(names === undefined);
  });
});

describe('responseDirectives', () => {
  const directives = (cdn: string, shared = true): [string, string | true][] => [
    ...responseDirectives(fields({ 'Cache-Control': 'no-store', 'CDN-Cache-Control': cdn }), shared)!,
  ];

  it('prefers CDN-Cache-Control when the cache is shared', () => {
    expect(directives('max-age=60, private')).toEqual([
      ['max-age', '60'],
      ['private', true],
    ]);
    expect(directives('max-age=60', false)).toEqual([['no-store', true]]);
  });

  it.each(['', 'max-age=60, &&&', 'MaX-aGe=60', 'max-age =60', 'max-age=60,'])(
    'ignores the CDN-Cache-Control %j, which does not parse or is empty',
    (cdn) => {
      expect(directives(cdn)).toEqual([['no-store', true]]);
    },
  );

  it('ignores a member of the wrong type, and one that is false', () => {
    expect(directives('max-age="60", private=?0, no-cache="a"')).toEqual([['no-cache', 'a']]);
  });
});
