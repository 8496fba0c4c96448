import type { RemovalReason } from '../memory/memory-options.ts';
import type { Milliseconds } from '../units.ts';

/**
 * Why a key has no entry: what took the last one, or what kept one out. `fenced`: an invalidation came while it loaded;
 * `refused`: larger than the bounds, or a ttl of 0 or less; `cleared`: with all others.
 */
export type AbsenceReason = RemovalReason | 'fenced' | 'refused' | 'cleared';

export interface Departure {
  readonly reason: AbsenceReason;
  readonly at: Milliseconds;
}

const MOST_KEYS = 1000;

/** The last thousand keys that lost their entry or got none, for `explain`. */
export class Departures {
  readonly #keys = new Map<string, Departure>();
  #cleared: Departure | undefined;

  add(key: string, departure: Departure): void {
    // Deleted first, so that the Map's order is that of the departures.
    this.#keys.delete(key);
    this.#keys.set(key, departure);
    if (this.#keys.size > MOST_KEYS) this.#keys.delete(this.#keys.keys().next().value!);
  }

  clear(at: Milliseconds): void {
    this.#keys.clear();
    this.#cleared = { reason: 'cleared', at };
  }

  /** Undefined: nothing is known of the key. */
  of(key: string): Departure | undefined {
    return this.#keys.get(key) ?? this.#cleared;
  }
}
