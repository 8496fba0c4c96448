import type { Milliseconds, RemovalReason } from './options.ts';

/** A read found a value, or found none. */
export interface CacheReadEvent {
  readonly key: string;
}

/** A value was stored. */
export interface CacheSetEvent {
  readonly key: string;
  readonly ttl: Milliseconds;
  readonly tags: readonly string[];
}

/** An entry left by itself: for room, or by time. */
export interface CacheEvictionEvent {
  readonly key: string;
  readonly reason: Extract<RemovalReason, 'evicted' | 'expired'>;
}

/** An entry was removed by `invalidate`, `invalidateTag` or `invalidatePattern`. */
export interface CacheInvalidatedEvent {
  readonly key: string;
}

/** Everything was removed. */
export interface CacheClearedEvent {
  /** How many entries were held. */
  readonly size: number;
}

/** A failure that no caller was told of. */
export interface CacheErrorEvent {
  readonly key: string;
  readonly error: unknown;
}

/** The events of a `ResponseCache`; each has one frozen object, and is emitted after the change that it tells of. */
export interface CacheEvents {
  cacheHit: [CacheReadEvent];
  cacheMiss: [CacheReadEvent];
  cacheSet: [CacheSetEvent];
  cacheEviction: [CacheEvictionEvent];
  cacheInvalidated: [CacheInvalidatedEvent];
  cacheCleared: [CacheClearedEvent];
  cacheError: [CacheErrorEvent];
}
