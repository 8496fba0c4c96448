import { Coherence } from '../../tiers/coherence.ts';
import { SecondTier } from '../../tiers/second-tier.ts';
import type { Invalidation, StoreLease, StoreRecord } from '../../tiers/store.ts';
import type { Milliseconds } from '../../units.ts';
import type { CacheSettings, EntryOptions } from '../cache-config.ts';
import type { TierMetrics } from '../counters.ts';
import { dependenciesOf } from '../entries/dependents.ts';
import type { Entry } from '../entries/entry.ts';
import { pack, type Packed } from '../values/packed.ts';
import { decodeRecord, encodeRecord } from './record.ts';

/** A value that the second tier holds, in the terms of this process's clock. */
export interface SharedValue {
  readonly packed: Packed;
  readonly contentId: string;
  readonly bornAt: Milliseconds;
  readonly loadTime: Milliseconds;
  /** Its ttl is what is left of it: 0 or less when it is stale. */
  readonly options: EntryOptions & { readonly ttl: Milliseconds; readonly tags: readonly string[] };
}

export type SharedRead =
  | { readonly kind: 'found'; readonly value: SharedValue }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unavailable' };

/** The right to fill a key, for a time. */
export interface Grant {
  readonly lease: StoreLease;
  /** So long, by this process's clock, only an invalidation or a `set` ends it. */
  readonly until: Milliseconds;
}

export type SharedLease =
  | { readonly kind: 'given'; readonly grant: Grant }
  | { readonly kind: 'held' }
  | { readonly kind: 'unavailable' };

export interface SharedTierHooks {
  /** Another process's. */
  readonly onInvalidation: (invalidation: Invalidation) => void;
  /** Invalidations may have been missed. */
  readonly onSuspect: () => void;
}

/** How long one process may keep the others waiting: when it dies, so long they wait for nothing. */
export const LEASE_TTL: Milliseconds = 15_000;
/**
 * Carried by every record that was made from other keys' values. A pattern names keys, and a store does not know from
 * which keys that it has never seen a record was made: where a pattern comes, it forgets them all.
 */
const DERIVED = { kind: 'tag', tag: '\u0000derived' } as const;
/** A record that never expires would stay after the last process that knows of it. */
const LONGEST_LIFE: Milliseconds = 7 * 24 * 3_600_000;

export interface WriteTerms {
  readonly grant: Grant | undefined;
  readonly isCurrent: () => boolean;
}

/** `fenced`: something newer has come in this process; `refused`: the store has heard of an invalidation. */
export type SharedWrite = 'written' | 'refused' | 'fenced' | 'unavailable';

const UNAVAILABLE = Object.freeze({ kind: 'unavailable' });
const ABSENT = Object.freeze({ kind: 'absent' });

/** The store and the bus, in terms of entries. Either may be missing. Nothing here rejects because of them. */
export class SharedTier<V> {
  readonly #settings: CacheSettings<V>;
  readonly #second: SecondTier | undefined;
  readonly #coherence: Coherence | undefined;
  /** The last write of each key that has not ended. */
  readonly #writing = new Map<string, Promise<unknown>>();

