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
export type {
  CacheEntry,
  LoadableEntry,
  MemoryCacheOptions,
  RemovalReason,
  SetOptions,
} from './memory/memory-options.ts';
export type { CacheMetrics, MemoryCacheMetrics, MetricKinds } from './metrics.ts';
export type { BulkLoader, BulkValues } from './response/loading/bulk.ts';
export type { CacheConfig, EntryOptions, GetOrSetOptions } from './response/cache-config.ts';
export type { Codec } from './response/values/codec.ts';
export type { AbsenceReason } from './response/entries/departures.ts';
export type { DumpedEntry } from './response/entries/dump.ts';
export type { CacheExplanation } from './response/entries/explain.ts';
export { globMatcher } from './tiers/glob.ts';
export type { Loader, LoaderContext, NotModified, Previous } from './response/loading/loader.ts';
export type { KeyedCache } from './response/keyed-cache.ts';
export type { CacheNamespace } from './response/namespace.ts';
export { ResponseCache } from './response/response-cache.ts';
export type { ValuePolicy } from './response/values/values.ts';
export type { InvalidationBus } from './tiers/bus.ts';
export type { CacheStore, Invalidation, StoreLease, StoreRecord } from './tiers/store.ts';
export type { Bytes, Milliseconds, Percent, Ratio } from './units.ts';
