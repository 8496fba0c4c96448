import type { Milliseconds } from '../units.ts';
import type { EntryOptions, GetOrSetOptions } from './cache-config.ts';
import type { CacheExplanation } from './entries/explain.ts';
import type { BulkLoader } from './loading/bulk.ts';
import type { Loader } from './loading/loader.ts';

/**
 * What is done with keys and tags, the same in a whole `ResponseCache` and in each of its namespaces: what a function asks
 * for that is to work on either.
 *
 * Every method does its work in this process before it returns its promise, so an invalidation holds from the call on,
 * awaited or not; the promise tells that the second tier knows it too, or will. A wrong argument throws at once, a call
 * after `close()` rejects with `CACHE_CLOSED`.
 */
export interface KeyedCache<V> {
  /**
   * The value; undefined on a miss. Asks the second tier, but waits for no load. A stale value is a miss, for nothing here
   * could renew it.
   */
  get(key: string): Promise<V | undefined>;

  /**
   * Stores the value, and fences a load of the key that runs: it will not overwrite this.
   *
   * Returns whether it was stored: not when it is larger than the bounds or its ttl is 0 or less. An older value of the
   * key is gone in any case. A value equal to the one that is there only renews it: no event, nothing that depends on it
   * is invalidated, no other process hears of it. Throws at once what `MemoryCache.set` throws, and for a value that
   * cannot be kept in the way that `values` says.
   *
   * @param options a number is the ttl
   */
  set(key: string, value: V, options?: Milliseconds | EntryOptions): Promise<boolean>;

  /**
   * The value, from the cache or else from the loader.
   *
   * Concurrent callers of a key share one load, with the first caller's loader, options and async context and the tags of
   * all. They should name the same tags: a caller with a tag that was invalidated since the load began starts a load of
   * its own, and fences the first. A caller whose signal aborts is rejected with the signal's reason, alone; when the
   * last has gone the loader's signal aborts and what it still returns is dropped. A rejection goes to every caller. A
   * value that could be loaded but not stored, because `ttl`, `sizeOf` or the codec threw, is given all the same and told
   * of by `cacheError`.
   *
   * A stale value is given at once while the load goes on, within `staleWhileRevalidate`; within `staleIfError` it is
   * given when the load fails or takes longer than `softTimeout`.
   *
   * A loader must not ask for its own key: it would wait for itself.
   */
  getOrSet(key: string, loader: Loader<V>, options?: GetOrSetOptions<V>): Promise<V>;

  /**
   * The values of the keys, in their order; undefined for a miss. With a loader, the keys that are missing, and no others,
   * are loaded by one call of it, or wait for the loads that run already.
   */
  getMany(keys: readonly string[]): Promise<(V | undefined)[]>;
  getMany(keys: readonly string[], loadMissing: BulkLoader<V>, options?: GetOrSetOptions<V>): Promise<V[]>;

  /** Removes the entry, fences a load of the key that runs, and returns whether there was an entry to read. */
  invalidate(key: string): Promise<boolean>;

  /**
   * Removes the entries that carry the tag, fences the loads that run for it, and returns how many entries there were to
   * read. All are gone at once; of many, the last leave memory in slices. O(running loads).
   *
   * @param options `soft`: makes the entries stale instead, to be served and renewed as such; the second tier forgets them
   */
  invalidateTag(tag: string, options?: { readonly soft?: boolean }): Promise<number>;

  /**
   * Removes the entries whose whole key matches the glob (`*` any run, `?` any one character), or in which the RegExp
   * finds a match, fences the loads of such keys, and returns how many entries there were to read. All are gone at once;
   * finding them is O(entries), in slices. A cache with a store or a bus takes no RegExp, for none is ever made from what
   * came over a wire.
   *
   * @param options `prefix`: the pattern is matched with the rest of the keys that begin so, literally
   */
  invalidatePattern(pattern: string | RegExp, options?: { readonly prefix?: string }): Promise<number>;

  /** Removes the entries whose key begins so, as `invalidatePattern` does. */
  invalidatePrefix(prefix: string): Promise<number>;

  /** Why the next read of the key will be what it will be. Looks at this process alone, and is no use of the entry. */
  explain(key: string): CacheExplanation;
}
