import type { Milliseconds } from '../units.ts';
import { durationOf, isTargeted, type Directives } from './cache-control.ts';
import { parseHttpDate } from './http-date.ts';
import { fieldLines, fieldValue, type HttpField } from './http-message.ts';

/**
 * How old a response is and how old it may get (RFC 9111 §4.2).
 *
 * Age needs three clocks' words: the origin's `Date`, the `Age` that caches before us counted, and our own instants of
 * request and answer. What the origin says is corrected by what we saw, never the other way round, so that a clock that is
 * wrong makes a response older, not younger.
 */

/** When, on this machine's wall clock, a request left and the head of its response came. */
export interface ResponseTimes {
  readonly requestedAt: Milliseconds;
  readonly receivedAt: Milliseconds;
}

/** A response and its times. */
export interface TimedResponse extends ResponseTimes {
  readonly status: number;
  readonly headers: readonly HttpField[];
}

/** Without explicit freshness a response is fresh for a tenth of the time that it had not changed (RFC 9111 §4.2.2) … */
const HEURISTIC_SHARE = 0.1;
/** … but no longer than a day, for nobody promised anything. */
const HEURISTIC_MOST: Milliseconds = 86_400_000;
const MS = 1000;
/** RFC 9110 §15.1; 206 is judged as the 200 that it is a part of. */
const HEURISTICALLY_CACHEABLE: ReadonlySet<number> = new Set([
  200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501,
]);

export function isHeuristicallyCacheable(status: number): boolean {
  return HEURISTICALLY_CACHEABLE.has(status);
}

/** `current_age` of RFC 9111 §4.2.3. */
export function ageOf(response: TimedResponse, now: Milliseconds): Milliseconds {
  const { requestedAt, receivedAt } = response;
  // In whole seconds, as Date is: what it cut off is no age.
  const apparent = Math.max(0, Math.floor(receivedAt / MS) * MS - dateOf(response));
  const delay = Math.max(0, receivedAt - requestedAt);
  const initial = Math.max(apparent, statedAge(response.headers) + delay);
  return initial + Math.max(0, now - receivedAt);
}

/** `freshness_lifetime` of RFC 9111 §4.2.1; 0 when nothing gives one. */
export function lifetimeOf(response: TimedResponse, directives: Directives, shared: boolean): Milliseconds {
  const explicit = (shared ? durationOf(directives, 's-maxage') : undefined) ?? durationOf(directives, 'max-age');
  if (explicit !== undefined) return explicit;
  const expires = isTargeted(response.headers, shared) ? [] : fieldLines(response.headers, 'expires');
  return expires.length > 0 ? untilExpiry(response, expires) : heuristicLifetime(response, directives);
}

/** `Date`, or where it is missing or invalid the time of receipt (RFC 9110 §6.6.1). */
export function dateOf({ headers, receivedAt }: TimedResponse): Milliseconds {
  return parseHttpDate(fieldValue(headers, 'date') ?? '', receivedAt) ?? receivedAt;
}

/** An invalid `Expires`, above all `0`, is in the past (RFC 9111 §5.3), and so are several that disagree. */
function untilExpiry(response: TimedResponse, expires: readonly string[]): Milliseconds {
  const at = expires.every((each) => each === expires[0]) ? parseHttpDate(expires[0]!, response.receivedAt) : undefined;
  return at === undefined ? 0 : Math.max(0, at - dateOf(response));
}

function heuristicLifetime(response: TimedResponse, directives: Directives): Milliseconds {
  if (!isHeuristicallyCacheable(response.status) && !directives.has('public')) return 0;
  const lastModified = parseHttpDate(fieldValue(response.headers, 'last-modified') ?? '', response.receivedAt);
  if (lastModified === undefined) return 0;
  return Math.min(Math.max(0, dateOf(response) - lastModified) * HEURISTIC_SHARE, HEURISTIC_MOST);
}

/** The first member of `Age`; one that is no number of seconds is ignored (RFC 9111 §5.1). */
function statedAge(headers: readonly HttpField[]): Milliseconds {
  const first = fieldLines(headers, 'age')[0]?.split(',')[0]?.trim() ?? '';
  return /^\d+$/.test(first) ? Math.min(Number(first), 2 ** 31) * MS : 0;
}
