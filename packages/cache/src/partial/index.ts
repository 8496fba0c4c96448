/**
 * Partial caching: what is missing is loaded, what is there is not asked for again.
 *
 * @example
 * import { MemoryCache } from '@forge/cache';
 * import { RangeCache } from '@forge/cache/partial';
 *
 * const cache = new MemoryCache({ maxBytes: 64 * 2 ** 20 });
 * const ranges = new RangeCache({ cache, name: 'films', load: fetchRange });
 * await ranges.read('/a.mp4', { start: 0, end: 100_000 });
 * await ranges.read('/a.mp4', { start: 50_000, end: 150_000 }); // loads 100_000 to 150_000
 *
 * @module
 */
export { Collection } from './collection.ts';
export type { CollectionOptions, LoadedPage, Page, PageLoader } from './collection.ts';
export { contentRange, parseContentRange, parseRange } from './content-range.ts';
export { Deltas, type Delta, type DeltasOptions } from './deltas.ts';
export { contentEtag } from './etag.ts';
export { composite, Fragments, leaf, type FragmentsOptions } from './fragments.ts';
export type { Composite, Fragment, FragmentAnswer, Leaf, Parts } from './fragments.ts';
export type { ManyLoader } from './gatherer.ts';
export type { Interval } from './intervals.ts';
export type { Producer } from './live-stream.ts';
export { diff, mergePatch, type Json } from './merge-patch.ts';
export type { LoadingCache, PartContext, PartMemory, ReadOptions } from './part-caches.ts';
export { RangeCache } from './range-cache.ts';
export type { RangeAnswer, RangeCacheOptions, RangeContext, RangeLoader, RangeSlice } from './range-cache.ts';
export type { RangeData } from './range-record.ts';
export { StreamCache, type StreamCacheOptions } from './stream-cache.ts';
