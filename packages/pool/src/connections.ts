import { AsyncLocalStorage } from 'node:async_hooks';
import { List, after } from '@forge/internal';
import type { DestroyReason } from './events.ts';
import type { PoolOptions } from './options.ts';
import type { Slot } from './slot.ts';

/**
 * Which connections the pool has and which of them has a free place. A slot moves between the lists by its leases while
 * it is usable; one that is under check or doomed is in none, so that nothing that looks for a place can find it.
 */
export class Connections<C> {
  /** All that are not gone: each has its room of `max`. */
  readonly all: Set<Slot<C>> = new Set<Slot<C>>();
  /** Without a lease, in order of `lastUsed`: the first expires next and serves `fifo`, the last serves `lifo`. */
  readonly idle: List<Slot<C>> = new List<Slot<C>>();
  readonly #options: PoolOptions<C>;
  readonly #expire: (slot: Slot<C>) => void;
  /** With leases and free places; only with a concurrency above 1. */
  readonly #open = new List<Slot<C>>();
  /** Bound, for a timer keeps alive the async context that sets it. */
  readonly #after = AsyncLocalStorage.bind(after);
  #cancel: (() => void) | undefined;

  /** `expire` must doom each connection that it gets: one that was idle too long while the pool had more than `min`. */
  constructor(options: PoolOptions<C>, expire: (slot: Slot<C>) => void) {
    this.#options = options;
    this.#expire = expire;
  }

  /** Counted when asked, in O(size): nothing is to be kept in step with leases and ends. */
  get inUse(): number {
    return Array.from(this.all).filter(({ leases }) => leases > 0).length;
  }

  /** Where the next lease goes. Connections in use fill up first, so that the others grow old and the pool can shrink. */
  withFreePlace(): Slot<C> | undefined {
    return this.#open.last ?? (this.#options.order === 'lifo' ? this.idle.last : this.idle.first);
  }

  hasFreePlace(slot: Slot<C>): boolean {
    return slot.state === 'usable' && slot.leases < this.#options.concurrency;
  }

  /** Lists a slot where its leases say it belongs; to be called when they have changed. */
  place(slot: Slot<C>): void {
    const open = this.hasFreePlace(slot) ? this.#open : undefined;
    const list = open !== undefined && slot.leases === 0 ? this.idle : open;
    if (slot.list === list) return;
    slot.list?.remove(slot);
    if (list !== this.idle) {
      list?.push(slot);
      return;
    }
    let previous = list.last;
    // Only a connection that comes back from a check is older than the last one.
    while (previous !== undefined && previous.lastUsed > slot.lastUsed) previous = previous.previous;
    list.insertAfter(previous, slot);
    this.#watch();
  }

  /** Takes an idle slot out for a check; false when it is idle no more. Whoever checks makes it usable again. */
  hold(slot: Slot<C>): boolean {
    if (slot.list !== this.idle) return false;
    this.idle.remove(slot);
    slot.state = 'checking';
    return true;
  }

  /** From here on nobody can lease it. */
  doom(slot: Slot<C>, reason: DestroyReason): void {
    if (slot.state === 'doomed' || slot.state === 'gone') return;
    slot.list?.remove(slot);
    slot.state = 'doomed';
    slot.reason = reason;
  }

  /** Forgets a doomed slot, though leases may still be on it. */
  drop(slot: Slot<C>): void {
    slot.state = 'gone';
    this.all.delete(slot);
  }

  /** Stops the expiry of idle connections. */
  stop(): void {
    this.#cancel?.();
  }

  /**
   * Sees to it that one timer runs while something can expire. It is enough to ask when a connection becomes idle: the
   * pool outgrows its minimum either with one that becomes idle or while none is. The timer runs on when the first is
   * leased: it finds nothing due and starts again, which is cheaper than re-arming with every lease.
   */
  #watch(): void {
    const { clock, idleTimeout, min } = this.#options;
    const oldest = this.idle.first;
    if (this.#cancel !== undefined || oldest === undefined || this.all.size <= min || idleTimeout === Infinity) return;
    const delay = oldest.lastUsed + idleTimeout - clock.now();
    this.#cancel = this.#after(delay, () => this.#expireIdle(), { unref: true });
  }

  #expireIdle(): void {
    const { clock, idleTimeout, min } = this.#options;
    const before = clock.now() - idleTimeout;
    this.#cancel = undefined;
    for (let slot = this.idle.first; slot !== undefined && slot.lastUsed <= before; slot = this.idle.first) {
      if (this.all.size <= min) return;
      this.#expire(slot);
    }
    this.#watch();
  }
}
