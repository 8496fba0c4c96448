import type { Bytes, StoreRecord } from '@forge/cache';

/** The moment that a record is as old as: what was invalidated later concerns it. */
export interface Stamp {
  /** Of the ledger, 16 characters; another epoch has forgotten what this one knew. */
  readonly epoch: string;
  /** The ledger's clock when the right to write was given. */
  readonly clock: number;
}

/** A record as Redis holds it, where its remaining life is the key's. */
export interface StoredRecord extends Stamp {
  readonly tags: readonly string[];
  /** It has no end of its own, though Redis forgets it after the longest life. */
  readonly endless: boolean;
  readonly bytes: Uint8Array;
}

/** "FC" and the version of the format. Whoever changes the format changes the version. */
const MAGIC = Buffer.from('FC\u0001', 'latin1');
const EPOCH = MAGIC.length;
const CLOCK = EPOCH + 16;
/** The lengths of the header and of the bytes, which tell a record that was cut or grew. */
const LENGTHS = CLOCK + 8;
const HEADER = LENGTHS + 8;
const MOST_TAGS = 1024;

/**
 * The record without its stamp; undefined where it is not to be stored: it is dead, has more tags than a read should have
 * to compare, or is larger than `limit` with its tags.
 */
export function packRecord(record: StoreRecord, limit: Bytes): Buffer | undefined {
  const { bytes, tags, ttl } = record;
  if (!(ttl > 0) || tags.length > MOST_TAGS || bytes.byteLength > limit) return undefined;
  const header = Buffer.from(JSON.stringify([ttl === Infinity, tags]));
  const size = HEADER + header.length + bytes.byteLength;
  if (size > limit) return undefined;
  const packed = Buffer.allocUnsafe(size);
  MAGIC.copy(packed);
  packed.writeUInt32LE(header.length, LENGTHS);
  packed.writeUInt32LE(bytes.byteLength, LENGTHS + 4);
  header.copy(packed, HEADER);
  packed.set(bytes, HEADER + header.length);
  return packed;
}

/** Writes the stamp into a packed record and returns it. */
export function stampRecord(packed: Buffer, { epoch, clock }: Stamp): Buffer {
  packed.write(epoch, EPOCH, 16, 'latin1');
  packed.writeDoubleLE(clock, CLOCK);
  return packed;
}

/** undefined for what was not packed here. */
export function unpackRecord(packed: Buffer): StoredRecord | undefined {
  if (packed.length < HEADER || !packed.subarray(0, EPOCH).equals(MAGIC)) return undefined;
  const body = HEADER + packed.readUInt32LE(LENGTHS);
  if (body + packed.readUInt32LE(LENGTHS + 4) !== packed.length) return undefined;
  const header = parse(packed.toString('utf8', HEADER, body));
  if (!Array.isArray(header)) return undefined;
  const [endless, tags] = header as unknown[];
  if (typeof endless !== 'boolean' || !isTags(tags)) return undefined;
  const epoch = packed.toString('latin1', EPOCH, CLOCK);
  return { epoch, clock: packed.readDoubleLE(CLOCK), endless, tags, bytes: packed.subarray(body) };
}

function isTags(tags: unknown): tags is readonly string[] {
  return Array.isArray(tags) && tags.length <= MOST_TAGS && tags.every((tag) => typeof tag === 'string');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
