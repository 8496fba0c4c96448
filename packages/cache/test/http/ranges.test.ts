import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bytesOf,
  onlyGap,
  parseContentRange,
  parseRange,
  receivedPart,
  resolveRange,
  withPart,
  type StoredPart,
} from '../../src/http/ranges.ts';
import { bytes, fields } from './origin.ts';

describe('parseRange', () => {
  it.each<[string, object | undefined]>([
    ['bytes=0-4', { first: 0, last: 4 }],
    ['Bytes= 5- ', { first: 5, last: undefined }],
    ['bytes=-3', { suffix: 3 }],
    ['bytes=-', undefined],
    ['bytes=4-0', undefined],
    ['bytes=0-1,3-4', undefined],
    ['rows=0-4', undefined],
    ['bytes=9999999999999999-', undefined],
  ])('reads %j', (range, expected) => {
    expect(parseRange(fields({ Range: range }))).toEqual(expected);
  });
});

describe('resolveRange', () => {
  it.each([
    [{ first: 2, last: 99 }, 10, { first: 2, last: 9 }],
    [{ first: 2, last: undefined }, 10, { first: 2, last: 9 }],
    [{ suffix: 3 }, 10, { first: 7, last: 9 }],
    [{ suffix: 99 }, 10, { first: 0, last: 9 }],
    [{ suffix: 0 }, 10, 'unsatisfiable'],
    [{ first: 10, last: 12 }, 10, 'unsatisfiable'],
    [{ suffix: 3 }, 0, 'unsatisfiable'],
    [{ first: 2, last: 4 }, undefined, { first: 2, last: 4 }],
    [{ suffix: 3 }, undefined, undefined],
  ] as const)('of %j in %j is %j', (range, length, resolved) => {
    expect(resolveRange(range, length)).toEqual(resolved);
  });
});

describe('parseContentRange', () => {
  it.each(['bytes 5-4/10', 'bytes 0-10/10', 'bytes */10', 'bytes 0-4', 'rows 0-4/10', '0-4/10'])(
    'refuses %j',
    (text) => {
      expect(parseContentRange(fields({ 'Content-Range': text }))).toBeUndefined();
    },
  );
});

describe('receivedPart', () => {
  const received = (range: string, body: string, asked = 'bytes=-5', tag?: string): object | undefined =>
    receivedPart(fields({ Range: asked }), fields({ 'Content-Range': range, ...(tag && { ETag: tag }) }), bytes(body));

  it('is what Content-Range says', () => {
    expect(received('bytes 2-4/10', 'abc')).toEqual({ part: { first: 2, bytes: bytes('abc') }, length: 10 });
    expect(received('bytes 2-4/*', 'abc')).toEqual({ part: { first: 2, bytes: bytes('abc') }, length: undefined });
  });

  it('ends the whole with it, when as many last bytes came as were asked for and Content-Range counts one more', () => {
    expect(received('bytes 4-9/10', '01234')).toEqual({ part: { first: 4, bytes: bytes('01234') }, length: 9 });
  });

  it.each([
    ['were asked for by their place', 'bytes 4-9/10', 'bytes=4-9', undefined],
    ['are fewer than were asked for', 'bytes 4-9/10', 'bytes=-6', undefined],
    ['lack more than one', 'bytes 3-9/10', 'bytes=-5', undefined],
    ['do not reach the end', 'bytes 4-9/11', 'bytes=-5', undefined],
    ['would be the whole', 'bytes 0-5/6', 'bytes=-5', undefined],
    ['could be combined with others', 'bytes 4-9/10', 'bytes=-5', '"a"'],
  ])('refuses bytes that are fewer than Content-Range says and %s', (_, range, asked, tag) => {
    expect(received(range, '01234', asked, tag)).toBeUndefined();
  });

  it.each([
    ['bytes 2-5/10', 'abc'],
    ['bytes 2-3/10', 'abc'],
    ['bytes 2-3/4', 'abc'],
    ['bytes 0-0/1', ''],
  ])('refuses %s with the body %j', (range, body) => {
    expect(received(range, body)).toBeUndefined();
  });
});

describe('parts', () => {
  it('hold what was put in, as a map from position to byte does', () => {
    const length = 24;
    const added = fc.tuple(fc.nat(length - 1), fc.uint8Array({ minLength: 1, maxLength: 6 }));
    fc.assert(
      fc.property(fc.array(added, { maxLength: 12 }), (additions) => {
        const model = new Map<number, number>();
        let parts: readonly StoredPart[] = [];
        for (const [first, chunk] of additions) {
          const part = chunk.subarray(0, length - first);
          parts = withPart(parts, { first, bytes: part }, Infinity);
          for (const [at, byte] of part.entries()) model.set(first + at, byte);
        }
        for (let first = 0; first < length; first++) {
          for (let last = first; last < length; last++) {
            const expected = Array.from({ length: last - first + 1 }, (_, at) => model.get(first + at));
            const held = expected.every((byte) => byte !== undefined);
            const found = bytesOf(parts, { first, last });
            expect(found && [...found]).toEqual(held ? expected : undefined);
          }
        }
        const missing = Array.from({ length }, (_, at) => at).filter((at) => !model.has(at));
        const oneRun = missing.length > 0 && missing.length === missing.at(-1)! - missing[0]! + 1;
        expect(onlyGap(parts, length)).toEqual(oneRun ? { first: missing[0], last: missing.at(-1) } : undefined);
      }),
    );
  });

  it('stay few when a client asks for every second byte', () => {
    let parts: readonly StoredPart[] = [];
    for (let first = 0; first < 200; first += 2) parts = withPart(parts, { first, bytes: bytes('x') }, Infinity);

    expect(parts).toHaveLength(16);
  });
});
