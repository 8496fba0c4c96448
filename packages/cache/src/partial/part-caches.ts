import type { MemoryCache } from '../memory/memory-cache.ts';
import type { Milliseconds } from '../units.ts';

/** What every loader of a part gets. */
export interface PartContext {
  /** Aborts when everybody who waited for this load has aborted. */
  readonly signal: AbortSignal;
}

/** What collections and fragments need of a cache: a `ResponseCache` is one. */
export interface LoadingCache {
  get(key: string): Promise<unknown>;
  /** One load per key; what an invalidation of the key or of a tag overtook is not stored. */
  getOrSet(
    key: string,
    load: (context: PartContext) => unknown,
    options: {
      readonly ttl?: Milliseconds | ((value: unknown) => Milliseconds) | undefined;
      readonly tags?: readonly string[] | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<unknown>;
  set(
    key: string,
    value: unknown,
    options: { readonly ttl: Milliseconds; readonly tags: readonly string[] },
  ): Promise<unknown>;
  invalidate(key: string): Promise<unknown>;
  invalidateTag(tag: string): Promise<unknown>;
}

/** What ranges, deltas and streams keep their parts in: a `MemoryCache` whose values may be anything. */
export type PartMemory = Pick<MemoryCache, 'get' | 'set' | 'delete'>;

/** What a read takes. */
export interface ReadOptions {
  /** Rejects this caller alone, with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}
