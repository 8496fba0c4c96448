import type { Milliseconds } from '../../units.ts';
import type { AbsenceReason, Departure } from './departures.ts';
import { dependenciesOf, ownTags } from './dependents.ts';
import type { Found } from './first-tier.ts';

/** Why the next read of a key is what it will be. Durations count from now. */
export type CacheExplanation =
  | {
      readonly state: 'fresh' | 'stale' | 'fallback';
      /** A kept failure, which is given in place of a value. */
      readonly failed: boolean;
      /** Loading it failed a short time ago, and is not tried again yet. */
      readonly failing: boolean;
      /** Invalidations may have been missed since it was checked. */
      readonly suspect: boolean;
      readonly loading: boolean;
      /** Since the value was loaded or set. */
      readonly age: Milliseconds;
      /** Below 0: it has been stale for so long. */
      readonly freshFor: Milliseconds;
      readonly staleWhileRevalidate: Milliseconds;
      readonly staleIfError: Milliseconds;
      readonly loadTime: Milliseconds;
      readonly etag: string | undefined;
      readonly tags: readonly string[];
      readonly dependsOn: readonly string[];
    }
  | {
      readonly state: 'absent';
      readonly loading: boolean;
      /** Undefined: the key was never seen, or too long ago, or has more than 4096 units. */
      readonly reason: AbsenceReason | undefined;
      /** Since it left. */
      readonly since: Milliseconds | undefined;
    };

export interface KnownOfKey {
  readonly found: Found | undefined;
  readonly freshUntil: Milliseconds;
  readonly suspect: boolean;
  readonly loading: boolean;
  readonly departure: Departure | undefined;
  readonly now: Milliseconds;
}

export function explanation({ found, freshUntil, suspect, loading, departure, now }: KnownOfKey): CacheExplanation {
  if (found === undefined || found.standing === 'over') {
    const since = departure && now - departure.at;
    return Object.freeze({ state: 'absent', loading, reason: departure?.reason, since });
  }
  const { entry, standing, isFailing } = found;
  const { failed, bornAt, staleWhileRevalidate, staleIfError, loadTime, etag, tags } = entry;
  return Object.freeze({
    state: standing,
    failed,
    failing: isFailing,
    suspect,
    loading,
    age: now - bornAt,
    freshFor: freshUntil - now,
    staleWhileRevalidate,
    staleIfError,
    loadTime,
    etag,
    tags: ownTags(tags),
    dependsOn: dependenciesOf(tags),
  });
}
