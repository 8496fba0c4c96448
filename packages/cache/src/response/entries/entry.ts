import type { Admission } from '../../policies/eviction-policy.ts';
import type { Milliseconds } from '../../units.ts';
import type { Sequence } from './invalidation-log.ts';

/** What the cache keeps under a key. Instants are on the cache's clock. */
export interface Entry {
  /** What the value policy made of the value; of a kept failure, its error. Its form may become a shorter one. */
  held: unknown;
  /** A failure, kept for a short time so that not every caller repeats it. */
  readonly failed: boolean;
  /** `undefined` or `null`. */
  readonly isAbsence: boolean;
  readonly etag: string | undefined;
  /** Equal for equal values; known where the value was encoded. */
  readonly contentId: string | undefined;
  /** Its own and those that stand for what it depends on. */
  readonly tags: readonly string[];
  /** When the value was loaded or set, here or in another process. */
  readonly bornAt: Milliseconds;
  /** When the cache last knew that it is what the second tier holds. */
  readonly checkedAt: Sequence;
  readonly freshUntil: Milliseconds;
  /** How long after that it may be served while it is loaded anew. */
  readonly staleWhileRevalidate: Milliseconds;
  /** How long after that it may be served when it cannot be loaded anew. */
  readonly staleIfError: Milliseconds;
  /** What loading it took: the time that each hit saves. */
  readonly loadTime: Milliseconds;
  /** For a key whose reads tell what a cache of another size would hold. */
  readonly sample: Admission | undefined;
}

/** From when on the entry is no longer needed for anything. */
export function endOf({ freshUntil, staleWhileRevalidate, staleIfError }: Entry): Milliseconds {
  return freshUntil + Math.max(staleWhileRevalidate, staleIfError);
}

/** What an entry is good for: as it is, while a new one is loaded, or only if none can be had. */
export type Standing = 'fresh' | 'stale' | 'fallback' | 'over';

/** @param freshUntil the entry's own, or earlier if something was heard of since */
export function standingOf(entry: Entry, freshUntil: Milliseconds, now: Milliseconds): Standing {
  if (now < freshUntil) return 'fresh';
  if (now < freshUntil + entry.staleWhileRevalidate) return 'stale';
  return now < freshUntil + entry.staleIfError ? 'fallback' : 'over';
}

/** Where a placed value came from. */
export type Origin = 'set' | 'load' | 'store';
