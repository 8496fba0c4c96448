/**
 * Caching of responses: a bounded synchronous engine, and on it an asynchronous cache with one load per key, tags and
 * patterns, and invalidation that a running load cannot undo.
 *
 * @example
 * import { ResponseCache } from '@forge/cache';
 *
 * const cache = new ResponseCache<string>({ maxSize: 10_000, defaultTTL: 60_000 });
 * const load = async ({ signal }: { signal: AbortSignal }) => (await fetch(url, { signal })).text();
 * const body = await cache.getOrSet(url, load, { tags: ['pages'] });
 * await cache.invalidateTag('pages');
 * await cache.close();
 *
 * @module
 */
export { CacheError, type CacheErrorCode } from './errors.ts';
export type { CacheEvents } from './events.ts';
export { MemoryCache } from './memory/memory-cache.ts';
export type { CacheMetrics, MemoryCacheMetrics, MetricKinds } from './metrics.ts';
export type { CacheEntry, MemoryCacheOptions, RemovalReason, SetOptions } from './memory/memory-options.ts';
export type { CacheConfig, GetOrSetOptions, Loader, LoaderContext } from './response/cache-config.ts';
export type { Bytes, Milliseconds, Percent } from './units.ts';
export { ResponseCache } from './response/response-cache.ts';
