import fc from 'fast-check';
import { brotliCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ENCODINGS, identity, pack, unpack, type Packed } from '../../../src/response/values/packed.ts';
import { decodeRecord, encodeRecord, type RecordHeader } from '../../../src/response/sharing/record.ts';

const HEADER: RecordHeader = {
  contentId: 'id',
  etag: 'v1',
  age: 1,
  freshFor: Infinity,
  staleWhileRevalidate: 2,
  staleIfError: Infinity,
  loadTime: 3,
  life: 4,
  length: 5,
};
const RECORD = encodeRecord(HEADER, identity(Buffer.from('bytes')));

/** A record with another header than the one that it was given. */
function forged(header: unknown, body = Buffer.from('bytes')): Uint8Array {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.from([1, 0, 0, 0, 0, 0]);
  prefix.writeUInt32BE(text.byteLength, 2);
  return Buffer.concat([prefix, text, body]);
}

describe('decodeRecord', () => {
  it('gives back what encodeRecord took', () => {
    const duration = fc.oneof(fc.double({ min: 0, max: 1e15, noNaN: true, noDefaultInfinity: true }), fc.nat());
    const endless = fc.oneof(duration, fc.constant(Infinity));
    const header = fc.record({
      contentId: fc.string({ unit: 'binary' }),
      etag: fc.option(fc.string(), { nil: undefined }),
      age: duration,
      freshFor: endless,
      staleWhileRevalidate: endless,
      staleIfError: endless,
      loadTime: duration,
      life: duration,
    });
    fc.assert(
      fc.property(header, fc.uint8Array(), (given, bytes) => {
        const packed = identity(Buffer.from(bytes));
        const decoded = decodeRecord(encodeRecord({ ...given, length: bytes.length }, packed))!;
        expect(decoded.header).toEqual({ ...given, length: bytes.length });
        expect(decoded.packed).toEqual(packed);
      }),
    );
  });

  it('gives undefined for every part of a record, and for any other bytes', () => {
    for (let end = 0; end < RECORD.byteLength; end++) expect(decodeRecord(RECORD.subarray(0, end))).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(decodeRecord(bytes)).toBeUndefined();
      }),
    );
  });

  it('never throws for a record in which bytes were changed', () => {
    const change = fc.record({ at: fc.nat(RECORD.byteLength - 1), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const record = Buffer.from(RECORD);
        for (const { at, to } of changes) record[at] = to;
        expect(() => decodeRecord(record)).not.toThrow();
      }),
    );
  });

  it.each<[what: string, header: unknown]>([
    ['no header', {}],
    ['null', null],
    ['no JSON', '{'],
    ['a name that is none', { ...HEADER, contentId: 1, freshFor: 1, staleIfError: 1 }],
    ['a time below 0', { ...HEADER, freshFor: -2, staleIfError: 1 }],
    ['a time as a string', { ...HEADER, age: '1', freshFor: 1, staleIfError: 1 }],
    ['a load that took forever', { ...HEADER, loadTime: -1, freshFor: 1, staleIfError: 1 }],
    [
      'a life without end',
      JSON.stringify({ ...HEADER, freshFor: 1, staleIfError: 1 }).replace('"life":4', '"life":1e999'),
    ],
    ['a length that is another', { ...HEADER, length: 6, freshFor: 1, staleIfError: 1 }],
  ])('gives undefined for a header with %s', (_what, header) => {
    expect(decodeRecord(forged(header))).toBeUndefined();
    expect(decodeRecord(forged({ ...HEADER, freshFor: 1, staleIfError: 1 }))).toBeDefined();
  });
});

describe('pack and unpack', () => {
  it('give back any bytes, compressed only where that makes them shorter', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 4000 }),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.nat(500))
        .map(([part, times]) => Buffer.concat(Array.from({ length: times }, () => part))),
    );
    await fc.assert(
      fc.asyncProperty(bytes, async (given) => {
        const packed = await pack(given);
        expect(Buffer.compare(await unpack(packed), given)).toBe(0);
        expect(packed.length).toBe(given.byteLength);
        expect(packed.bytes.byteLength < given.byteLength).toBe(packed.encoding !== 'identity');
        if (given.byteLength < 1024) expect(packed.encoding).toBe('identity');
      }),
    );
  });

  it.each<[what: string, forge: (packed: Packed) => Packed]>([
    ['claim less than they become', (packed) => ({ ...packed, length: packed.length - 1 })],
    ['claim more than they become', (packed) => ({ ...packed, length: packed.length + 1 })],
    ['claim gigabytes', (packed) => ({ ...packed, length: 2 ** 40 })],
    ['claim half a byte', (packed) => ({ ...packed, length: packed.length - 0.5 })],
    ['claim nothing', (packed) => ({ ...packed, length: 0 })],
    ['are cut off', (packed) => ({ ...packed, bytes: packed.bytes.subarray(0, -3) })],
    ['are of another encoding', (packed) => ({ ...packed, encoding: 'zstd' })],
  ])('unpack rejects bytes that %s', async (_what, forge) => {
    const packed = { bytes: brotliCompressSync(Buffer.alloc(5000)), encoding: 'brotli', length: 5000 } as const;
    expect((await unpack(packed)).byteLength).toBe(5000);
    await expect((async () => unpack(forge(packed)))()).rejects.toThrow();
  });

  it('unpack stops at what a bomb claims', async () => {
    const bomb = { bytes: brotliCompressSync(Buffer.alloc(32 * 2 ** 20)), encoding: 'brotli', length: 100 } as const;
    await expect(unpack(bomb)).rejects.toThrow(/larger than 100|Cannot create a Buffer/i);
  });

  it('knows its encodings by their place, which is what records name', () => {
    expect(ENCODINGS).toEqual(['identity', 'brotli', 'zstd']);
  });
});
