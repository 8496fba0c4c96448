import { EntryTable } from './entry-table.ts';
import {
  entryTerms,
  memorySettings,
  type LoadableEntry,
  type MemoryCacheOptions,
  type MemorySettings,
  type SetOptions,
} from './memory-options.ts';
import { loadEntries } from './load-entries.ts';

/**
 * A bounded synchronous cache, with a choice of what leaves first.
 *
 * An expired entry is never served; it keeps its place in `size` and `bytes` until it is read with `get`, evicted, or
 * removed by the timer, at most `cleanupInterval` late. A stored `undefined` is a value: `has` tells it from a miss, and
 * so does a second argument of `get`.
 *
 * @example
 * const cache = new MemoryCache<Buffer>({ maxBytes: 64 * 2 ** 20, defaultTTL: 60_000 });
 * cache.set('/logo.png', bytes, { tags: ['assets'] });
 * cache.get('/logo.png');
 */
export class MemoryCache<V = unknown> extends EntryTable<V> {
  readonly #settings: MemorySettings<V>;

  /** @throws TypeError or RangeError when an option has the wrong type or is out of range */
  constructor(options: MemoryCacheOptions<V> = {}) {
    const settings = memorySettings('create a MemoryCache', options);
    super(settings);
    this.#settings = settings;
  }

  /**
   * Stores the value and evicts what no longer fits.
   *
   * Returns whether the cache holds it. A value larger than `maxEntrySize` or `maxBytes`, or with a ttl of 0 or less, is
   * refused and nothing is evicted for it; an older value of the key leaves all the same, since it is no longer the
   * current one. Policy `gdsf` may keep what it holds and evict the value itself.
   *
   * @throws TypeError or RangeError on a wrong key or option, and what `sizeOf` throws; nothing has changed then
   */
  override set(key: string, value: V, options?: SetOptions): boolean {
    return super.set(key, value, entryTerms(this.#settings, key, value, options));
  }

  /**
   * Stores entries that `dump` or `entries` gave, here or in another process, with what was left of their lives, and returns
   * how many; also what comes from elsewhere, with `set`'s defaults for what it does not say. A key that is held is newer
   * than any dump and stays; what has expired or is too large is passed over.
   *
   * @throws CacheError `CACHE_ENTRY_INVALID` at the first entry that `set` would not take, named by its position from 0;
   * those before it are stored, and what was held stays
   */
  load(entries: Iterable<LoadableEntry<V>>): number {
    return loadEntries(entries, this.#settings, (key, value, terms) => !this.has(key) && super.set(key, value, terms));
  }
}
