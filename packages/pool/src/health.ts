import { PoolError } from './errors.ts';
import type { ConnectionConfig, Milliseconds } from './options.ts';
import type { Slot } from './slot.ts';

/** What takes connections out for a check and puts them back. */
export interface HealthOwner<C> {
  /** Connections that may be checked, longest idle first: a copy, for a round takes time. */
  idle(): readonly Slot<C>[];
  /** Takes an idle connection out, so that nobody can lease it; false when it is idle no more. */
  hold(slot: Slot<C>): boolean;
  /** Takes it back; `failure` is undefined when it passed. */
  settle(slot: Slot<C>, failure: PoolError | undefined): void;
}

/** A check answers in milliseconds or the connection is as good as dead: it must not cost a slot for long. */
const CHECK_TIMEOUT: Milliseconds = 5_000;

/**
 * Checks idle connections in rounds, one at a time, so that a round takes one place of the pool at most. The pause
 * counts from the end of a round: slow checks cannot pile up.
 */
export class HealthChecks<C> {
  readonly #interval: Milliseconds;
  readonly #validate: NonNullable<ConnectionConfig<C>['validate']>;
  readonly #owner: HealthOwner<C>;
  #timer: NodeJS.Timeout | undefined;
  #current: AbortController | undefined;
  #stopped = false;

  constructor(interval: Milliseconds, validate: NonNullable<ConnectionConfig<C>['validate']>, owner: HealthOwner<C>) {
    this.#interval = interval;
    this.#validate = validate;
    this.#owner = owner;
    this.#rest();
  }

  /** Ends the rounds and aborts a check in flight. */
  stop(reason: PoolError): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#current?.abort(reason);
  }

  #rest(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#round(), this.#interval).unref();
  }

  async #round(): Promise<void> {
    for (const slot of this.#owner.idle()) {
      if (!this.#owner.hold(slot)) continue;
      const failure = await this.#check(slot.connection);
      this.#owner.settle(slot, failure);
    }
    this.#rest();
  }

  /** Never rejects. */
  async #check(connection: C): Promise<PoolError | undefined> {
    const controller = new AbortController();
    this.#current = controller;
    const timer = setTimeout(() => {
      controller.abort(new PoolError('POOL_VALIDATE_TIMEOUT', `A check failed: no answer in ${CHECK_TIMEOUT} ms`));
    }, CHECK_TIMEOUT).unref();
    try {
      const verdict = await Promise.race([this.#validate(connection, controller.signal), aborted(controller.signal)]);
      return verdict
        ? undefined
        : new PoolError('POOL_VALIDATE_FAILED', 'A check failed: the connection is not healthy');
    } catch (cause) {
      if (controller.signal.aborted) return controller.signal.reason as PoolError;
      return new PoolError('POOL_VALIDATE_FAILED', 'A check failed: it threw', { cause });
    } finally {
      clearTimeout(timer);
      this.#current = undefined;
    }
  }
}

/** Rejects with the signal's reason. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(signal.reason as Error);
    });
  });
}
