/**
 * Who may have a connection, where the pools of many keys share one bound.
 *
 * A permit stands for a connection or a create in flight. With none left, the idle connection of the key that has rested
 * longest goes for whoever needs one. Where none is idle the key claims one, and the claims are served in two queues: keys
 * that have no connection at all come first, keys that want one more come after them, both first come first served. So
 * that a permit ever comes back, connections with a free place are ceded to the claim whose turn it is:
 *
 * 1. one that is idle and that nobody of its own key waits for, always;
 * 2. one of a key that has two more than the one that claims: whoever has more gives, down to equal shares;
 * 3. one of any key, to a key that has none, once the callers of its own who came before that claim are served.
 *
 * The third rule is gated service in the terms of polling systems [1]. It bounds every wait: before a key without a
 * connection stand the claims of other such keys, each once, and finitely many callers. And the cost of passing a
 * connection on is spread over all who queued up for its turn: the more load, the longer the turns, so that the pool does
 * not spend itself on making connections. For the same reason a connection is never ceded by 2 and 3 before its first use.
 * Rules by the time slice were rejected: they need a constant that is wrong for every second kind of connection.
 *
 * With several leases on one connection, it takes no more leases once it is ceded, and passes on when the last one ends; a
 * key cedes one such connection at a time.
 *
 * Each call is O(1), but for claims whose callers have all left meanwhile, which are dropped once each.
 *
 * [1] H. Takagi, "Analysis of Polling Systems", MIT Press (1986)
 *
 * @module
 */
import type { Slot } from '../connections/slot.ts';
import type { Clock, Milliseconds } from '../units.ts';

/** A key's part in the budget, and what the budget asks of its pool. The fields are the budget's. */
export interface Account<C> {
  held: number;
  /** Callers in its queue, as they were counted. */
  counted: number;
  claimedAt: Milliseconds;
  /** A connection with leases that takes no more, for the sake of another key. */
  ceding: Slot<C> | undefined;
  /** Connections, and creates in flight. */
  readonly size: number;
  /** Connections without a lease, ready to be leased. */
  readonly idle: number;
  readonly waiting: number;
  /** Ends the connection that is idle for longest; it has one. */
  cede(): void;
  /** Takes what it needs of permits that are free. */
  look(): void;
}

export class Budget<A extends Account<unknown>> {
  readonly #clock: Clock;
  readonly #permits: number;
  #taken = 0;
  #waiting = 0;
  /** Keys that may have idle connections, the one that has rested longest first. */
  readonly #idle = new Set<A>();
  /** Claims of keys that have none, and of the others. */
  readonly #bare = new Set<A>();
  readonly #more = new Set<A>();

  constructor(clock: Clock, permits: number) {
    this.#clock = clock;
    this.#permits = permits;
  }

  /** Connections of all keys, and creates in flight. */
  get taken(): number {
    return this.#taken;
  }

  /** Callers in all queues. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Keys that wait for a permit. */
  get claims(): number {
    return this.#bare.size + this.#more.size;
  }

  /** Keys that may have idle connections, the one that has rested longest first. */
  get idle(): Iterable<A> {
    return this.#idle;
  }

  take(account: A, isAwaited: boolean): boolean {
    if (this.#isSpent && isAwaited) this.#reclaim(account);
    if (!this.#isSpent) {
      this.#taken += 1;
      account.held += 1;
      return true;
    }
    if (isAwaited) this.#claim(account);
    return false;
  }

  /** To be called when a key is used. */
  touch(account: A): void {
    if (this.#idle.delete(account)) this.#idle.add(account);
  }

  /** To be called after each change of a key's pool. */
  settled(account: A): void {
    const { held, size, waiting, idle } = account;
    this.#waiting += waiting - account.counted;
    account.counted = waiting;
    if (account.ceding?.state === 'gone') account.ceding = undefined;
    if (idle === 0) this.#idle.delete(account);
    else this.#idle.add(account);
    if (size >= held) return;
    account.held = size;
    this.#taken -= held - size;
    if (size === 0 && this.#more.delete(account)) this.#bare.add(account);
    this.#offer();
  }

  /** Whether a connection with a free place has to go; `waiting` is when the caller came who would get it. */
  cedes(account: A, slot: Slot<unknown>, waiting: Milliseconds | undefined): boolean {
    if (this.claims === 0) return false;
    const claim = this.#next(account);
    if (claim === undefined) return false;
    if (slot.leases === 0 && waiting === undefined) return true;
    if (slot.uses === 0 || account.ceding !== undefined) return false;
    const isPoorer = own(account) - own(claim) >= 2;
    const isOlder = own(claim) === 0 && claim.claimedAt < (waiting ?? Infinity);
    if (!isPoorer && !isOlder) return false;
    if (slot.leases > 0) account.ceding = slot;
    return true;
  }

  /** Of a key that is forgotten. */
  leave(account: A): void {
    this.#idle.delete(account);
    this.#bare.delete(account);
    this.#more.delete(account);
  }

  get #isSpent(): boolean {
    return this.#taken >= this.#permits;
  }

  #claim(account: A): void {
    if (this.#bare.has(account) || this.#more.has(account)) return;
    account.claimedAt = this.#clock.now();
    (account.held === 0 ? this.#bare : this.#more).add(account);
  }

  /** Ends an idle connection of another key. */
  #reclaim(account: A): void {
    for (const other of this.#idle) {
      if (other === account) continue;
      // What is listed was idle when its pool was settled last.
      if (other.idle > 0) return other.cede();
      this.#idle.delete(other);
    }
  }

  /** The key other than this one whose claim is to be served next. */
  #next(account: A): A | undefined {
    for (const claims of [this.#bare, this.#more]) {
      for (const claim of claims) {
        if (claim.waiting === 0) claims.delete(claim);
        else if (claim !== account) return claim;
      }
    }
    return undefined;
  }

  #offer(): void {
    while (!this.#isSpent && this.claims > 0) {
      for (const claims of [this.#bare, this.#more]) {
        const [claim] = claims;
        if (claim === undefined) continue;
        claims.delete(claim);
        // It may need more than one, and then claims again, after the others.
        claim.look();
        break;
      }
    }
  }
}

/** Connections that a key keeps. */
function own({ held, ceding }: Account<unknown>): number {
  return ceding === undefined ? held : held - 1;
}
