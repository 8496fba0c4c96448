/**
 * A hierarchical timer wheel [1]: slots wait in buckets by the tick at which they are due. The buckets of level 0 are one
 * tick wide and those of each further level as wide as the whole level below, so that four rings of 448 buckets reach 67
 * million ticks ahead, two years of seconds. `schedule` and `cancel` are O(1), for the links of the buckets' rings lie in
 * typed arrays by slot; a slot moves down a level when its bucket's time has come, three times at most.
 *
 * Where it departs from its source: it keeps no times, but asks for a slot's when its bucket has come, so that a time
 * which moves on meanwhile, as an idle time does with each use, costs nothing; a tick in which nothing waits costs
 * nothing either, since `advance` looks for the next bucket that holds anything and no timer runs from tick to tick; and
 * the work of a tick may be cut off and taken up again, for each step takes one slot out and leaves the wheel whole.
 *
 * A slot is visited at its time or later, by the end of the tick in which that falls at the latest. Whoever must be
 * exact looks at the time.
 *
 * 1. G. Varghese, T. Lauck, Hashed and hierarchical timing wheels, SOSP 1987, scheme 7.
 */
import type { Milliseconds } from '../units.ts';

/** In ticks: how wide the buckets of each level are, and where the last level ends. */
const WIDTHS = [1, 256, 256 * 64, 256 * 64 * 64] as const;
const HORIZON = 256 * 64 * 64 * 64;
const BUCKETS = [256, 64, 64, 64] as const;
/** Id of the first bucket of each level. 0 is no id: it marks what is in no bucket. */
const FIRST_IDS = [1, 257, 321, 385] as const;
/** Slots, which count from 1, have the ids above. */
const LAST_BUCKET = 448;
const LEVELS = [0, 1, 2, 3] as const;
type Level = (typeof LEVELS)[number];

export class TimerWheel {
  readonly #tickLength: Milliseconds;
  readonly #timeOf: (slot: number) => Milliseconds;
  /** The tick up to which all is done, except what `advance` was cut off from. */
  #tick = 0;
  #scheduled = 0;
  /** Rings by id; each has a bucket as its joint, so that no link of what waits is missing. */
  #next = Int32Array.from({ length: LAST_BUCKET + 1 }, (_, id) => id);
  #previous = this.#next.slice();

  /** @param timeOf a slot's time, which may move on while the slot waits; never back, unless it is scheduled again */
  constructor(tickLength: Milliseconds, timeOf: (slot: number) => Milliseconds) {
    this.#tickLength = tickLength;
    this.#timeOf = timeOf;
  }

  /** How many slots wait. */
  get scheduled(): number {
    return this.#scheduled;
  }

  /** Files the slot under its time, whatever it was filed under. Returns when it will have been visited. */
  schedule(slot: number, now: Milliseconds): Milliseconds {
    this.cancel(slot);
    // Nothing waits, so nothing is passed over; else it stays behind and `advance` catches up.
    if (this.#scheduled === 0) this.#tick = Math.floor(now / this.#tickLength);
    return this.#file(slot) * this.#tickLength;
  }

  /** Does nothing for a slot that does not wait. */
  cancel(slot: number): void {
    const id = LAST_BUCKET + slot;
    const next = id < this.#next.length ? this.#next[id]! : 0;
    if (next === 0) return;
    const previous = this.#previous[id]!;
    this.#next[previous] = next;
    this.#previous[next] = previous;
    this.#next[id] = 0;
    this.#scheduled--;
  }

  /**
   * Visits the slots that are due, each taken out before, in at most `limit` steps, and returns whether it came to the
   * end. `visit` may cancel any slot, and schedule none.
   */
  advance(now: Milliseconds, limit: number, visit: (slot: number) => void): boolean {
    const end = Math.floor(now / this.#tickLength);
    let left = limit;
    for (;;) {
      for (const level of LEVELS.toReversed()) {
        const bucket = this.#bucketOf(level, this.#tick);
        if (this.#tick % WIDTHS[level] !== 0) continue;
        for (let id = this.#next[bucket]!; id !== bucket; id = this.#next[bucket]!) {
          if (left-- <= 0) return false;
          const slot = id - LAST_BUCKET;
          this.cancel(slot);
          if (this.#timeOf(slot) <= now) visit(slot);
          else this.#file(slot);
        }
      }
      const next = this.#nextTick();
      if (next > end) {
        this.#tick = Math.max(this.#tick, end);
        return true;
      }
      this.#tick = next;
    }
  }

  /** When `advance` has something to do at the earliest; Infinity when nothing waits. */
  nextAt(): Milliseconds {
    return this.#scheduled === 0 ? Infinity : this.#nextTick() * this.#tickLength;
  }

  /** The first tick after the present one at which a bucket that holds anything begins. */
  #nextTick(): number {
    let first = Infinity;
    if (this.#scheduled === 0) return first;
    for (const level of LEVELS) {
      const width = WIDTHS[level];
      const present = Math.floor(this.#tick / width);
      // The present bucket of a level comes last: what is in it waits for the next time round.
      for (let step = 1; step <= BUCKETS[level] && (present + step) * width < first; step++) {
        const tick = (present + step) * width;
        const bucket = this.#bucketOf(level, tick);
        if (this.#next[bucket] !== bucket) first = tick;
      }
    }
    return first;
  }

  /** Returns the tick that it is filed under, which is none that is done. */
  #file(slot: number): number {
    const id = LAST_BUCKET + slot;
    if (id >= this.#next.length) this.#grow(id);
    const tick = Math.max(Math.ceil(this.#timeOf(slot) / this.#tickLength), this.#tick + 1);
    this.#insert(this.#bucketFor(tick), id);
    this.#scheduled++;
    return tick;
  }

  #bucketFor(tick: number): number {
    const distance = tick - this.#tick;
    if (distance < WIDTHS[1]) return this.#bucketOf(0, tick);
    if (distance < WIDTHS[2]) return this.#bucketOf(1, tick);
    if (distance < WIDTHS[3]) return this.#bucketOf(2, tick);
    // Beyond the horizon it waits in the last bucket before it, and is filed again from there.
    return this.#bucketOf(3, Math.min(tick, this.#tick + HORIZON - WIDTHS[3]));
  }

  #bucketOf(level: Level, tick: number): number {
    return FIRST_IDS[level] + (Math.floor(tick / WIDTHS[level]) & (BUCKETS[level] - 1));
  }

  #insert(bucket: number, id: number): void {
    const last = this.#previous[bucket]!;
    this.#next[last] = id;
    this.#previous[id] = last;
    this.#next[id] = bucket;
    this.#previous[bucket] = id;
  }

  #grow(id: number): void {
    const length = Math.max(id + 1, 2 * this.#next.length);
    const next = new Int32Array(length);
    next.set(this.#next);
    this.#next = next;
    const previous = new Int32Array(length);
    previous.set(this.#previous);
    this.#previous = previous;
  }
}
