import type { RemovalReason } from './memory/memory-options.ts';
import type { Milliseconds } from './units.ts';

/** The events of a `ResponseCache`; each has one frozen object, and is emitted after the change that it tells of. */
export interface CacheEvents {
  /** A read found the entry; `stale`: which is out of date and loaded anew. */
  cacheHit: [{ readonly key: string; readonly stale: boolean }];
  /** A read found none, and joined no load. */
  cacheMiss: [{ readonly key: string }];
  /** A new value was stored; not when an equal one was there already. */
  cacheSet: [{ readonly key: string; readonly ttl: Milliseconds; readonly tags: readonly string[] }];
  /** An entry left by itself: for room, or by time. */
  cacheEviction: [{ readonly key: string; readonly reason: Extract<RemovalReason, 'evicted' | 'expired'> }];
  /** An entry was invalidated: by a call here, in another process, or because what it depends on has changed. */
  cacheInvalidated: [{ readonly key: string }];
  /** `clear()` removed all entries; `size` is how many there were. `close()` drops them without a word. */
  cacheCleared: [{ readonly size: number }];
  /** A loaded value was given to its callers but could not be stored. */
  cacheError: [{ readonly key: string; readonly error: unknown }];
}
