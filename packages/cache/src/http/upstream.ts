import type { Milliseconds } from '../units.ts';
import { BodyReader, closeSource } from './body-reader.ts';
import { freshen, strongTag, unconditionalFields, updatedFields, validationFields } from './conditional.ts';
import type { ResponseTimes } from './freshness.ts';
import {
  fieldValue,
  withField,
  withLength,
  withoutFields,
  type HttpBody,
  type HttpRequest,
  type HttpResponse,
} from './http-message.ts';
import { contentRange, onlyGap, type ByteRange } from './ranges.ts';
import type { StoredResponse } from './stored-response.ts';

/** Sends a request on, towards its origin. */
export type Forward = (request: HttpRequest) => Promise<HttpResponse>;

/** What to ask the next server for, as what is stored allows. */
export type Plan =
  | { readonly kind: 'forward' }
  /** Whether the stored response still holds. */
  | { readonly kind: 'validate'; readonly stored: StoredResponse }
  /** The bytes that it lacks. */
  | { readonly kind: 'complete'; readonly stored: StoredResponse; readonly gap: ByteRange };

/** What came of a plan. */
export interface Fetched extends ResponseTimes {
  /** Where `validated` is set, the 304 alone. */
  readonly response: HttpResponse;
  /** The stored response as the 304 updated it. */
  readonly validated?: StoredResponse;
}

/** @param now the wall clock */
export async function fetchFor(
  plan: Plan,
  request: HttpRequest,
  forward: Forward,
  now: () => Milliseconds,
): Promise<Fetched> {
  const requestedAt = now();
  const response = await forward(requestOf(plan, request));
  const fetched = outcomeOf(plan, response, { requestedAt, receivedAt: now() });
  if (fetched !== undefined) return fetched;
  // The answer is about another representation: only the whole can help.
  discard(response.body);
  return fetchFor({ kind: 'forward' }, { ...request, headers: unconditionalFields(request.headers) }, forward, now);
}

/** Tells the source of a body that nobody will read it. */
export function discard(body: HttpBody | undefined): void {
  if (body === undefined || body instanceof Uint8Array) return;
  const iterator = body[Symbol.asyncIterator]();
  // An async generator that has not begun ends without running its clean-up: it must be begun.
  void iterator
    .next()
    .then(() => iterator.return?.())
    .catch(() => undefined);
}

/** The response, which calls `onLeft` when its body is closed, or the signal aborts, before the end. */
export function whileRead(response: HttpResponse, signal: AbortSignal | undefined, onLeft: () => void): HttpResponse {
  const { body } = response;
  if (body === undefined || body instanceof Uint8Array) return response;
  const source = body[Symbol.asyncIterator]();
  const leave = (): void => {
    onLeft();
    closeSource(source);
  };
  signal?.addEventListener('abort', leave, { once: true });
  const reader = new BodyReader(
    async () => {
      const result = await source.next();
      return result.done === true ? undefined : result.value;
    },
    (early) => {
      signal?.removeEventListener('abort', leave);
      if (early) leave();
    },
  );
  return { ...response, body: reader };
}

/** Undefined when the plan has failed. */
function outcomeOf(plan: Plan, response: HttpResponse, times: ResponseTimes): Fetched | undefined {
  if (plan.kind === 'complete') {
    const completed = completion(plan, response, times.receivedAt);
    return completed && { response: completed, ...times };
  }
  if (plan.kind === 'forward' || response.status !== 304) return { response, ...times };
  const validated = freshen(plan.stored, response, times);
  return validated && { response, validated, ...times };
}

function requestOf(plan: Plan, request: HttpRequest): HttpRequest {
  if (plan.kind === 'forward') return request;
  if (plan.kind === 'validate') return { ...request, headers: validationFields(request.headers, plan.stored) };
  const { first, last } = plan.gap;
  const toEnd = plan.stored.length === last + 1;
  const headers = withField(unconditionalFields(request.headers), 'Range', `bytes=${first}-${toEnd ? '' : last}`);
  const tag = strongTag(plan.stored.headers);
  // Without a strong validator parts do not combine: a 200 is used, and after a 206 the whole is asked for.
  return { ...request, headers: tag === undefined ? headers : [...headers, ['If-Range', tag]] };
}

/**
 * The whole response from the stored parts and those that came, which combine only under one strong validator (RFC 9111
 * §3.4); as it came where it needs no combining; undefined where it is of no use.
 */
function completion(
  { stored, gap }: Extract<Plan, { kind: 'complete' }>,
  response: HttpResponse,
  receivedAt: Milliseconds,
): HttpResponse | undefined {
  if (response.status !== 206) return response.status === 304 || response.status === 416 ? undefined : response;
  const fits = fieldValue(response.headers, 'content-range')?.toLowerCase() === contentRange(gap, stored.length);
  const tag = strongTag(response.headers);
  if (!fits || tag === undefined || tag !== strongTag(stored.headers)) return undefined;
  const rest = response.body ?? new Uint8Array();
  const headers = withoutFields(
    updatedFields(stored.headers, response.headers, receivedAt),
    new Set(['age', 'content-range']),
  );
  return {
    status: 200,
    statusText: 'OK',
    // A gap is known only where the length is.
    headers: withLength(headers, stored.length!),
    body: joined(stored, gap, rest),
  };
}

async function* joined(stored: StoredResponse, gap: ByteRange, rest: HttpBody): AsyncGenerator<Uint8Array> {
  for (const { first, bytes } of stored.parts) if (first < gap.first) yield bytes;
  let missing = gap.last - gap.first + 1;
  for await (const chunk of rest instanceof Uint8Array ? [rest] : rest) {
    missing -= chunk.length;
    if (missing < 0) break;
    yield chunk;
  }
  // To go on would give bytes in wrong places, and more or fewer than Content-Length says.
  if (missing !== 0) throw new Error('Cannot complete a body: its rest has another length');
  for (const { first, bytes } of stored.parts) if (first > gap.first) yield bytes;
}

/** The plan for a stored response that lacks bytes; undefined when it lacks too many, or is not known to. */
export function completionOf(stored: StoredResponse): Plan | undefined {
  const gap = onlyGap(stored.parts, stored.length);
  return gap === undefined ? undefined : { kind: 'complete', stored, gap };
}
