import { Deadlines, after } from '@forge/internal';
import type { Connections } from '../connections/connections.ts';
import { PoolError } from '../errors.ts';
import type { Milliseconds, PoolOptions } from '../options.ts';
import type { Slot } from '../connections/slot.ts';

/** A check answers in milliseconds or the connection is as good as dead: it must not cost a slot for long. */
const CHECK_TIMEOUT: Milliseconds = 5_000;

/** A check that has ended. */
export interface Checked<C> {
  readonly slot: Slot<C>;
  /** Undefined when it passed. */
  readonly failure: PoolError | undefined;
  /** Whether a caller waits for it. */
  readonly isBorrow: boolean;
}

/**
 * Checks idle connections: in rounds, one at a time, so that a round takes one place of the pool at most, and before they
 * are leased when nobody has heard of them for long. The pause counts from the end of a round: slow checks cannot pile up.
 */
export class Checks<C> {
  readonly #options: PoolOptions<C>;
  readonly #connections: Connections<C>;
  readonly #settle: (checked: Checked<C>) => void;
  readonly #deadlines: Deadlines<AbortController>;
  readonly #running = new Set<AbortController>();
  #borrows = 0;
  #distrust = false;
  #cancel: (() => void) | undefined;
  #stopped = false;

  /** `settle` gets each checked connection back. */
  constructor(options: PoolOptions<C>, connections: Connections<C>, settle: (checked: Checked<C>) => void) {
    this.#options = options;
    this.#connections = connections;
    this.#settle = settle;
    this.#deadlines = new Deadlines(options.clock, (check) => {
      check.abort(new PoolError('POOL_VALIDATE_TIMEOUT', `A check failed: no answer in ${CHECK_TIMEOUT} ms`));
    });
    this.#rest();
  }

  /** Callers whose wait a check may end soon. Once one has failed, no idle connection is counted on until one passes. */
  get promising(): number {
    return this.#distrust ? 0 : this.#borrows;
  }

  /** Checks for the sake of callers, under way. */
  get borrows(): number {
    return this.#borrows;
  }

  /** Whether a connection has to be checked before it is leased. */
  isDue(slot: Slot<C>): boolean {
    const { clock, validateAfter } = this.#options;
    if (validateAfter === Infinity || slot.leases > 0) return false;
    return clock.now() - Math.max(slot.lastUsed, slot.lastChecked) > validateAfter;
  }

  /** Checks an idle connection for whoever waits longest by then. */
  borrow(slot: Slot<C>): void {
    this.#borrows += 1;
    void this.#check(slot, true);
  }

  /** Ends the rounds and aborts the checks in flight. */
  stop(reason: PoolError): void {
    this.#stopped = true;
    this.#cancel?.();
    for (const check of this.#running) check.abort(reason);
  }

  /** A timer can be shorter than an interval: it goes on until the time has come. */
  #rest(due: Milliseconds = this.#options.clock.now() + this.#options.healthCheckInterval): void {
    const { clock } = this.#options;
    if (this.#stopped) return;
    const wake = (): void => (clock.now() < due ? this.#rest(due) : void this.#round());
    this.#cancel = after(due - clock.now(), wake, { unref: true });
  }

  async #round(): Promise<void> {
    // Over a copy, for a round takes time.
    for (const slot of Array.from(this.#connections.idle)) {
      if (slot.list === this.#connections.idle) await this.#check(slot, false);
    }
    this.#rest();
  }

  async #check(slot: Slot<C>, isBorrow: boolean): Promise<void> {
    this.#connections.hold(slot, 'checking');
    const failure = await this.#ask(slot.connection);
    if (isBorrow) this.#borrows -= 1;
    if (failure === undefined) slot.lastChecked = this.#options.clock.now();
    if (failure === undefined || isBorrow) this.#distrust = failure !== undefined;
    this.#settle({ slot, failure, isBorrow });
  }

  /** Never rejects. */
  async #ask(connection: C): Promise<PoolError | undefined> {
    const { clock, validate } = this.#options;
    const controller = new AbortController();
    const { signal } = controller;
    const deadline = this.#deadlines.add(controller, clock.now() + CHECK_TIMEOUT);
    this.#running.add(controller);
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
    try {
      const healthy = await Promise.race([validate?.(connection, signal), aborted]);
      if (healthy === true) return undefined;
      return new PoolError('POOL_VALIDATE_FAILED', 'A check failed: the connection is not healthy');
    } catch (cause) {
      if (signal.aborted) return signal.reason as PoolError;
      return new PoolError('POOL_VALIDATE_FAILED', 'A check failed: it threw', { cause });
    } finally {
      this.#deadlines.remove(deadline);
      this.#running.delete(controller);
    }
  }
}
