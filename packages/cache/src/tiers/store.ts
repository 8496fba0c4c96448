import type { Milliseconds } from '../units.ts';

/** What a second tier holds under a key. */
export interface StoreRecord {
  /** Opaque to the store; it carries its own format version. */
  readonly bytes: Uint8Array;
  /** Invalidating any of them makes the record invisible. */
  readonly tags: readonly string[];
  /**
   * What is left of its life when the call of `write` begins or that of `read` ends, by the store's own clock, so that no
   * two machines' clocks are compared.
   */
  readonly ttl: Milliseconds;
}

/** The right to fill one key, until it ends or the key, one of its tags or a pattern that matches it is invalidated. */
export interface StoreLease {
  readonly token: string;
}

/** What is no longer to be read. */
export type Invalidation =
  | { readonly kind: 'key'; readonly key: string }
  /** `soft`: a first tier may keep it as stale; a store takes it like any other. */
  | { readonly kind: 'tag'; readonly tag: string; readonly soft?: boolean | undefined }
  /** Keys that begin with `prefix`, literally, and whose whole rest matches: `*` is any run of characters, `?` any one. */
  | { readonly kind: 'pattern'; readonly prefix: string; readonly glob: string }
  | { readonly kind: 'all' };

/**
 * A second tier that several processes share, such as `redisStore(client)`.
 *
 * Guarantees that a store gives, and that the contract in `@forge/cache/testing` checks:
 * - once `invalidate` has resolved, `read` on any process returns nothing that was written before, and `write` refuses a
 *   lease that was given before, for every key that the invalidation concerns;
 * - of two leases for one key that overlap, at most one is given;
 * - what cannot be understood (damaged, foreign, of an unknown version) is a miss.
 *
 * It need not bound its time: every call is raced with a timeout by the cache, which ignores what comes later. Keys and
 * tags are any strings. A store rejects when it cannot do what it was asked; it never answers "absent" for "unreachable".
 */
export interface CacheStore {
  /** The record, in one round trip when its tags are among `tags`, those that the caller expects. */
  read(key: string, tags: readonly string[]): Promise<StoreRecord | undefined>;
  /** The right to fill the key for at most `ttl`; undefined while another has it. */
  lease(key: string, tags: readonly string[], ttl: Milliseconds): Promise<StoreLease | undefined>;
  /**
   * Stores the record and ends the lease; false when the lease no longer holds, or an invalidation since it was given
   * concerns one of the record's tags. Without a lease it stores in any case, and voids the lease that another holds. A
   * record that the store does not take, because it is too large or over when it arrives, is no refusal: the key then
   * holds nothing.
   */
  write(key: string, record: StoreRecord, lease: StoreLease | undefined): Promise<boolean>;
  /** Ends the lease without a record, so that another may load. */
  release(key: string, lease: StoreLease): Promise<void>;
  /** In one round trip, however many. */
  invalidate(invalidations: readonly Invalidation[]): Promise<void>;
}
