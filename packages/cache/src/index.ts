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
export type { CacheEntry, MemoryCacheOptions, RemovalReason, SetOptions } from './memory/memory-options.ts';
export type { CacheMetrics, MemoryCacheMetrics, MetricKinds } from './metrics.ts';
export type { BulkLoader, BulkValues } from './response/bulk.ts';
export type { CacheConfig, EntryOptions, GetOrSetOptions } from './response/cache-config.ts';
export type { Codec } from './response/codec.ts';
export type { AbsenceReason } from './response/departures.ts';
export type { DumpedEntry } from './response/dump.ts';
export type { CacheExplanation } from './response/explain.ts';
export { globMatcher } from './tiers/glob.ts';
export type { Loader, LoaderContext, NotModified, Previous } from './response/loader.ts';
export type { CacheNamespace } from './response/namespace.ts';
export { ResponseCache } from './response/response-cache.ts';
export type { ValuePolicy } from './response/values.ts';
export type { InvalidationBus } from './tiers/bus.ts';
export type { CacheStore, Invalidation, StoreLease, StoreRecord } from './tiers/store.ts';
export type { Bytes, Milliseconds, Percent, Ratio } from './units.ts';
