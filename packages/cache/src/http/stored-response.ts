import type { Bytes } from '../units.ts';
import { dateOf, type ResponseTimes, type TimedResponse } from './freshness.ts';
import { formatHttpDate } from './http-date.ts';
import { hasField, hopByHopFields, withoutFields, type HttpField, type HttpResponse } from './http-message.ts';
import type { StoredPart } from './ranges.ts';

/** A response without its body, as it is stored. */
export interface StoredHead extends TimedResponse {
  readonly kind: 'response';
  readonly statusText: string | undefined;
}

/** A whole response, or those parts of one that have been seen. */
export interface StoredResponse extends StoredHead {
  /** Ascending; no two overlap or touch. */
  readonly parts: readonly StoredPart[];
  /** Of the complete body; undefined where no answer has told it. */
  readonly length: Bytes | undefined;
}

/** A field line, its two quotes and separators, and the object around a record: near enough for a bound on bytes. */
const FIELD_OVERHEAD = 32;
const RECORD_OVERHEAD = 256;

/** @param omitted names of fields that are not to be stored, in lower case */
export function storedHead(
  response: HttpResponse,
  { requestedAt, receivedAt }: ResponseTimes,
  omitted: Iterable<string>,
): StoredHead {
  const { status, statusText, headers } = response;
  // The length is that of the stored body.
  const dropped = new Set([...hopByHopFields(headers), 'content-length', ...omitted]);
  // A part's own place says nothing about the stored whole.
  if (status === 206) dropped.add('content-range');
  const kept: HttpField[] = withoutFields(headers, dropped);
  const head: StoredHead = { kind: 'response', status, statusText, headers: kept, requestedAt, receivedAt };
  if (!hasField(kept, 'date')) kept.push(['Date', formatHttpDate(dateOf(head))]);
  return head;
}

/** All of the body; undefined when only parts of it are stored. */
export function completeBody({ parts, length }: StoredResponse): Uint8Array | undefined {
  if (length === 0) return new Uint8Array();
  const [part] = parts;
  return part !== undefined && part.first === 0 && part.bytes.length === length ? part.bytes : undefined;
}

export function withCompleteBody(head: StoredHead, bytes: Uint8Array): StoredResponse {
  return { ...head, parts: bytes.length === 0 ? [] : [{ first: 0, bytes }], length: bytes.length };
}

/** What the record counts for in a cache that bounds its bytes. */
export function sizeOf({ headers, parts }: StoredResponse): Bytes {
  let size = RECORD_OVERHEAD;
  for (const [name, value] of headers) size += name.length + value.length + FIELD_OVERHEAD;
  for (const { bytes } of parts) size += bytes.length + FIELD_OVERHEAD;
  return size;
}
