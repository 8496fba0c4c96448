import { Deadlines, after } from '@forge/internal';
import type { Connections } from './connections.ts';
import { PoolError } from './errors.ts';
import type { Milliseconds, PoolOptions } from './options.ts';
import type { Slot } from './slot.ts';

/** A check answers in milliseconds or the connection is as good as dead: it must not cost a slot for long. */
const CHECK_TIMEOUT: Milliseconds = 5_000;

/**
 * Checks idle connections in rounds, one at a time, so that a round takes one place of the pool at most. The pause
 * counts from the end of a round: slow checks cannot pile up.
 */
export class HealthChecks<C> {
  readonly #options: PoolOptions<C>;
  readonly #connections: Connections<C>;
  readonly #settle: (slot: Slot<C>, failure: PoolError | undefined) => void;
  readonly #deadlines: Deadlines<AbortController>;
  #current: AbortController | undefined;
  #cancel: (() => void) | undefined;
  #stopped = false;

  /** `settle` gets each checked connection back; `failure` is undefined when it passed. */
  constructor(
    options: PoolOptions<C>,
    connections: Connections<C>,
    settle: (slot: Slot<C>, failure: PoolError | undefined) => void,
  ) {
    this.#options = options;
    this.#connections = connections;
    this.#settle = settle;
    this.#deadlines = new Deadlines(options.clock, (check) => {
      check.abort(new PoolError('POOL_VALIDATE_TIMEOUT', `A check failed: no answer in ${CHECK_TIMEOUT} ms`));
    });
    this.#rest();
  }

  /** Ends the rounds and aborts a check in flight. */
  stop(reason: PoolError): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#current?.abort(reason);
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
      if (!this.#connections.hold(slot)) continue;
      const failure = await this.#check(slot.connection);
      this.#settle(slot, failure);
    }
    this.#rest();
  }

  /** Never rejects. */
  async #check(connection: C): Promise<PoolError | undefined> {
    const { clock, validate } = this.#options;
    const controller = new AbortController();
    const { signal } = controller;
    const deadline = this.#deadlines.add(controller, clock.now() + CHECK_TIMEOUT);
    this.#current = controller;
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
    try {
      const healthy = await Promise.race([validate(connection, signal), aborted]);
      if (healthy) return undefined;
      return new PoolError('POOL_VALIDATE_FAILED', 'A check failed: the connection is not healthy');
    } catch (cause) {
      if (signal.aborted) return signal.reason as PoolError;
      return new PoolError('POOL_VALIDATE_FAILED', 'A check failed: it threw', { cause });
    } finally {
      this.#deadlines.remove(deadline);
      this.#current = undefined;
    }
  }
}
