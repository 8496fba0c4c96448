import { List } from './list.ts';
import type { Clock, Milliseconds } from './options.ts';
import type { Slot } from './slot.ts';

/** The longest delay that `setTimeout` takes; above it Node fires at once. */
const LONGEST_DELAY: Milliseconds = 2 ** 31 - 1;

/** Who decides about connections that were idle too long. */
export interface IdleOwner<C> {
  /** Whether the pool has more connections than its minimum. */
  spare(): boolean;
  /** Takes the connection out of the list. */
  expire(slot: Slot<C>): void;
}

/**
 * Connections without a lease, in order of `lastUsed`, so that the first is both the one to expire next and the one that
 * `fifo` leases, and the last the one that `lifo` leases. One timer serves them all, and only while one could expire.
 * It is left running when the first is leased: it finds nothing due and starts again, which is cheaper than re-arming
 * with every lease.
 */
export class IdleList<C> extends List<Slot<C>> {
  readonly #timeout: Milliseconds;
  readonly #clock: Clock;
  readonly #owner: IdleOwner<C>;
  #timer: NodeJS.Timeout | undefined;

  constructor(timeout: Milliseconds, clock: Clock, owner: IdleOwner<C>) {
    super();
    this.#timeout = timeout;
    this.#clock = clock;
    this.#owner = owner;
  }

  override push(slot: Slot<C>): void {
    let previous = this.last;
    // Only a connection that comes back from a check is older than the last one.
    while (previous !== undefined && previous.lastUsed > slot.lastUsed) previous = previous.previous;
    this.insertAfter(previous, slot);
    this.#watch();
  }

  /**
   * Sees to it that the timer runs if something can expire. It is enough to ask when a connection becomes idle: the pool
   * outgrows its minimum either with one that becomes idle or while none is.
   */
  #watch(): void {
    if (this.#timer !== undefined || this.first === undefined || !this.#owner.spare()) return;
    if (this.#timeout === Infinity) return;
    const delay = Math.ceil(this.first.lastUsed + this.#timeout - this.#clock.now());
    this.#timer = setTimeout(() => this.#expire(), Math.min(Math.max(delay, 0), LONGEST_DELAY)).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #expire(): void {
    this.#timer = undefined;
    const before = this.#clock.now() - this.#timeout;
    for (let slot = this.first; slot !== undefined && slot.lastUsed <= before; slot = this.first) {
      if (!this.#owner.spare()) return;
      this.#owner.expire(slot);
    }
    this.#watch();
  }
}
