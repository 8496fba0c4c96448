import { AsyncLocalStorage } from 'node:async_hooks';
import { choiceOption, clockOption, functionOption, numberOption, objectOption } from '@forge/internal';
import type { DestroyReason } from './events.ts';

/** A duration, or a time on the pool's clock, in milliseconds. */
export type Milliseconds = number;

/** Monotonic time. */
export interface Clock {
  now(): Milliseconds;
}

/**
 * How a pool makes, checks and ends connections, and how many it keeps. Its functions run in the async context that the
 * pool was made in, never in that of a caller: what they open outlives him and serves others.
 */
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
  /**
   * Called once for each new connection, to watch it: call `evict` when it has closed itself. Throwing and rejecting
   * evict with that error; a promise that is fulfilled means nothing.
   */
  readonly onClosed?: (connection: C, evict: (error?: unknown) => void) => unknown;
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
  /**
   * Pause between two rounds of `validate` over the idle connections; 0 and Infinity are off.
   *
   * @default 30_000 with `validate`, else 0
   */
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

/** How one caller waits. */
export interface AcquireOptions {
  /** Ends the wait; the promise rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Longest wait of this caller. @default the pool's acquireTimeout */
  readonly timeout?: Milliseconds;
}

/** How long a closing pool waits. */
export interface CloseOptions {
  /** In ms from now, when what has not come back is destroyed. @default 30_000 */
  readonly deadline?: Milliseconds;
}

/** How a close went. */
export interface CloseResult {
  /** Leases that had not come back by the deadline. */
  readonly leaked: number;
}

/** A {@link ConnectionConfig} checked and filled with its defaults. */
export type PoolOptions<C> = Readonly<Required<ConnectionConfig<C>>>;

const FINITE = { integer: true, max: Number.MAX_SAFE_INTEGER };

/** @throws TypeError, RangeError for a field that is wrong */
export function resolveOptions<C>(config: ConnectionConfig<C>): PoolOptions<C> {
  const subject = 'create a ConnectionPool';
  objectOption(subject, 'the config', config);
  const { create, destroy = () => {}, validate, onClosed = () => {} } = config;
  functionOption(subject, 'create', create);
  functionOption(subject, 'destroy', destroy);
  functionOption(subject, 'validate', validate, true);
  functionOption(subject, 'onClosed', onClosed);
  const max = numberOption(subject, 'max', config.max, 10, { min: 1, integer: true });
  const byDefault = validate === undefined ? 0 : 30_000;
  const interval = numberOption(subject, 'healthCheckInterval', config.healthCheckInterval, byDefault);
  const healthCheckInterval = interval === 0 ? Infinity : interval;
  if (healthCheckInterval !== Infinity && validate === undefined) {
    throw new TypeError(`Cannot ${subject}: healthCheckInterval needs a validate function, got undefined`);
  }
  return Object.freeze({
    create: AsyncLocalStorage.bind(create),
    destroy: AsyncLocalStorage.bind(destroy),
    validate: AsyncLocalStorage.bind(validate ?? (() => true)),
    onClosed: AsyncLocalStorage.bind(onClosed),
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
    clock: clockOption(subject, config.clock),
  });
}
