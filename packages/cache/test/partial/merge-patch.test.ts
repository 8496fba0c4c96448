import { describe, expect, it } from 'vitest';
import { diff, mergePatch, type Json } from '../../src/partial/index.ts';

describe('mergePatch', () => {
  // RFC 7396, appendix A.
  it.each<[Json, Json, Json]>([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('makes of %j with %j %j', (target, patch, result) => {
    const before = JSON.stringify(target);
    expect(mergePatch(target, patch)).toEqual(result);
    expect(JSON.stringify(target)).toBe(before);
  });

  it('writes no __proto__, in objects or arrays, and takes none over', () => {
    const hostile = JSON.parse(
      '{"__proto__":{"x":1},"a":[{"__proto__":{"x":1},"b":1}],"c":{"__proto__":null}}',
    ) as Json;
    const target = JSON.parse('{"__proto__":{"x":1},"constructor":1}') as Json;
    const merged = mergePatch(target, hostile) as Record<string, unknown>;
    expect(JSON.stringify(merged)).toBe('{"constructor":1,"a":[{"b":1}],"c":{}}');
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
    expect('x' in {}).toBe(false);
  });

  it.each(['[', '{"a":'])('throws for a patch of a million times %s', (open) => {
    const close = open === '[' ? ']' : '}';
    const deep = JSON.parse(`${open.repeat(100_000)}1${close.repeat(100_000)}`) as Json;
    expect(() => mergePatch({}, deep)).toThrow(RangeError);
  });
});

describe('diff', () => {
  it.each<[Json, Json, Json]>([
    [{ a: 1 }, { a: 1 }, {}],
    [{ a: 1, n: null }, { a: 2, n: null }, { a: 2 }],
    [{ a: { b: 1, c: 2 } }, { a: { b: 1 } }, { a: { c: null } }],
    [{ a: 1 }, { a: {} }, { a: {} }],
    [{ n: null }, {}, { n: null }],
    [{}, { list: [null, { n: null }] }, { list: [null, { n: null }] }],
  ])('makes of %j and %j %j', (before, after, patch) => {
    expect(diff(before, after)).toEqual(patch);
  });

  it.each<[unknown, unknown]>([
    [{ a: 1 }, { a: null }],
    [{}, { a: { b: null } }],
    [{ a: 1 }, { a: { b: null } }],
    [[1], [2]],
    [{}, 1],
    [1, {}],
    [JSON.parse('{"__proto__":1}'), {}],
    [{}, JSON.parse('{"a":[{"__proto__":1}]}')],
    [{ a: { b: 1 } }, JSON.parse('{"a":{"__proto__":{}}}')],
  ])('gives no patch from %j to %j', (before, after) => {
    expect(diff(before as Json, after as Json)).toBeUndefined();
  });

  it('gives no patch for what is nested too deep, and does not overflow', () => {
    const nest = (core: string): Json => JSON.parse(`{"a":${'['.repeat(50_000)}${core}${']'.repeat(50_000)}}`) as Json;
    expect(diff(nest('1'), nest('2'))).toBeUndefined();
    expect(diff({}, nest('1'))).toBeUndefined();
  });
});
