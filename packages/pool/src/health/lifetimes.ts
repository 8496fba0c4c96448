import { Deadlines } from '@forge/internal';
import type { Milliseconds, PoolOptions } from '../options.ts';
import type { Slot } from '../connections/slot.ts';

/** By how much at most a life is shortened, so that connections that were made together do not end together. */
const SPREAD = 0.1;

/**
 * When connections are too old. Each is told twice: at a random time in the last tenth of its life, when a successor can
 * still be made, and at its very end, unless it is forgotten before.
 */
export class Lifetimes<C> {
  readonly #options: PoolOptions<C>;
  readonly #deadlines: Deadlines<Slot<C>>;

  /** @param expire is told whether this is the end; if it is not, it may end the connection nevertheless */
  constructor(options: PoolOptions<C>, expire: (slot: Slot<C>, isEnd: boolean) => void) {
    const { clock, maxLifetime } = options;
    this.#options = options;
    this.#deadlines = new Deadlines(
      clock,
      (slot) => {
        const end = slot.created + maxLifetime;
        const isEnd = clock.now() >= end;
        slot.deadline = isEnd ? undefined : this.#deadlines.add(slot, end);
        expire(slot, isEnd);
      },
      { unref: true },
    );
  }

  add(slot: Slot<C>): void {
    const { maxLifetime, random } = this.#options;
    if (maxLifetime === Infinity) return;
    slot.deadline = this.#deadlines.add(slot, slot.created + this.#shorten(maxLifetime, random()));
  }

  forget(slot: Slot<C>): void {
    if (slot.deadline === undefined) return;
    this.#deadlines.remove(slot.deadline);
    slot.deadline = undefined;
  }

  #shorten(lifetime: Milliseconds, random: number): Milliseconds {
    return lifetime * (1 - SPREAD * random);
  }
}
