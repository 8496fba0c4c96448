import { EntryTable } from './entry-table.ts';
import {
  entryTerms,
  memorySettings,
  type MemoryCacheOptions,
  type MemorySettings,
  type SetOptions,
} from './memory-options.ts';

/**
 * A bounded synchronous cache: least recently used entries leave first.
 *
 * An expired entry is never served; it keeps its place in `size` and `bytes` until it is read with `get`, evicted or
 * swept. A stored `undefined` is a value: `has` tells it from a miss, and so does a second argument of `get`.
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
   * Stores the value as the most recently used and evicts what no longer fits.
   *
   * Returns whether it was stored. A value larger than `maxBytes`, or with a ttl of 0 or less, is not, and nothing is
   * evicted for it; an older value of the key leaves all the same, since it is no longer the current one.
   *
   * @throws TypeError or RangeError on a wrong key, ttl, tags or size, and what `sizeOf` throws; nothing has changed then
   */
  override set(key: string, value: V, options: SetOptions = {}): boolean {
    return super.set(key, value, entryTerms(this.#settings, key, value, options));
  }
}
