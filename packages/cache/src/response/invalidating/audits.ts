import type { Counters } from '../counters.ts';
import type { Entry } from '../entries/entry.ts';
import type { FirstTier } from '../entries/first-tier.ts';
import type { Flights } from '../loading/flights.ts';
import type { SharedTier } from '../sharing/shared-tier.ts';

/** One of so many hits is compared with the second tier. */
const EVERY = 1000;

export interface AuditParts<V> {
  readonly first: FirstTier<V>;
  readonly flights: Flights<V>;
  readonly shared: SharedTier<V>;
  readonly counters: Counters;
  /** What the entry holds may not be what the other processes see. */
  readonly onOutdated: (key: string) => void;
}

/**
 * Compares some hits with what the other processes see: what differs was missed, and is read no more. What they do not see
 * counts for nothing, for the second tier may have had to make room; but it may as well have been invalidated, and is read
 * no more either: that costs one load in a thousand hits, which brings it back to all.
 */
export class Audits<V> {
  readonly #parts: AuditParts<V>;
  #untilNext = EVERY;

  constructor(parts: AuditParts<V>) {
    this.#parts = parts;
  }

  /** The entry was read. */
  note(key: string, entry: Entry): void {
    if (--this.#untilNext > 0) return;
    this.#untilNext = EVERY;
    void this.#audit(key, entry);
  }

  async #audit(key: string, entry: Entry): Promise<void> {
    const { first, flights, shared, counters, onOutdated } = this.#parts;
    // Without a name there is nothing to compare, and what is on its way to the store is not there yet.
    if (entry.contentId === undefined || flights.concerns(key)) return;
    const likeness = await shared.compare(key, entry);
    if (likeness === 'unknown' || first.peek(key) !== entry || flights.concerns(key)) return;
    if (likeness !== 'absent') counters.audits += 1;
    if (likeness === 'same') return;
    if (likeness === 'different') counters.outdated += 1;
    onOutdated(key);
  }
}
