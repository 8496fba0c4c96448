import type { Milliseconds } from '../units.ts';
import { dateOf, type ResponseTimes, type TimedResponse } from './freshness.ts';
import { formatHttpDate, parseHttpDate } from './http-date.ts';
import {
  fieldValue,
  hasField,
  hopByHopFields,
  statedLength,
  withoutFields,
  type HttpField,
  type HttpResponse,
} from './http-message.ts';
import type { StoredHead, StoredResponse } from './stored-response.ts';

/** What a request says about the representation that its client, or another server, has. */
const CLIENT_CONDITIONS: ReadonlySet<string> = new Set(['if-none-match', 'if-modified-since', 'if-range', 'range']);
/** What a 304 does not change, for it describes the body that is stored (RFC 9111 §3.2). */
export const OF_THE_BODY = ['content-encoding', 'content-length', 'content-md5', 'content-range'] as const;
const ENTITY_TAGS = /(?:W\/)?"[^"]*"/g;

/** Such a condition guards the origin's state: only the origin can answer it (RFC 9111 §4.3.2). */
export function isForOrigin(headers: readonly HttpField[]): boolean {
  return hasField(headers, 'if-match') || hasField(headers, 'if-unmodified-since');
}

/** Whether the answer depends on what the client already has. */
export function isConditional(headers: readonly HttpField[]): boolean {
  return headers.some(([name]) => CLIENT_CONDITIONS.has(name.toLowerCase()));
}

export function hasValidator(headers: readonly HttpField[]): boolean {
  return hasField(headers, 'etag') || hasField(headers, 'last-modified');
}

/** The entity tag when it is strong, so that equal tags mean equal bytes. */
export function strongTag(headers: readonly HttpField[]): string | undefined {
  const tag = fieldValue(headers, 'etag');
  return tag !== undefined && /^"[^"]*"$/.test(tag) ? tag : undefined;
}

/** Whether to answer 304: `If-None-Match`, and only without it `If-Modified-Since` (RFC 9110 §13.2.2). */
export function isNotModified(request: readonly HttpField[], stored: TimedResponse, now: Milliseconds): boolean {
  if (stored.status < 200 || stored.status > 299) return false;
  const noneMatch = fieldValue(request, 'if-none-match');
  if (noneMatch !== undefined) {
    if (noneMatch === '*') return true;
    const opaque = opaqueTag(fieldValue(stored.headers, 'etag') ?? '');
    return opaque !== undefined && (noneMatch.match(ENTITY_TAGS) ?? []).some((tag) => opaqueTag(tag) === opaque);
  }
  const since = parseHttpDate(fieldValue(request, 'if-modified-since') ?? '', now);
  if (since === undefined) return false;
  const modified = fieldValue(stored.headers, 'last-modified');
  return (modified === undefined ? dateOf(stored) : (parseHttpDate(modified, now) ?? Infinity)) <= since;
}

/**
 * Whether a `Range` holds: without `If-Range`, or when that is the entity tag of what is stored (RFC 9110 §13.1.5). A date
 * there gets the whole, which a server may give to any range: whether a date is strong takes more than one answer to know.
 */
export function rangeApplies(request: readonly HttpField[], stored: TimedResponse): boolean {
  const condition = fieldValue(request, 'if-range');
  return condition === undefined || condition === strongTag(stored.headers);
}

/** The request that asks whether the stored response still holds. What its client has is compared afterwards. */
export function validationFields(request: readonly HttpField[], { headers }: TimedResponse): HttpField[] {
  const fields = withoutFields(request, CLIENT_CONDITIONS);
  const tag = fieldValue(headers, 'etag');
  const modified = fieldValue(headers, 'last-modified');
  if (tag !== undefined) fields.push(['If-None-Match', tag]);
  if (modified !== undefined) fields.push(['If-Modified-Since', modified]);
  return fields;
}

export function unconditionalFields(request: readonly HttpField[]): HttpField[] {
  return withoutFields(request, CLIENT_CONDITIONS);
}

/**
 * The stored response with the fields of a 304 (RFC 9111 §4.3.4); undefined when the 304 speaks of another
 * representation, and so must not update this one.
 */
export function freshen(
  stored: StoredResponse,
  { headers }: HttpResponse,
  times: ResponseTimes,
): StoredResponse | undefined {
  if (!isAbout(stored, headers)) return undefined;
  return { ...stored, ...times, headers: updatedFields(stored.headers, headers, times.receivedAt) };
}

/** The stored response with the fields of a later answer to a HEAD (RFC 9111 §4.3.5); undefined as for a 304. */
export function freshenByHead(
  stored: StoredResponse,
  head: HttpResponse,
  times: ResponseTimes,
): StoredResponse | undefined {
  const length = statedLength(head.headers) ?? stored.length;
  const fits = stored.status === head.status && (stored.length === undefined || stored.length === length);
  return fits ? freshen(stored, head, times) : undefined;
}

/** The stored fields, each replaced by the lines of it that the newer message has, whose own age begins now. */
export function updatedFields(
  stored: readonly HttpField[],
  newer: readonly HttpField[],
  receivedAt: Milliseconds,
): HttpField[] {
  const added = withoutFields(newer, new Set([...hopByHopFields(newer), ...OF_THE_BODY, 'etag']));
  if (!hasField(added, 'date')) added.push(['Date', formatHttpDate(receivedAt)]);
  const replaced = new Set(added.map(([name]) => name.toLowerCase()));
  // The ages that earlier caches counted end with what they counted.
  replaced.add('age');
  return [...withoutFields(stored, replaced), ...added];
}

function isAbout(stored: StoredHead, newer: readonly HttpField[]): boolean {
  const tag = fieldValue(newer, 'etag');
  const storedTag = fieldValue(stored.headers, 'etag');
  if (tag !== undefined) return storedTag !== undefined && opaqueTag(tag) === opaqueTag(storedTag);
  const modified = fieldValue(newer, 'last-modified');
  return storedTag !== undefined || modified === undefined || modified === fieldValue(stored.headers, 'last-modified');
}

/** For the weak comparison (RFC 9110 §8.8.3.2). */
function opaqueTag(tag: string): string | undefined {
  return /^(?:W\/)?("[^"]*")$/.exec(tag)?.[1];
}
