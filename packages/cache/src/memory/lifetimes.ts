import type { Clock } from '@forge/internal';
import type { Milliseconds } from '../units.ts';
import { Column } from './column.ts';
import { TimerWheel } from './timer-wheel.ts';

/**
 * When each slot's entry expires: at its deadline, or before that when nobody has used it for its idle time. Exact
 * whenever it is asked; the wheel only sees to it that what nobody asks for leaves too.
 *
 * Reading the clock costs as much as the lookup of a key, so an operation reads it once, by `look`, `use` or `isOver`, and
 * what it does to other slots is judged by that reading. A reading that outlived its operation would serve what is expired.
 *
 * A use moves the time of expiry and not the slot in the wheel, which finds out on its visit and files the slot again.
 */
export class Lifetimes {
  readonly #clock: Clock;
  readonly #wheel: TimerWheel | undefined;
  /** Of a slot without an end, Infinity. */
  readonly #expiresAt = new Column(Infinity);
  readonly #idleTTLs = new Column(Infinity);
  /** Kept for slots with an idle time alone; of the others `expiresAt` is the deadline. */
  readonly #deadlines = new Column(Infinity);
  #sliding = false;
  /** The reading of the operation that runs. */
  #now: Milliseconds = 0;

  /** @param tick of the wheel; Infinity is no wheel */
  constructor(clock: Clock, tick: Milliseconds) {
    this.#clock = clock;
    this.#wheel = tick === Infinity ? undefined : new TimerWheel(tick, (slot) => this.#expiresAt.at(slot));
  }

  look(): void {
    this.#now = this.#clock.now();
  }

  /** A life begins now, which ends whatever the slot's last one was. Returns when the wheel is to be turned for it. */
  begin(slot: number, ttl: Milliseconds, idleTTL: Milliseconds): Milliseconds {
    if (ttl === Infinity && idleTTL === Infinity) {
      this.end(slot);
      return Infinity;
    }
    const now = this.#now;
    const expiresAt = now + Math.min(ttl, idleTTL);
    this.#expiresAt.put(slot, expiresAt);
    if (idleTTL !== Infinity) this.#sliding = true;
    if (this.#sliding) {
      this.#idleTTLs.put(slot, idleTTL);
      this.#deadlines.put(slot, now + ttl);
    }
    return this.#wheel?.schedule(slot, now) ?? Infinity;
  }

  end(slot: number): void {
    this.#expiresAt.put(slot, Infinity);
    if (this.#sliding) this.#idleTTLs.put(slot, Infinity);
    this.#wheel?.cancel(slot);
  }

  isOver(slot: number): boolean {
    if (this.#expiresAt.at(slot) === Infinity) return false;
    this.look();
    return this.wasOver(slot);
  }

  /** The same, by the present reading. */
  wasOver(slot: number): boolean {
    return this.#expiresAt.at(slot) <= this.#now;
  }

  /** Whether the slot's life is not over; its idle time then starts anew. */
  use(slot: number): boolean {
    const expiresAt = this.#expiresAt.at(slot);
    if (expiresAt === Infinity) return true;
    this.look();
    if (expiresAt <= this.#now) return false;
    if (this.#sliding) {
      const idleTTL = this.#idleTTLs.at(slot);
      if (idleTTL !== Infinity) this.#expiresAt.put(slot, Math.min(this.#now + idleTTL, this.#deadlines.at(slot)));
    }
    return true;
  }

  /** What is left until the deadline, by the present reading. */
  timeLeft(slot: number): Milliseconds {
    return (this.idleTTL(slot) === Infinity ? this.#expiresAt : this.#deadlines).at(slot) - this.#now;
  }

  idleTTL(slot: number): Milliseconds {
    return this.#idleTTLs.at(slot);
  }

  /** Calls `expire` for the slots whose life is over, in at most `limit` steps. Returns whether it came to the end. */
  turn(limit: number, expire: (slot: number) => void): boolean {
    this.look();
    return this.#wheel?.advance(this.#now, limit, expire) ?? true;
  }

  /** When the wheel is to be turned next; Infinity when nothing waits. */
  nextAt(): Milliseconds {
    return this.#wheel?.nextAt() ?? Infinity;
  }
}
