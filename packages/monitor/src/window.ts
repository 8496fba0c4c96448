import type { Milliseconds } from './options.ts';

/** A window is this many sub-windows that are over, and the current one. */
const PARTS = 12;

/**
 * A ring of sub-windows over the last `window` ms.
 *
 * The owner keeps a running total beside it: it adds each value to the total and to the part that `at` returns, and
 * takes a part's values back when `retire` is called with it. So recording is O(1), reading is reading the total, and a
 * turn of the ring costs one part however many values it had. The window is never shorter than asked for and at most a
 * twelfth longer. Nothing ticks: the ring turns when it is next touched, after a pause of any length in at most 13 steps.
 */
export class SlidingWindow<Part> {
  readonly #parts: (Part | undefined)[] = Array.from({ length: PARTS + 1 }, () => undefined);
  readonly #width: Milliseconds;
  readonly #make: () => Part;
  readonly #retire: (part: Part) => void;
  #start: Milliseconds;
  /** How many parts have begun since the start, less one; a multiple of the width does not drift as a sum would. */
  #turn = 0;
  #end: Milliseconds;

  constructor(window: Milliseconds, start: Milliseconds, make: () => Part, retire: (part: Part) => void) {
    this.#width = window / PARTS;
    this.#start = start;
    this.#end = start + this.#width;
    this.#make = make;
    this.#retire = retire;
  }

  /** The current part, after those that have left the window are retired. A clock that goes back changes nothing. */
  at(now: Milliseconds): Part {
    if (now >= this.#end) this.#advance(now);
    return (this.#parts[this.#turn % this.#parts.length] ??= this.#make());
  }

  /** How many ms up to `now` the parts cover. */
  span(now: Milliseconds): Milliseconds {
    if (now >= this.#end) this.#advance(now);
    return now - Math.max(this.#start, this.#end - this.#parts.length * this.#width);
  }

  [Symbol.iterator](): Iterator<Part> {
    return this.#parts.filter((part) => part !== undefined).values();
  }

  /** Retires every part and begins anew. */
  restart(now: Milliseconds): void {
    for (const part of this) this.#retire(part);
    this.#start = now;
    this.#turn = 0;
    this.#end = now + this.#width;
  }

  #advance(now: Milliseconds): void {
    const turns = Math.floor((now - this.#end) / this.#width) + 1;
    const stale = Math.min(turns, this.#parts.length);
    for (let i = 1; i <= stale; i++) {
      const part = this.#parts[(this.#turn + i) % this.#parts.length];
      if (part !== undefined) this.#retire(part);
    }
    this.#turn += turns;
    this.#end = this.#start + (this.#turn + 1) * this.#width;
  }
}
