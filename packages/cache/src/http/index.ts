/**
 * HTTP caching (RFC 9111) of whole requests with their responses, free of any framework.
 *
 * @example
 * import { ResponseCache } from '@forge/cache';
 * import { HttpCache, type HttpRecord } from '@forge/cache/http';
 *
 * const cache = new HttpCache({ cache: new ResponseCache<HttpRecord>({ maxBytes: 2 ** 28 }) });
 * const response = await cache.handle({ method: 'GET', url, headers: [['Accept', 'text/html']] }, forward);
 *
 * @module
 */
export { HttpCache, type HttpCacheEvents } from './http-cache.ts';
export type { HttpBody, HttpField, HttpRequest, HttpResponse } from './http-message.ts';
export type { HttpCacheMetrics } from './http-metrics.ts';
export type { HttpCacheOptions } from './http-options.ts';
export type { HttpRecord, HttpStore, VariantIndex } from './http-store.ts';
export type { StoredPart } from './ranges.ts';
export type { StoredHead, StoredResponse } from './stored-response.ts';
export type { ResponseTimes, TimedResponse } from './freshness.ts';
export type { Forward } from './upstream.ts';
export type { Bytes, Milliseconds } from '../units.ts';
export type { Clock } from '@forge/internal';
