import { isUnqualified, namedFields, responseDirectives, type Directives } from './cache-control.ts';
import { hasValidator } from './conditional.ts';
import { ageOf, isHeuristicallyCacheable, lifetimeOf, type TimedResponse } from './freshness.ts';
import { hasField, type HttpRequest } from './http-message.ts';
import { parseContentRange } from './ranges.ts';
import { parseVary } from './vary.ts';

/** How a response may be stored. */
export interface Admission {
  readonly directives: Directives;
  readonly vary: readonly string[];
  /** Fields that only the first client may see, in lower case. */
  readonly omitted: readonly string[];
}

/** With those that are cacheable by default: the statuses that this cache knows, as `must-understand` asks. */
const UNDERSTOOD: ReadonlySet<number> = new Set([302, 303, 307, 400, 403, 406, 500, 502, 503, 504]);

/**
 * Answers to what no key knows of: a request's conditions, range or credentials, its connection, its client's pace. RFC
 * 6585 forbids to store 428, 429, 431 and 511.
 */
const OF_ONE_REQUEST: ReadonlySet<number> = new Set([304, 401, 407, 412, 416, 421, 425, 428, 429, 431, 511]);

/**
 * Whether and how the response may be stored (RFC 9111 §3); undefined when it must not, when it says so in a way that
 * cannot be parsed, or when no later request could use it.
 *
 * Stricter than the RFC in two points. What answers one request alone, such as a 401, is not stored whatever it says, for
 * others would get it in place of the resource. And `Set-Cookie` does not inhibit caching (RFC 9111 §7.3), but a shared cache stores it only
 * with `public`, and the rest of the response without it where `private` or `no-cache` names the field. Frameworks add a
 * session to answers whose `max-age` was set elsewhere, and a session that everybody gets is the one mistake that an origin
 * does not notice.
 */
export function admissionOf(
  request: Pick<HttpRequest, 'method' | 'headers'>,
  wishes: Directives,
  response: TimedResponse,
  shared: boolean,
): Admission | undefined {
  const { status, headers } = response;
  const directives = responseDirectives(headers, shared);
  const vary = parseVary(headers);
  if (directives === undefined || vary === undefined) return undefined;
  if (wishes.has('no-store') || OF_ONE_REQUEST.has(status)) return undefined;
  if (status === 206 && !isStorablePart(request, response)) return undefined;
  if (directives.has('must-understand') ? !isUnderstood(status) : directives.has('no-store')) return undefined;
  const omitted = [...(namedFields(directives, 'no-cache') ?? [])];
  if (shared) omitted.push(...(namedFields(directives, 'private') ?? []));
  const admission = { directives, vary, omitted };
  if (shared && !isForEverybody(request, response, admission)) return undefined;
  return allowsStoring(response, directives, shared) && isOfUse(response, directives, shared) ? admission : undefined;
}

/** Whether the response may not be stored whoever asks: what is stored then no longer is what the origin answers. */
export function isUnstorable(response: TimedResponse, shared: boolean): boolean {
  return admissionOf({ method: 'GET', headers: [] }, new Map(), response, shared) === undefined;
}

function isForEverybody(
  request: Pick<HttpRequest, 'headers'>,
  { headers }: TimedResponse,
  { directives, omitted }: Admission,
): boolean {
  if (isUnqualified(directives, 'private')) return false;
  if (hasField(headers, 'set-cookie') && !directives.has('public') && !omitted.includes('set-cookie')) return false;
  // RFC 9111 §3.5
  const permits = ['public', 's-maxage', 'must-revalidate'].some((name) => directives.has(name));
  return permits || !hasField(request.headers, 'authorization');
}

function allowsStoring({ status, headers }: TimedResponse, directives: Directives, shared: boolean): boolean {
  const explicit = ['public', 'max-age', shared ? 's-maxage' : 'private'].some((name) => directives.has(name));
  return explicit || hasField(headers, 'expires') || isHeuristicallyCacheable(status);
}

/** Fresh now, or stale but with a way to ask whether it still holds. */
function isOfUse(response: TimedResponse, directives: Directives, shared: boolean): boolean {
  if (hasValidator(response.headers)) return true;
  if (isUnqualified(directives, 'no-cache')) return false;
  return lifetimeOf(response, directives, shared) > ageOf(response, response.receivedAt);
}

/** RFC 9111 §5.2.2.3: such a response may be stored in spite of `no-store`. */
function isUnderstood(status: number): boolean {
  return isHeuristicallyCacheable(status) || UNDERSTOOD.has(status);
}

/** One range of bytes that somebody asked for. */
function isStorablePart({ method, headers }: Pick<HttpRequest, 'method' | 'headers'>, part: TimedResponse): boolean {
  return method === 'GET' && hasField(headers, 'range') && parseContentRange(part.headers) !== undefined;
}
