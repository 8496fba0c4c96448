import { createHash } from 'node:crypto';
import { fieldValue, type HttpRequest } from './http-message.ts';
import type { HttpCacheSettings } from './http-options.ts';
import { tuple } from './keys.ts';

/** What a request is about. */
export interface Target {
  readonly url: URL;
  /** The key of all variants: partition, method, URL and, where the caller opted in, body. */
  readonly resource: string;
}

/** Undefined when the request has no answer that a later one could share. */
export function targetOf(url: URL, request: HttpRequest, settings: HttpCacheSettings): Target | undefined {
  const { method, body } = request;
  if (method === 'GET' || method === 'HEAD') return body === undefined ? getTarget(url, request, settings) : undefined;
  if (method !== 'POST' && method !== 'QUERY') return undefined;
  if (!(body instanceof Uint8Array) || !settings.cacheBody(request)) return undefined;
  const digest = createHash('sha256').update(body).digest('base64url');
  const described = ['content-type', 'content-encoding'].map((name) => fieldValue(request.headers, name));
  return { url, resource: tuple(['http', settings.partition(request), method, url.href, digest, ...described]) };
}

/** What a GET of the URL is about, whatever the request's method. */
export function getTarget(url: URL, request: HttpRequest, { partition }: HttpCacheSettings): Target {
  return { url, resource: tuple(['http', partition(request), 'GET', url.href]) };
}
