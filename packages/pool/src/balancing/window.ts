import type { Milliseconds } from '../units.ts';

const SECOND: Milliseconds = 1_000;

/** A count over the last seconds, of which the one that runs is the last. */
export class Window {
  readonly #counts: number[];
  #second = 0;

  constructor(seconds: number) {
    this.#counts = Array.from({ length: seconds }, () => 0);
  }

  add(now: Milliseconds): void {
    this.#pass(now);
    this.#counts[this.#second % this.#counts.length]! += 1;
  }

  sum(now: Milliseconds): number {
    this.#pass(now);
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  clear(): void {
    this.#counts.fill(0);
  }

  /** Empties the seconds that have begun since the last call. */
  #pass(now: Milliseconds): void {
    const second = Math.max(this.#second, Math.floor(now / SECOND));
    const { length } = this.#counts;
    const begun = Math.min(second - this.#second, length);
    for (let back = 0; back < begun; back += 1) this.#counts[(second - back) % length] = 0;
    this.#second = second;
  }
}
