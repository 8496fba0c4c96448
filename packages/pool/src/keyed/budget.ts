/**
 * Who may have a connection, where the pools of many keys share one bound.
 *
 * A permit stands for a connection or a create in flight. With none left, the idle connection of the key that has rested
 * longest goes for whoever needs one. Where none is idle the key claims one. The key that has the fewest is served first
 * (max-min fairness), and among equals the one that came first. So that a permit ever comes back, a connection with a
 * free place is ceded for the sake of the claim whose turn it is:
 *
 * 1. one that is idle and that nobody of its own key waits for, always;
 * 2. one of a key that has two more than the claiming one: whoever has more gives, down to equal shares;
 * 3. one of any key, to a key that has none, once the callers of its own who came before that claim are served.
 *
 * The third rule is gated service in the terms of polling systems [1]. It bounds every wait: before a key without a
 * connection stand the claims of other such keys, each once, and finitely many callers. And the price of passing a
 * connection on is shared by all who queued up for its turn: the more load, the longer the turns, so that the pools do not
 * spend themselves on making connections. For the same reason a connection is never ceded by 2 and 3 before its first use.
 * Turns by the clock were rejected: they need a constant that is wrong for every second kind of connection.
 *
 * A connection that is shared takes no more leases once it is ceded, and is passed on when the last one ends; a key cedes
 * one such connection at a time.
 *
 * A call costs O(connections that a key may have) at most, and one step for each claim whose callers have left meanwhile.
 *
 * [1] H. Takagi, "Analysis of Polling Systems", MIT Press (1986)
 *
 * @module
 */
import type { Slot } from '../connections/slot.ts';
import type { Clock, Milliseconds } from '../units.ts';

/** A key's part in the budget, and what the budget asks of its pool. What can be written is the budget's to write. */
export interface Account<C> {
  /** Permits. */
  held: number;
  /** Callers in its queue, as they were counted. */
  counted: number;
  /** Where its claim stands, if it has one. */
  claims: Set<Account<C>> | undefined;
  claimedAt: Milliseconds;
  /** A connection with leases that takes no more, for the sake of another key. */
  ceding: Slot<C> | undefined;
  /** Connections, and creates in flight. */
  readonly size: number;
  /** Connections without a lease, ready to be leased. */
  readonly idle: number;
  /** Callers in its queue. */
  readonly waiting: number;
  /** Ends the connection that has been idle for longest; it has one. */
  cede(): void;
  /** Takes what it needs of the permits that are free. */
  look(): void;
}

export class Budget<C, A extends Account<C>> {
  readonly #clock: Clock;
  readonly #permits: number;
  #taken = 0;
  #waiting = 0;
  /** Keys that may have idle connections, the one that has rested longest first. */
  readonly #idle = new Set<A>();
  /** By what the keys have that claim, none at first, in order of their claims. */
  readonly #levels: Set<Account<C>>[] = [];
  #claiming = 0;

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
  get claiming(): number {
    return this.#claiming;
  }

  /** Keys that may have idle connections, the one that has rested longest first. */
  get idle(): Iterable<A> {
    return this.#idle;
  }

  /** Whether one more create may start; if not and somebody waits for it, the key claims a permit. */
  take(account: A, isAwaited: boolean): boolean {
    if (this.#isSpent && isAwaited) this.#reclaim(account);
    if (!this.#isSpent) {
      this.#taken += 1;
      this.#hold(account, account.held + 1);
      return true;
    }
    if (isAwaited && account.claims === undefined) {
      account.claimedAt = this.#clock.now();
      this.#claim(account);
    }
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
    this.#hold(account, size);
    this.#taken -= held - size;
    this.#offer();
  }

  /** Whether a connection with a free place has to go; `waiting` is when the caller came who would get it. */
  cedes(account: A, slot: Slot<C>, waiting: Milliseconds | undefined): boolean {
    const claim = this.#claiming === 0 ? undefined : this.#next(account);
    if (claim === undefined) return false;
    if (slot.leases === 0 && waiting === undefined) return true;
    if (slot.uses === 0 || account.ceding !== undefined) return false;
    const isRicher = kept(account) - kept(claim) >= 2;
    const isLater = claim.held === 0 && claim.claimedAt < (waiting ?? Infinity);
    if (!isRicher && !isLater) return false;
    if (slot.leases > 0) account.ceding = slot;
    return true;
  }

  /** Of a key that is forgotten. */
  leave(account: A): void {
    this.#idle.delete(account);
    this.#withdraw(account);
  }

  get #isSpent(): boolean {
    return this.#taken >= this.#permits;
  }

  #hold(account: Account<C>, held: number): void {
    account.held = held;
    if (account.claims === undefined) return;
    this.#withdraw(account);
    this.#claim(account);
  }

  #claim(account: Account<C>): void {
    while (this.#levels.length <= account.held) this.#levels.push(new Set());
    account.claims = this.#levels[account.held]!.add(account);
    this.#claiming += 1;
  }

  #withdraw(account: Account<C>): void {
    if (account.claims?.delete(account) === true) this.#claiming -= 1;
    account.claims = undefined;
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

  /** The claim that is to be served next, but for that of one key. */
  #next(but?: Account<C>): Account<C> | undefined {
    for (const claims of this.#levels) {
      for (const account of claims) {
        if (account.waiting === 0) this.#withdraw(account);
        else if (account !== but) return account;
      }
    }
    return undefined;
  }

  #offer(): void {
    while (!this.#isSpent && this.#claiming > 0) {
      const account = this.#next();
      if (account === undefined) return;
      this.#withdraw(account);
      // It may need more than one, and then claims again.
      account.look();
    }
  }
}

/** Connections that a key does not give away already. */
function kept({ held, ceding }: Account<unknown>): number {
  return ceding === undefined ? held : held - 1;
}
