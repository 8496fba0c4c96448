import { AsyncLocalStorage } from 'node:async_hooks';
import { List, after } from '@forge/internal';
import type { DestroyReason } from '../events.ts';
import type { Limits, PoolOptions } from '../options.ts';
import { isLive, type Slot } from './slot.ts';

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
  readonly #limits: Limits;
  readonly #isLifo: boolean;
  readonly #expire: (slot: Slot<C>) => void;
  /** With leases and free places; only with a concurrency above 1. */
  readonly #open = new List<Slot<C>>();
  /** What `create` may not return again: as long as it is here, it has an owner. */
  readonly #known = new Set<unknown>();
  /** Bound, for a timer keeps alive the async context that sets it. */
  readonly #after = AsyncLocalStorage.bind(after);
  #expected: number;
  #cancel: (() => void) | undefined;

  /** `expire` must doom each connection that it gets: one that was idle too long while the pool had more than `min`. */
  constructor(options: PoolOptions<C>, limits: Limits, expire: (slot: Slot<C>) => void) {
    this.#options = options;
    this.#limits = limits;
    this.#expire = expire;
    this.#isLifo = options.order === 'lifo';
    this.#expected = typeof options.concurrency === 'number' ? options.concurrency : 1;
  }

  /** Counted when asked, in O(size), as the next two: nothing is to be kept in step with leases and ends. */
  get inUse(): number {
    return this.#count(({ leases }) => leases > 0);
  }

  /** Those that nothing has condemned yet. */
  get live(): number {
    return this.#count(isLive);
  }

  /** Leases that all of them could have. */
  get places(): number {
    const { concurrency } = this.#options;
    if (typeof concurrency === 'number') return this.all.size * concurrency;
    return Array.from(this.all, (slot) => this.placesOf(slot)).reduce((sum, places) => sum + places, 0);
  }

  /** Leases that a new connection is going to have, by the last that was asked. */
  get expected(): number {
    return this.#expected;
  }

  /** Leases that the connection may have now. */
  placesOf({ connection }: Slot<C>): number {
    const { concurrency } = this.#options;
    if (typeof concurrency !== 'number') this.#expected = ask(concurrency, connection);
    return this.#expected;
  }

  /** Whether the pool has this very object, so that it is no new connection. */
  has(connection: C): boolean {
    return this.#known.has(connection);
  }

  add(slot: Slot<C>): void {
    this.all.add(slot);
    if (Object(slot.connection) === slot.connection) this.#known.add(slot.connection);
  }

  /**
   * Where the next lease goes. Connections in use fill up first, so that the others grow old and the pool can shrink. One
   * whose `concurrency` has shrunk is listed again when a lease of it ends.
   */
  withFreePlace(): Slot<C> | undefined {
    const slot = this.#open.size === 0 ? undefined : this.#lastOpen();
    return slot ?? (this.#isLifo ? this.idle.last : this.idle.first);
  }

  #lastOpen(): Slot<C> | undefined {
    for (let slot = this.#open.last; slot !== undefined; slot = this.#open.last) {
      if (this.hasFreePlace(slot)) return slot;
      this.#open.remove(slot);
    }
    return undefined;
  }

  hasFreePlace(slot: Slot<C>): boolean {
    return slot.state === 'usable' && slot.leases < this.placesOf(slot) && slot.uses < this.#options.maxUses;
  }

  /** Lists a slot where its leases say it belongs; to be called when they have changed. */
  place(slot: Slot<C>, hasPlace: boolean): void {
    const list = hasPlace && slot.leases === 0 ? this.idle : hasPlace ? this.#open : undefined;
    if (slot.list === list) return;
    slot.list?.remove(slot);
    if (list === this.idle) this.#rest(slot);
    else list?.push(slot);
  }

  /** The same, in fewer steps, of one that is listed and has got a lease. */
  fill(slot: Slot<C>): void {
    if (this.hasFreePlace(slot)) this.place(slot, true);
    else slot.list?.remove(slot);
  }

  /** Takes a slot without leases out, so that nobody gets it; whoever holds it makes it usable again. */
  hold(slot: Slot<C>, state: 'checking' | 'resetting'): void {
    slot.list?.remove(slot);
    slot.state = state;
  }

  /** From here on nobody can lease it. */
  doom(slot: Slot<C>, reason: DestroyReason): void {
    if (!isLive(slot)) return;
    slot.list?.remove(slot);
    slot.state = 'doomed';
    slot.reason = reason;
  }

  /** Forgets a doomed slot, though leases may still be on it. */
  drop(slot: Slot<C>): void {
    slot.state = 'gone';
    this.all.delete(slot);
    this.#known.delete(slot.connection);
  }

  /** What is condemned when the pool has `count` too many: the longest idle first, then those with the fewest leases. */
  surplus(count: number): Slot<C>[] {
    const live = Array.from(this.all).filter(isLive);
    return live.sort((one, two) => one.leases - two.leases || one.lastUsed - two.lastUsed).slice(0, Math.max(0, count));
  }

  /** Stops the expiry of idle connections. */
  stop(): void {
    this.#cancel?.();
  }

  /**
   * Sees to it that one timer runs while something can expire. It is enough to ask when a connection becomes idle, and when
   * the minimum has changed: the pool outgrows it either with one that becomes idle or while none is. The timer runs on when the first is
   * leased: it finds nothing due and starts again, which is cheaper than re-arming with every lease.
   */
  watch(): void {
    if (this.#cancel !== undefined) return;
    const { clock, idleTimeout } = this.#options;
    const oldest = this.idle.first;
    if (oldest === undefined || this.#isMinimum || idleTimeout === Infinity) return;
    const delay = oldest.lastUsed + idleTimeout - clock.now();
    this.#cancel = this.#after(delay, () => this.#expireIdle(), { unref: true });
  }

  /** Whether no idle connection may expire. */
  get #isMinimum(): boolean {
    return this.all.size <= this.#limits.min || this.idle.size <= this.#limits.minIdle;
  }

  #rest(slot: Slot<C>): void {
    let previous = this.idle.last;
    // Only a connection that comes back from a check is older than the last one.
    while (previous !== undefined && previous.lastUsed > slot.lastUsed) previous = previous.previous;
    this.idle.insertAfter(previous, slot);
    if (this.#cancel === undefined) this.watch();
  }

  #expireIdle(): void {
    const { clock, idleTimeout } = this.#options;
    const before = clock.now() - idleTimeout;
    this.#cancel = undefined;
    for (let slot = this.idle.first; slot !== undefined && slot.lastUsed <= before; slot = this.idle.first) {
      if (this.#isMinimum) return;
      this.#expire(slot);
    }
    this.watch();
  }

  #count(counts: (slot: Slot<C>) => boolean): number {
    let count = 0;
    for (const slot of this.all) if (counts(slot)) count += 1;
    return count;
  }
}

/** A connection that cannot say has one place: its user would else wait for ever. */
function ask<C>(concurrency: (connection: C) => number, connection: C): number {
  try {
    const places = concurrency(connection);
    return places >= 1 ? Math.floor(places) : 1;
  } catch {
    return 1;
  }
}