  constructor(settings: CacheSettings<V>, hooks: SharedTierHooks) {
    const { store, bus, storeTimeout, clock } = settings;
    this.#settings = settings;
    if (store !== undefined) {
      this.#second = new SecondTier(store, {
        timeout: storeTimeout,
        clock,
        // Another process may have taken from the store, in between, what is now invalidated.
        onDelivered: (invalidations) => this.#coherence?.publish(invalidations),
      });
    }
    if (bus !== undefined) this.#coherence = new Coherence(bus, { ...hooks, clock });
  }

  get hasStore(): boolean {
    return this.#second !== undefined;
  }

  /** Fresh or not. What this process is writing is waited for, lest what it replaces be read. */
  async read(key: string, tags: readonly string[]): Promise<SharedRead> {
    if (this.#second === undefined) return UNAVAILABLE;
    await this.#writing.get(key);
    const askedAt = this.#settings.clock.now();
    const read = await this.#second.read(key, tags);
    if (read.kind !== 'found') return read;
    const value = this.#understand(read.record, askedAt);
    return value === undefined ? ABSENT : { kind: 'found', value };
  }

  /** What the store holds, beside what the entry holds; `unknown` when it cannot be reached. */
  async compare(key: string, { contentId, tags }: Entry): Promise<'same' | 'different' | 'absent' | 'unknown'> {
    const read = await this.read(key, tags);
    if (read.kind !== 'found') return read.kind === 'absent' ? 'absent' : 'unknown';
    return read.value.contentId === contentId ? 'same' : 'different';
  }

  /** Asks for the right to fill the key. */
  async lease(key: string, tags: readonly string[]): Promise<SharedLease> {
    if (this.#second === undefined) return UNAVAILABLE;
    const until = this.#settings.clock.now() + LEASE_TTL;
    const answer = await this.#second.lease(key, tags, LEASE_TTL);
    return answer.kind === 'given' ? { kind: 'given', grant: { lease: answer.lease, until } } : answer;
  }

  /** Gives the right back without a value. */
  release(key: string, grant: Grant | undefined): void {
    if (grant !== undefined) void this.#second?.release(key, grant.lease);
  }

  /**
   * Writes the entry, unless `isCurrent` says, when its bytes are packed, that something newer has come.
   *
   * @param terms `grant`: undefined writes in any case. One whose time is over is no sign of an invalidation, as one that
   *   the store refuses is
   */
  write(key: string, entry: Entry, bytes: Packed, terms: WriteTerms): Promise<SharedWrite> {
    const writing = this.#write(key, entry, bytes, terms).finally(() => {
      if (this.#writing.get(key) === writing) this.#writing.delete(key);
    });
    this.#writing.set(key, writing);
    return writing;
  }

  /** Tells the store, then the other processes, which else might take from it again what they have just dropped. */
  async invalidate(invalidations: readonly Invalidation[]): Promise<void> {
    const isPattern = invalidations.some(({ kind }) => kind === 'pattern');
    await this.#second?.invalidate(isPattern ? [...invalidations, DERIVED] : invalidations);
    this.#coherence?.publish(invalidations);
  }

  /** The key has other content, which the store knows already. */
  announce(key: string): void {
    this.#coherence?.publish([{ kind: 'key', key }]);
  }

  getMetrics(): Partial<TierMetrics> {
    const store = this.#second?.getMetrics();
    const bus = this.#coherence?.getMetrics();
    return {
      ...(store && {
        storeAvailable: Number(store.breaker === 'closed'),
        storeTimeouts: store.timeouts,
        storeFailures: store.failures,
        queuedInvalidations: store.queuedInvalidations,
      }),
      ...(bus && { busHealthy: Number(bus.healthy), busSuspicions: bus.suspicions }),
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.#second?.close(), this.#coherence?.close()]);
  }

  async #write(key: string, entry: Entry, bytes: Packed, { grant, isCurrent }: WriteTerms): Promise<SharedWrite> {
    const { compressionEnabled, clock } = this.#settings;
    const packed =
      compressionEnabled && bytes.encoding === 'identity' ? await pack(bytes.bytes).catch(() => bytes) : bytes;
    const { staleWhileRevalidate, staleIfError, etag, contentId = '', loadTime, bornAt } = entry;
    const now = clock.now();
    const freshFor = Math.max(0, entry.freshUntil - now);
    const life = Math.min(freshFor + Math.max(staleWhileRevalidate, staleIfError), LONGEST_LIFE);
    const isLate = grant !== undefined && now >= grant.until;
    if (isLate || !isCurrent()) {
      this.release(key, grant);
      return isLate ? 'unavailable' : 'fenced';
    }
    const age = Math.max(0, now - bornAt);
    const header = { contentId, etag, age, freshFor, staleWhileRevalidate, staleIfError, loadTime, life };
    const tags = dependenciesOf(entry.tags).length > 0 ? [...entry.tags, DERIVED.tag] : entry.tags;
    const record = { bytes: encodeRecord({ ...header, length: packed.length }, packed), tags, ttl: life };
    return (await this.#second!.write(key, record, grant?.lease)).kind;
  }

  /** Undefined for a record that is damaged, foreign or of another version. */
  #understand(record: StoreRecord, askedAt: Milliseconds): SharedValue | undefined {
    const decoded = decodeRecord(record.bytes);
    if (decoded === undefined) return undefined;
    const { header, packed } = decoded;
    const { contentId, etag, loadTime, staleWhileRevalidate, staleIfError } = header;
    // All that is known of when the store looked is that it had been asked: so the value never seems younger than it is.
    const elapsed = Math.max(0, header.life - record.ttl);
    const ttl = header.freshFor - elapsed - (this.#settings.clock.now() - askedAt);
    const tags = record.tags.filter((tag) => tag !== DERIVED.tag);
    return {
      packed,
      contentId,
      loadTime,
      bornAt: askedAt - header.age - elapsed,
      options: { ttl, tags, etag, staleWhileRevalidate, staleIfError },
    };
  }
}
