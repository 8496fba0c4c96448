import { createHash } from 'node:crypto';
import { stringOption } from '@forge/internal';
import { fieldValue, type HttpRequest } from './http-message.ts';
import type { HttpCacheSettings } from './http-options.ts';
import { tuple } from './keys.ts';

/** What a request is about. */
export interface Target {
  readonly url: URL;
  /** The key of all variants: partition, URL, host, method and, where the caller opted in, body. */
  readonly resource: string;
}

/** Undefined when the request has no answer that a later one could share. */
export function targetOf(url: URL, request: HttpRequest, settings: HttpCacheSettings): Target | undefined {
  const { method, headers, body } = request;
  if (method === 'GET' || method === 'HEAD') return body === undefined ? getTarget(url, request, settings) : undefined;
  if (method !== 'POST' && method !== 'QUERY') return undefined;
  if (!(body instanceof Uint8Array) || !settings.cacheBody(request)) return undefined;
  const digest = createHash('sha256').update(body).digest('base64url');
  const described = ['content-type', 'content-encoding'].map((name) => fieldValue(headers, name));
  return getTarget(url, request, settings, [method, digest, ...described]);
}

/**
 * What the request is about when it is taken for a GET of its URL, or for what is named in its place.
 *
 * The key has the URL as it came, for that is what goes forward: `/a/%2e%2e/` is `/` to some servers only. And a `Host`
 * that is not the URL's: whoever forwards it may get the page of another site.
 */
export function getTarget(
  url: URL,
  request: HttpRequest,
  { partition }: HttpCacheSettings,
  named: readonly (string | undefined)[] = ['GET'],
): Target {
  const part = partition(request);
  stringOption('handle a request', 'the partition', part);
  const [asCame] = request.url.split('#', 1);
  const host = fieldValue(request.headers, 'host')?.toLowerCase();
  return { url, resource: tuple(['http', part, asCame, host === url.host ? undefined : host, ...named]) };
}
