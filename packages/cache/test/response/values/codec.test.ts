import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonCodec } from '../../../src/response/values/codec.ts';

const json = fc
  .jsonValue({ noUnicodeString: false })
  .filter((value) => !JSON.stringify(value).includes('__proto__'))
  .map((value) => JSON.parse(JSON.stringify(value)) as unknown);

describe('jsonCodec', () => {
  it('gives back every string, byte and JSON value', () => {
    const value = fc.oneof(
      json,
      fc.constant(undefined),
      fc.string({ unit: 'binary' }),
      fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(value, (given) => {
        const bytes = jsonCodec.encode(given);
        // As it comes from a store: a view into something larger.
        const view = Buffer.concat([Buffer.from('xyz'), bytes]).subarray(3);
        expect(jsonCodec.decode(view)).toStrictEqual(given);
      }),
    );
  });

  it.each<[what: string, value: unknown, message: RegExp]>([
    ['a Date', { at: [new Date(0)] }, /a Date at \$\.at\[0\]/],
    ['a Map', new Map(), /a Map at \$/],
    ['a class instance', { a: new URL('http://host') }, /a URL at \$\.a/],
    ['NaN', [Number.NaN], /NaN at \$\[0\]/],
    ['-0', -0, /-0/],
    ['Infinity', { n: Infinity }, /Infinity/],
    ['a bigint', 1n, /a bigint/],
    ['a function', { call: () => 1 }, /a function at \$\.call/],
    ['undefined in an array', [undefined], /undefined at \$\[0\]/],
    ['a hole', Array.from({ length: 2 }), /at \$\[0\]/],
    [
      'too deep a nesting',
      Array.from({ length: 2000 }).reduce<unknown>((inner) => [inner], 0),
      /nested deeper than 1000/,
    ],
    ['a symbol as a name', { [Symbol('s')]: 1 }, /a symbol as a name/],
    ['a member named __proto__', JSON.parse('{"__proto__": 1}'), /__proto__/],
  ])('refuses %s, which would be lost', (_what, value, message) => {
    expect(() => jsonCodec.encode(value)).toThrow(TypeError);
    expect(() => jsonCodec.encode(value)).toThrow(message);
  });

  it('refuses a cycle, and takes the same object twice', () => {
    const cycle: { self?: unknown } = {};
    cycle.self = [cycle];
    expect(() => jsonCodec.encode(cycle)).toThrow(/a cycle at \$\.self\[0\]/);
    const twice = { n: 1 };
    expect(jsonCodec.decode(jsonCodec.encode([twice, twice]))).toEqual([twice, twice]);
  });

  it('throws, and does nothing else, for bytes that it cannot have made', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        try {
          jsonCodec.decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
    expect(() => jsonCodec.decode(new Uint8Array())).toThrow();
    expect(() => jsonCodec.decode(Uint8Array.of(9))).toThrow(/first byte must be 0 to 4, got 9/);
  });

  it.each(['{"a":{"__proto__":{"admin":true}}}', '{"a":{"\\u005f_proto__":{"admin":true}}}'])(
    'drops a prototype that a foreign record brings: %s',
    (text) => {
      const value = jsonCodec.decode(Buffer.concat([Buffer.of(0), Buffer.from(text)])) as { a: object };
      expect(Object.assign({}, value.a)).not.toHaveProperty('admin');
      expect(Object.hasOwn(value.a, '__proto__')).toBe(false);
    },
  );
});
