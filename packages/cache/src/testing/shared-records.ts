import type { Clock } from '@forge/internal';
import { patternMatcher } from '../tiers/pattern.ts';
import type { Invalidation, StoreLease, StoreRecord } from '../tiers/store.ts';
import type { Milliseconds } from '../units.ts';

export interface HeldRecord {
  readonly bytes: Uint8Array;
  readonly tags: readonly string[];
  readonly endsAt: Milliseconds;
}

interface HeldLease {
  readonly token: string;
  readonly tags: readonly string[];
  readonly endsAt: Milliseconds;
  /** How many invalidations there had been. */
  readonly givenAt: number;
}

/** What the processes of a `memoryStore` share. Each operation is one step, as a script in a server is. */
export class SharedRecords {
  readonly #clock: Clock;
  readonly #records = new Map<string, HeldRecord>();
  readonly #leases = new Map<string, HeldLease>();
  /** When each tag was last invalidated, as the count of invalidations: for tags that are known only at the write. */
  readonly #invalidatedAt = new Map<string, number>();
  #invalidations = 0;
  #tokens = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  read(key: string): StoreRecord | undefined {
    const record = this.#records.get(key);
    const ttl = record === undefined ? 0 : record.endsAt - this.#clock.now();
    if (record === undefined || ttl <= 0) return undefined;
    return { bytes: record.bytes.slice(), tags: record.tags, ttl };
  }

  lease(key: string, tags: readonly string[], ttl: Milliseconds): StoreLease | undefined {
    const now = this.#clock.now();
    const held = this.#leases.get(key);
    if (held !== undefined && held.endsAt > now) return undefined;
    this.#tokens += 1;
    const token = String(this.#tokens);
    this.#leases.set(key, { token, tags, endsAt: now + ttl, givenAt: this.#invalidations });
    return { token };
  }

  /** The record as it is now, for its life begins with the call, however late that arrives. */
  taken({ bytes, tags, ttl }: StoreRecord): HeldRecord {
    return { bytes: bytes.slice(), tags: [...tags], endsAt: this.#clock.now() + ttl };
  }

  write(key: string, record: HeldRecord, lease: StoreLease | undefined): boolean {
    const now = this.#clock.now();
    if (lease !== undefined) {
      const held = this.#leases.get(key);
      if (held === undefined || held.token !== lease.token) return false;
      this.#leases.delete(key);
      const isOutdated = record.tags.some((tag) => (this.#invalidatedAt.get(tag) ?? 0) > held.givenAt);
      if (held.endsAt <= now || isOutdated) return false;
    }
    this.#leases.delete(key);
    this.#records.set(key, record);
    return true;
  }

  release(key: string, lease: StoreLease): void {
    if (this.#leases.get(key)?.token === lease.token) this.#leases.delete(key);
  }

  invalidate(invalidations: readonly Invalidation[]): void {
    for (const invalidation of invalidations) {
      this.#invalidations += 1;
      if (invalidation.kind === 'tag') this.#invalidatedAt.set(invalidation.tag, this.#invalidations);
      const concerns = concernOf(invalidation);
      for (const [key, { tags }] of this.#records) if (concerns(key, tags)) this.#records.delete(key);
      for (const [key, { tags }] of this.#leases) if (concerns(key, tags)) this.#leases.delete(key);
    }
  }
}

function concernOf(invalidation: Invalidation): (key: string, tags: readonly string[]) => boolean {
  if (invalidation.kind === 'all') return () => true;
  if (invalidation.kind === 'key') return (key) => key === invalidation.key;
  if (invalidation.kind === 'tag') return (_, tags) => tags.includes(invalidation.tag);
  return patternMatcher(invalidation);
}
