import type { Milliseconds } from './options.ts';

/** A window is this many sub-windows that are over, and the current one. */
const PARTS = 12;

/**
 * A ring of sub-windows over the last `window` ms.
 *
 * A value is added to the part that `at` returns, a reader adds up those that `recent` returns. The window is never
 * shorter than asked for and at most a twelfth longer. Nothing ticks: the ring turns when it is next touched, after a pause
 * of any length in at most 13 steps, and lets go of the parts that have left, with their memory.
 *
 * Rejected: a running total, from which the part that leaves is subtracted. It makes reading cheaper, but each value and
 * each turn dearer, and a sum of floats drifts.
 */
export class SlidingWindow<Part> {
  readonly #parts: (Part | undefined)[] = Array.from({ length: PARTS + 1 }, () => undefined);
  readonly #width: Milliseconds;
  readonly #make: () => Part;
  #start: Milliseconds;
  /** How many parts have begun since the start, less one; a multiple of the width does not drift as a sum would. */
  #turns = 0;
  #end: Milliseconds;

  constructor(window: Milliseconds, start: Milliseconds, make: () => Part) {
    this.#width = window / PARTS;
    this.#start = start;
    this.#end = start + this.#width;
    this.#make = make;
  }

  /** The current part. A clock that goes back changes nothing. */
  at(now: Milliseconds): Part {
    this.turn(now);
    return (this.#parts[this.#turns % this.#parts.length] ??= this.#make());
  }

  /** The parts of the window in which there was something. */
  recent(now: Milliseconds): Part[] {
    this.turn(now);
    return this.#parts.filter((part) => part !== undefined);
  }

  /** How many ms up to `now` the parts cover. */
  span(now: Milliseconds): Milliseconds {
    this.turn(now);
    return now - Math.max(this.#start, this.#end - this.#parts.length * this.#width);
  }

  /** Lets go of what has left the window. */
  turn(now: Milliseconds): void {
    if (now < this.#end) return;
    const turns = Math.floor((now - this.#end) / this.#width) + 1;
    const stale = Math.min(turns, this.#parts.length);
    for (let i = 1; i <= stale; i++) this.#parts[(this.#turns + i) % this.#parts.length] = undefined;
    this.#turns += turns;
    this.#end = this.#start + (this.#turns + 1) * this.#width;
  }

  /** Lets go of everything and begins anew. */
  restart(now: Milliseconds): void {
    this.#parts.fill(undefined);
    this.#start = now;
    this.#turns = 0;
    this.#end = now + this.#width;
  }
}
