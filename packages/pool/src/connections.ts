import type { DestroyReason } from './events.ts';
import { IdleList } from './idle-list.ts';
import { List } from './list.ts';
import type { PoolOptions } from './options.ts';
import type { Slot } from './slot.ts';

/**
 * Which connections the pool has and which of them has a free place. A slot moves between the lists by its leases while
 * it is usable; one that is under check or doomed is in none, so that nothing that looks for a place can find it.
 */
export class Connections<C> {
  readonly #options: PoolOptions<C>;
  /** All that are not gone: each has its room of `max`. */
  readonly #slots = new Set<Slot<C>>();
  readonly #idle: IdleList<C>;
  /** With leases and free places; only with a concurrency above 1. */
  readonly #open = new List<Slot<C>>();
  #checking = 0;

  /** `expire` is called with each connection that was idle too long while the pool had more than `min`. */
  constructor(options: PoolOptions<C>, expire: (slot: Slot<C>) => void) {
    this.#options = options;
    this.#idle = new IdleList(options.idleTimeout, options.clock, { spare: () => this.size > options.min, expire });
  }

  get size(): number {
    return this.#slots.size;
  }

  get idle(): number {
    return this.#idle.size;
  }

  get inUse(): number {
    return this.#slots.size - this.#idle.size - this.#checking;
  }

  [Symbol.iterator](): Iterator<Slot<C>> {
    return this.#slots.values();
  }

  /** A copy, longest idle first. */
  idleOnes(): readonly Slot<C>[] {
    return [...this.#idle];
  }

  /** Where the next lease goes. Connections in use fill up first, so that the others grow old and the pool can shrink. */
  withFreePlace(): Slot<C> | undefined {
    return this.#open.last ?? (this.#options.order === 'lifo' ? this.#idle.last : this.#idle.first);
  }

  hasFreePlace(slot: Slot<C>): boolean {
    return slot.state === 'usable' && slot.leases < this.#options.concurrency;
  }

  add(slot: Slot<C>): void {
    this.#slots.add(slot);
  }

  /** Lists a slot where its leases say it belongs; to be called when they have changed. */
  place(slot: Slot<C>): void {
    const open = this.hasFreePlace(slot) ? this.#open : undefined;
    const list = open !== undefined && slot.leases === 0 ? this.#idle : open;
    if (slot.list === list) return;
    slot.list?.remove(slot);
    list?.push(slot);
  }

  /** Takes an idle slot out for a check; false when it is idle no more. */
  hold(slot: Slot<C>): boolean {
    if (slot.list !== this.#idle) return false;
    this.#idle.remove(slot);
    slot.state = 'checking';
    this.#checking += 1;
    return true;
  }

  /** Ends the check, without listing the slot. */
  unhold(slot: Slot<C>): void {
    slot.state = 'usable';
    this.#checking -= 1;
  }

  /** From here on nobody can lease it. */
  doom(slot: Slot<C>, reason: DestroyReason): void {
    if (slot.state === 'doomed' || slot.state === 'gone') return;
    if (slot.state === 'checking') this.#checking -= 1;
    slot.list?.remove(slot);
    slot.state = 'doomed';
    slot.reason = reason;
  }

  /** Forgets a doomed slot, though leases may still be on it. */
  drop(slot: Slot<C>): void {
    slot.state = 'gone';
    this.#slots.delete(slot);
  }

  /** Stops the expiry of idle connections. */
  stop(): void {
    this.#idle.stop();
  }
}
