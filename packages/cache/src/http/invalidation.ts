import { parseCacheControl } from './cache-control.ts';
import { invalidatedGroups } from './groups.ts';
import { fieldValue, hasField, parseUrl, type HttpRequest, type HttpResponse } from './http-message.ts';

/** RFC 9110 §9.2.1, with QUERY. What is not known to be safe is not. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY']);

export function isSafe(method: string): boolean {
  return SAFE.has(method);
}

export interface Invalidated {
  readonly urls: readonly string[];
  /** Of the request's origin. */
  readonly groups: readonly string[];
}

/**
 * What the answer to an unsafe request makes invalid: its URL, and what `Location` and `Content-Location` name on the
 * same origin (RFC 9111 §4.4), for no site may invalidate another's; and its groups. An error changes nothing.
 */
export function invalidatedBy(url: URL, { status, headers }: HttpResponse): Invalidated {
  if (status < 200 || status > 399) return { urls: [], groups: [] };
  const urls = new Set([url.href]);
  for (const field of ['location', 'content-location']) {
    const named = parseUrl(fieldValue(headers, field), url.href);
    if (named !== undefined && named.origin === url.origin) urls.add(named.href);
  }
  return { urls: [...urls], groups: invalidatedGroups(headers) };
}

/** Whether the answer to a POST says that it is what a GET of its URL would give, and for how long (RFC 9110 §9.3.3). */
export function representsGet(url: URL, { method }: HttpRequest, { status, headers }: HttpResponse): boolean {
  if (method !== 'POST' || status !== 200) return false;
  if (parseUrl(fieldValue(headers, 'content-location'), url.href)?.href !== url.href) return false;
  const directives = parseCacheControl(headers);
  return hasField(headers, 'expires') || ['max-age', 's-maxage'].some((name) => directives?.has(name) === true);
}
