import type { Bytes, Milliseconds } from '../units.ts';
import { isNotModified, OF_THE_BODY, rangeApplies } from './conditional.ts';
import { ageOf } from './freshness.ts';
import {
  withField,
  withLength,
  withoutFields,
  type HttpBody,
  type HttpField,
  type HttpRequest,
  type HttpResponse,
} from './http-message.ts';
import { bytesOf, contentRange, parseRange, resolveRange } from './ranges.ts';
import { completeBody, type StoredHead, type StoredResponse } from './stored-response.ts';

/** What an answer without the body has no use for. */
const DESCRIPTIONS: ReadonlySet<string> = new Set([...OF_THE_BODY, 'content-language', 'content-type']);
const MS = 1000;

/**
 * The answer that a stored response gives to a GET or HEAD: 200, 304, 206 or 416 as the request's conditions and range
 * ask; undefined when it needs bytes that are not stored.
 */
export function answerFrom(stored: StoredResponse, request: HttpRequest, now: Milliseconds): HttpResponse | undefined {
  const headers = withAge(stored, now);
  if (isNotModified(request.headers, stored, now)) {
    return { status: 304, headers: withoutFields(headers, DESCRIPTIONS) };
  }
  // A range is of a 200, or of what a 206 showed of one.
  const isRangeable = request.method === 'GET' && (stored.status === 200 || stored.status === 206);
  const range = isRangeable ? parseRange(request.headers) : undefined;
  if (range === undefined || !rangeApplies(request.headers, stored)) return wholeAnswer(stored, request, headers);
  const resolved = resolveRange(range, stored.length);
  if (resolved === undefined) return undefined;
  if (resolved === 'unsatisfiable') {
    const fields = withField(withoutFields(headers, DESCRIPTIONS), 'Content-Range', `bytes */${stored.length}`);
    return { status: 416, headers: withLength(fields, 0) };
  }
  const body = bytesOf(stored.parts, resolved);
  if (body === undefined) return undefined;
  const fields = withField(headers, 'Content-Range', contentRange(resolved, stored.length));
  return { status: 206, headers: withLength(fields, body.length), body };
}

/** The answer whose body is still on its way: always the whole, which a server may give to any range. */
export function streamedAnswer(head: StoredHead, body: HttpBody, length: Bytes, now: Milliseconds): HttpResponse {
  const { status, statusText } = head;
  return { status, statusText, headers: withLength(withAge(head, now), length), body };
}

function wholeAnswer(
  stored: StoredResponse,
  { method }: HttpRequest,
  headers: readonly HttpField[],
): HttpResponse | undefined {
  const body = completeBody(stored);
  if (body === undefined) return undefined;
  const { status, statusText } = stored;
  const fields = status === 204 ? headers : withLength(headers, body.length);
  return { status, statusText, headers: fields, body: method === 'HEAD' ? undefined : body };
}

function withAge(head: StoredHead, now: Milliseconds): HttpField[] {
  return withField(head.headers, 'Age', String(Math.floor(ageOf(head, now) / MS)));
}
