import type { RemovalReason } from '../../memory/memory-options.ts';
import type { Milliseconds } from '../../units.ts';

/**
 * Why a key has no entry: what took the last one, or what kept one out. `fenced`: an invalidation came while it loaded;
 * `refused`: larger than the bounds, or a ttl of 0 or less; `cleared`: with all others.
 */
export type AbsenceReason = RemovalReason | 'fenced' | 'refused' | 'cleared';

export interface Departure {
  readonly reason: AbsenceReason;
  readonly at: Milliseconds;
}

const MOST = 1000;
/** Longer keys are not noted, for here they would live on. */
const LONGEST_KEY = 4096;

/**
 * The last thousand times that a key lost its entry or got none, for `explain`. A full cache adds one for every value that
 * it loads and hardly ever looks for any: so a ring, written without allocation and searched from its end.
 */
export class Departures {
  #keys: string[] = [];
  #reasons: AbsenceReason[] = [];
  #times: Milliseconds[] = [];
  #next = 0;
  #cleared: Departure | undefined;

  add(key: string, reason: AbsenceReason, at: Milliseconds): void {
    if (key.length > LONGEST_KEY) return;
    this.#keys[this.#next] = key;
    this.#reasons[this.#next] = reason;
    this.#times[this.#next] = at;
    this.#next = (this.#next + 1) % MOST;
  }

  clear(at: Milliseconds): void {
    this.#keys = [];
    this.#reasons = [];
    this.#times = [];
    this.#next = 0;
    this.#cleared = { reason: 'cleared', at };
  }

  /** Undefined: nothing is known of the key. */
  of(key: string): Departure | undefined {
    const { length } = this.#keys;
    for (let back = 1; back <= length; back++) {
      const place = (this.#next - back + length) % length;
      if (this.#keys[place] === key) return { reason: this.#reasons[place]!, at: this.#times[place]! };
    }
    return this.#cleared;
  }
}
