import { choiceOption, functionOption, monotonic, numberOption } from '@forge/internal';
import type { DestroyReason } from './events.ts';

/** A duration, or a time on the pool's clock, in milliseconds. */
export type Milliseconds = number;

/** Monotonic time. */
export interface Clock {
  now(): Milliseconds;
}

/** How a pool makes, checks and ends connections, and how many it keeps. */
export interface ConnectionConfig<C> {
  /**
   * Makes one connection. `signal` aborts when `createTimeout` has passed or the pool closes; what arrives later is
   * destroyed. A caller that stops waiting does not abort it: the connection serves the next one.
   */
  readonly create: (signal: AbortSignal) => C | PromiseLike<C>;
  /** Ends one connection. The pool has already forgotten it: throwing is an event, hanging delays only `close`. */
  readonly destroy?: (connection: C, reason: DestroyReason) => unknown;
  /** Says whether an idle connection still works. False, throwing and 5 s of silence all count as a failed check. */
  readonly validate?: (connection: C, signal: AbortSignal) => boolean | PromiseLike<boolean>;
  /** Called once for each new connection, to watch it: call `evict` when it has closed itself. */
  readonly onClosed?: (connection: C, evict: (error?: unknown) => void) => void;
  /** Leases that may share one connection. @default 1 */
  readonly concurrency?: number;
  /** Connections kept even when idle; made in the background. @default 0 */
  readonly min?: number;
  /** Connections at most, those being created included. @default 10 */
  readonly max?: number;
  /** After this long without a lease a connection beyond `min` is destroyed. @default 30_000 */
  readonly idleTimeout?: Milliseconds;
  /** How long `acquire` waits at most. @default 30_000 */
  readonly acquireTimeout?: Milliseconds;
  /** How long one `create` may take. @default 30_000 */
  readonly createTimeout?: Milliseconds;
  /** Pause between two rounds of `validate` over the idle connections; 0 is off. @default 30_000 with `validate`, else 0 */
  readonly healthCheckInterval?: Milliseconds;
  /** Failed checks in a row that destroy a connection. @default 3 */
  readonly maxRetries?: number;
  /** Callers that may wait at one time, beyond those for whom a connection is being created. @default 1000 */
  readonly maxPending?: number;
  /** Which idle connection is leased first: `lifo` lets the pool shrink, `fifo` spreads the load. @default 'lifo' */
  readonly order?: 'lifo' | 'fifo';
  /** A monotonic clock. @default performance.now() */
  readonly clock?: Clock;
}

/** A {@link ConnectionConfig} checked and filled with its defaults. */
export type PoolOptions<C> = Readonly<
  Required<Omit<ConnectionConfig<C>, 'destroy' | 'validate' | 'onClosed'>> & {
    destroy: ConnectionConfig<C>['destroy'];
    validate: ConnectionConfig<C>['validate'];
    onClosed: ConnectionConfig<C>['onClosed'];
  }
>;

/** @throws TypeError, RangeError for a field that is wrong */
export function resolveOptions<C>(config: ConnectionConfig<C>): PoolOptions<C> {
  const subject = 'create a ConnectionPool';
  functionOption(subject, 'create', (config as Partial<ConnectionConfig<C>> | undefined)?.create);
  functionOption(subject, 'destroy', config.destroy, true);
  functionOption(subject, 'validate', config.validate, true);
  functionOption(subject, 'onClosed', config.onClosed, true);
  const { validate, clock = monotonic } = config;
  numberOption(subject, 'clock.now()', clock.now(), 0, { min: -Infinity });
  const max = numberOption(subject, 'max', config.max, 10, { min: 1, integer: true });
  const healthCheckInterval = numberOption(
    subject,
    'healthCheckInterval',
    config.healthCheckInterval,
    validate === undefined ? 0 : 30_000,
  );
  if (healthCheckInterval > 0 && validate === undefined) {
    throw new TypeError(`Cannot ${subject}: healthCheckInterval needs a validate function, got undefined`);
  }
  return Object.freeze({
    create: config.create,
    destroy: config.destroy,
    validate,
    onClosed: config.onClosed,
    concurrency: numberOption(subject, 'concurrency', config.concurrency, 1, { ...FINITE, min: 1 }),
    min: numberOption(subject, 'min', config.min, 0, { ...FINITE, max: Math.min(max, FINITE.max) }),
    max,
    idleTimeout: numberOption(subject, 'idleTimeout', config.idleTimeout, 30_000),
    acquireTimeout: numberOption(subject, 'acquireTimeout', config.acquireTimeout, 30_000),
    createTimeout: numberOption(subject, 'createTimeout', config.createTimeout, 30_000, { min: 1 }),
    healthCheckInterval,
    maxRetries: numberOption(subject, 'maxRetries', config.maxRetries, 3, { min: 1, integer: true }),
    maxPending: numberOption(subject, 'maxPending', config.maxPending, 1000, { integer: true }),
    order: choiceOption(subject, 'order', config.order, ['lifo', 'fifo']),
    clock,
  });
}

const FINITE = { integer: true, max: Number.MAX_SAFE_INTEGER };
