import { Deadlines, type Deadline } from '@forge/internal';
import { PoolError } from '../errors.ts';
import type { Milliseconds, PoolOptions } from '../options.ts';
import type { Connections } from '../connections/connections.ts';
import type { Slot } from '../connections/slot.ts';

/** As for a check: what does not answer in this time is as good as dead. */
const RESET_TIMEOUT: Milliseconds = 5_000;

/** Cleans connections that come back. Nobody can get one before that is done; one that is clean at once costs no turn. */
export class Resets<C> {
  readonly #options: PoolOptions<C>;
  readonly #connections: Connections<C>;
  readonly #settle: (slot: Slot<C>, failure: PoolError | undefined) => void;
  readonly #deadlines: Deadlines<Pending>;
  readonly #pending = new Set<Pending>();

  /** `settle` gets each connection back; `failure` is undefined when it is clean. */
  constructor(
    options: PoolOptions<C>,
    connections: Connections<C>,
    settle: (slot: Slot<C>, failure: PoolError | undefined) => void,
  ) {
    this.#options = options;
    this.#connections = connections;
    this.#settle = settle;
    this.#deadlines = new Deadlines(options.clock, ({ end }) => {
      end(new PoolError('POOL_RESET_TIMEOUT', `A reset failed: no answer in ${RESET_TIMEOUT} ms`));
    });
  }

  /** Begins with a usable connection that has no lease. */
  start(slot: Slot<C>): void {
    this.#connections.hold(slot, 'resetting');
    try {
      const result = this.#options.reset?.(slot.connection);
      if (isPromise(result)) this.#await(slot, result);
      else this.#settle(slot, undefined);
    } catch (cause) {
      this.#settle(slot, failed(cause));
    }
  }

  /** Waits no longer for those that take time: whatever comes of them is not told. */
  stop(): void {
    for (const { end } of this.#pending) end();
  }

  #await(slot: Slot<C>, result: PromiseLike<unknown>): void {
    const pending: Pending = {
      deadline: undefined,
      end: (failure) => {
        if (!this.#pending.delete(pending)) return;
        if (pending.deadline !== undefined) this.#deadlines.remove(pending.deadline);
        this.#settle(slot, failure);
      },
    };
    this.#pending.add(pending);
    pending.deadline = this.#deadlines.add(pending, this.#options.clock.now() + RESET_TIMEOUT);
    Promise.resolve(result).then(
      () => pending.end(),
      (cause: unknown) => pending.end(failed(cause)),
    );
  }
}

interface Pending {
  deadline: Deadline<Pending> | undefined;
  readonly end: (failure?: PoolError) => void;
}

function failed(cause: unknown): PoolError {
  return new PoolError('POOL_RESET_FAILED', 'A reset failed', { cause });
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
