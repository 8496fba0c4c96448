import type { Bytes } from '../units.ts';
import { fieldValue, hasField, type HttpField } from './http-message.ts';

/** Bytes of a body from an offset on; never empty. */
export interface StoredPart {
  readonly first: Bytes;
  readonly bytes: Uint8Array;
}

/** Both ends belong to it. */
export interface ByteRange {
  readonly first: Bytes;
  readonly last: Bytes;
}

export type RangeRequest = { readonly first: Bytes; readonly last: Bytes | undefined } | { readonly suffix: Bytes };

/** Parts that an entry holds at most: with more, the smallest go. */
const MOST_PARTS = 16;

/** A request for one range of bytes; undefined where there is none, several, or one that is not understood. */
export function parseRange(headers: readonly HttpField[]): RangeRequest | undefined {
  const [, first, last] = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(fieldValue(headers, 'range') ?? '') ?? [];
  if (first === undefined || last === undefined) return undefined;
  if (first === '') return last === '' ? undefined : { suffix: Number(last) };
  const range = { first: Number(first), last: last === '' ? undefined : Number(last) };
  return range.first <= (range.last ?? Infinity) ? range : undefined;
}

/** The bytes that are meant in a body of this length; undefined where that depends on a length that nobody knows. */
export function resolveRange(range: RangeRequest, length: Bytes | undefined): ByteRange | 'unsatisfiable' | undefined {
  if (length === undefined) {
    return 'suffix' in range || range.last === undefined ? undefined : { first: range.first, last: range.last };
  }
  const first = 'suffix' in range ? Math.max(0, length - range.suffix) : range.first;
  const last = 'suffix' in range ? length - 1 : Math.min(range.last ?? Infinity, length - 1);
  return first <= last ? { first, last } : 'unsatisfiable';
}

/** Of an answer with one range of bytes. */
export function parseContentRange(
  headers: readonly HttpField[],
): (ByteRange & { readonly length: Bytes | undefined }) | undefined {
  const text = fieldValue(headers, 'content-range') ?? '';
  const [, first, last, length] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(text) ?? [];
  if (first === undefined) return undefined;
  const range = { first: Number(first), last: Number(last), length: length === '*' ? undefined : Number(length) };
  return range.first <= range.last && range.last < (range.length ?? Infinity) ? range : undefined;
}

export function contentRange({ first, last }: ByteRange, length: Bytes | undefined): string {
  return `bytes ${first}-${last}/${length ?? '*'}`;
}

/**
 * The part that a 206 brought and the length of the whole; undefined when they contradict each other.
 *
 * One contradiction is a slip in the count and no truncated body: the last n bytes were asked for, n came, and
 * `Content-Range` claims n + 1 up to the end. The public suite of tests has such an origin, and asks that the whole end
 * where the part ends. What could be wrong about that stays with this part: it is never the whole, and without an entity
 * tag no other part is ever combined with it.
 */
export function receivedPart(
  request: readonly HttpField[],
  headers: readonly HttpField[],
  bytes: Uint8Array,
): { readonly part: StoredPart; readonly length: Bytes | undefined } | undefined {
  const range = parseContentRange(headers);
  if (range === undefined || bytes.length === 0) return undefined;
  const { first, last, length } = range;
  const part = { first, bytes };
  if (endOf(part) === last + 1) return { part, length };
  const asked = parseRange(request) ?? {};
  const isTail = 'suffix' in asked && asked.suffix === bytes.length && endOf(part) === last && length === last + 1;
  return isTail && first > 0 && !hasField(headers, 'etag') ? { part, length: last } : undefined;
}

/**
 * The parts with one more, which wins where it overlaps; that alone where together they have more bytes than the limit.
 * O(bytes that it touches).
 */
export function withPart(parts: readonly StoredPart[], added: StoredPart, limit: Bytes): readonly StoredPart[] {
  const touches = (part: StoredPart): boolean => part.first <= endOf(added) && added.first <= endOf(part);
  const touched = parts.filter(touches);
  const first = Math.min(added.first, ...touched.map((part) => part.first));
  const end = Math.max(endOf(added), ...touched.map(endOf));
  const others = parts.filter((part) => !touches(part));
  if (others.reduce((sum, { bytes }) => sum + bytes.length, end - first) > limit) return [added];
  const bytes = new Uint8Array(end - first);
  for (const part of [...touched, added]) bytes.set(part.bytes, part.first - first);
  const largest = [...others, { first, bytes }].sort((a, b) => b.bytes.length - a.bytes.length).slice(0, MOST_PARTS);
  return largest.sort((a, b) => a.first - b.first);
}

/** The bytes of the range; undefined when some are not stored. */
export function bytesOf(parts: readonly StoredPart[], { first, last }: ByteRange): Uint8Array | undefined {
  const part = parts.find((each) => each.first <= first && last < endOf(each));
  return part?.bytes.subarray(first - part.first, last - part.first + 1);
}

/** The one range that is missing; undefined when none is, or several are, or the length is unknown. */
export function onlyGap(parts: readonly StoredPart[], length: Bytes | undefined): ByteRange | undefined {
  if (length === undefined) return undefined;
  const gaps: ByteRange[] = [];
  let end = 0;
  for (const part of parts) {
    if (part.first > end) gaps.push({ first: end, last: part.first - 1 });
    end = endOf(part);
  }
  if (end < length) gaps.push({ first: end, last: length - 1 });
  return gaps.length === 1 ? gaps[0] : undefined;
}

function endOf({ first, bytes }: StoredPart): Bytes {
  return first + bytes.length;
}
