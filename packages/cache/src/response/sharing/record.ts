import type { Bytes, Milliseconds } from '../../units.ts';
import { ENCODINGS, type Packed } from '../values/packed.ts';

/**
 * What a second tier holds of a value: a byte for the format, one for the encoding, four for the header's length, the
 * header as JSON, the value's bytes. Times are durations from the moment of writing, for no two machines agree on an
 * instant: how long ago that was is what is missing of the record's life.
 */
export interface RecordHeader {
  /** Of the value's bytes before compression: equal values have equal ones. */
  readonly contentId: string;
  readonly etag?: string | undefined;
  /** How old the value was. */
  readonly age: Milliseconds;
  /** How long it was fresh then, and for how long after that it is good for the rest. */
  readonly freshFor: Milliseconds;
  readonly staleWhileRevalidate: Milliseconds;
  readonly staleIfError: Milliseconds;
  readonly loadTime: Milliseconds;
  /** The record's whole life. */
  readonly life: Milliseconds;
  /** Of the value's bytes, unpacked. */
  readonly length: Bytes;
}

const FORMAT = 1;
const PREFIX = 6;

export function encodeRecord(header: RecordHeader, packed: Packed): Uint8Array {
  // JSON has no Infinity.
  const text = Buffer.from(JSON.stringify(header, (_, value: unknown) => (value === Infinity ? -1 : value)));
  const record = Buffer.allocUnsafe(PREFIX + text.byteLength + packed.bytes.byteLength);
  record[0] = FORMAT;
  record[1] = ENCODINGS.indexOf(packed.encoding);
  record.writeUInt32BE(text.byteLength, 2);
  record.set(text, PREFIX);
  record.set(packed.bytes, PREFIX + text.byteLength);
  return record;
}

/** Undefined for what is damaged, foreign or of another version. */
export function decodeRecord(record: Uint8Array): { header: RecordHeader; packed: Packed } | undefined {
  const buffer = Buffer.from(record.buffer, record.byteOffset, record.byteLength);
  const encoding = ENCODINGS[buffer[1] ?? -1];
  if (buffer[0] !== FORMAT || encoding === undefined || buffer.byteLength < PREFIX) return undefined;
  const end = PREFIX + buffer.readUInt32BE(2);
  if (end > buffer.byteLength) return undefined;
  const header = parseHeader(buffer.toString('utf8', PREFIX, end));
  const bytes = buffer.subarray(end);
  if (header === undefined || (encoding === 'identity' && bytes.byteLength !== header.length)) return undefined;
  return { header, packed: { bytes, encoding, length: header.length } };
}

function parseHeader(text: string): RecordHeader | undefined {
  let given: Record<string, unknown>;
  try {
    given = Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const finite = (name: string): number => {
    const value = given[name];
    return Number.isFinite(value) && (value as number) >= 0 ? (value as number) : NaN;
  };
  const duration = (name: string): number => (given[name] === -1 ? Infinity : finite(name));
  const { contentId, etag } = given;
  const header = {
    contentId: String(contentId),
    etag: typeof etag === 'string' ? etag : undefined,
    age: finite('age'),
    freshFor: duration('freshFor'),
    staleWhileRevalidate: duration('staleWhileRevalidate'),
    staleIfError: duration('staleIfError'),
    loadTime: finite('loadTime'),
    life: finite('life'),
    length: finite('length'),
  };
  return typeof contentId === 'string' && !Object.values(header).some(Number.isNaN) ? header : undefined;
}
