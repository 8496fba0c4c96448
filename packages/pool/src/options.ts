import { AsyncLocalStorage } from 'node:async_hooks';
import {
  choiceOption,
  clockOption,
  functionOption,
  numberOption,
  objectOption,
  randomRatios,
  type NumberRange,
} from '@forge/internal';
import type { DestroyReason, ErrorClass, ErrorPhase } from './events.ts';
import type { Clock, Milliseconds } from './units.ts';

export type { Clock, Milliseconds } from './units.ts';

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
   * Cleans a connection when its last lease ends. Until a promise that it returns is fulfilled nobody gets the connection;
   * throwing, rejecting and 5 s of silence destroy it.
   */
  readonly reset?: (connection: C) => unknown;
  /**
   * Called once for each new connection, to watch it: call `evict` when it has closed itself. Throwing and rejecting
   * evict with that error; a promise that is fulfilled means nothing.
   */
  readonly onClosed?: (connection: C, evict: (error?: unknown) => void) => unknown;
  /** Says what an error means for the connections and creates to come. @default every error is `retryable` */
  readonly classifyError?: (error: unknown, phase: ErrorPhase) => ErrorClass;
  /**
   * Leases that may share one connection. A function is asked whenever a lease of the connection is granted or ends; what
   * it answers counts as 1 at least.
   *
   * @default 1
   */
  readonly concurrency?: number | ((connection: C) => number);
  /** Connections kept even when idle; made in the background. @default 0 */
  readonly min?: number;
  /**
   * Idle connections kept ready, beside those in use: for connections that take long to make. What is leased of them is made
   * anew in the background, as `min` is. @default 0
   */
  readonly minIdle?: number;
  /**
   * Connections at most, those being created included. `auto` begins with 10 and finds, while callers wait for it, how many
   * the backend can work with: for when nobody knows, and only where each connection really is work for the same backend.
   *
   * @default 10
   */
  readonly max?: number | 'auto';
  /** After this long without a lease a connection beyond `min` is destroyed. @default 30_000 */
  readonly idleTimeout?: Milliseconds;
  /**
   * After this long a connection is replaced, idle ones by a successor that is made first where `max` has room. Each lives
   * up to 10 % shorter, at random, so that those made together do not end together.
   *
   * @default Infinity
   */
  readonly maxLifetime?: Milliseconds;
  /** Leases after which a connection is destroyed. @default Infinity */
  readonly maxUses?: number;
  /** How long `acquire` waits at most. @default 30_000 */
  readonly acquireTimeout?: Milliseconds;
  /** How long one `create` may take. @default 30_000 */
  readonly createTimeout?: Milliseconds;
  /** Creates in flight at most, for what a burst of them would bring down. @default Infinity */
  readonly maxConcurrentCreates?: number;
  /** Failed creates in a row, beyond the first, before one costs the caller who waits longest. @default 2 */
  readonly createRetries?: number;
  /**
   * An idle connection that was neither used nor checked for longer is checked before it is leased; Infinity is never.
   *
   * @default 500 with `validate`, else Infinity
   */
  readonly validateAfter?: Milliseconds;
  /**
   * Pause between two rounds of `validate` over the idle connections; 0 and Infinity are off.
   *
   * @default 30_000 with `validate`, else 0
   */
  readonly healthCheckInterval?: Milliseconds;
  /** Checks that fail in a row, in the background, before a connection is destroyed. @default 3 */
  readonly maxRetries?: number;
  /** Callers that may wait at one time, beyond those for whom `max` has room. @default 1000 */
  readonly maxPending?: number;
  /**
   * A lease held for longer is told as leaked, and one that was forgotten altogether returns its place. Costs each lease
   * about a microsecond, so it is off by default.
   *
   * @default Infinity
   */
  readonly leakThreshold?: Milliseconds;
  /** Which idle connection is leased first: `lifo` lets the pool shrink, `fifo` spreads the load. @default 'lifo' */
  readonly order?: 'lifo' | 'fifo';
  /** A monotonic clock. @default performance.now() */
  readonly clock?: Clock;
  /** Random ratios from 0 to below 1. @default a generator with a seed of the system's */
  readonly random?: () => number;
}

/** How one caller waits. */
export interface AcquireOptions {
  /** Ends the wait; the promise rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Longest wait of this caller. @default the pool's acquireTimeout */
  readonly timeout?: Milliseconds;
  /**
   * 0 to 7, higher is sooner: a caller stands in the queue as if it had come `priority` seconds earlier, so that nobody
   * is overtaken for ever.
   *
   * @default 0
   */
  readonly priority?: number;
}

/** How long a closing pool waits. */
export interface CloseOptions {
  /** In ms from now, when what has not come back is destroyed. @default 30_000 */
  readonly deadline?: Milliseconds;
}

/** How many connections a pool is to have from now on; what is absent stays. */
export interface Size {
  readonly min?: number;
  readonly minIdle?: number;
  readonly max?: number;
}

/** A {@link ConnectionConfig} checked and filled with its defaults; what costs something only when it is given may be absent. */
export type PoolOptions<C> = Readonly<
  Required<Omit<ConnectionConfig<C>, Optional | 'max'>> & Given<C> & { max: number; isElastic: boolean }
>;
type Optional = 'validate' | 'reset' | 'classifyError';
type Given<C> = { [Name in Optional]: ConnectionConfig<C>[Name] | undefined };

/** The bounds of a pool, which `resize` moves. */
export interface Limits {
  min: number;
  minIdle: number;
  max: number;
}

const DEFAULT_MAX = 10;
const FINITE: NumberRange = { integer: true, max: Number.MAX_SAFE_INTEGER };

/** @throws TypeError, RangeError for a field that is wrong */
export function resolveOptions<C>(config: ConnectionConfig<C>, subject = 'create a ConnectionPool'): PoolOptions<C> {
  objectOption(subject, 'the config', config);
  const number = (name: keyof ConnectionConfig<C>, fallback: number, range?: NumberRange): number =>
    numberOption(subject, name, config[name] as number | undefined, fallback, range);
  const isElastic = config.max === 'auto';
  return Object.freeze({
    ...resolveFunctions(subject, config),
    ...resolveLimits(subject, isElastic ? { ...config, max: DEFAULT_MAX } : (config as Size), {
      min: 0,
      minIdle: 0,
      max: DEFAULT_MAX,
    }),
    isElastic,
    concurrency:
      typeof config.concurrency === 'function' ? config.concurrency : number('concurrency', 1, { ...FINITE, min: 1 }),
    idleTimeout: number('idleTimeout', 30_000),
    maxLifetime: number('maxLifetime', Infinity, { min: 1 }),
    maxUses: number('maxUses', Infinity, { min: 1, integer: true }),
    acquireTimeout: number('acquireTimeout', 30_000),
    createTimeout: number('createTimeout', 30_000, { min: 1 }),
    maxConcurrentCreates: number('maxConcurrentCreates', Infinity, { min: 1, integer: true }),
    createRetries: number('createRetries', 2, FINITE),
    validateAfter: checkOption(subject, 'validateAfter', config, 500),
    healthCheckInterval: checkOption(subject, 'healthCheckInterval', config, 30_000) || Infinity,
    maxRetries: number('maxRetries', 3, { min: 1, integer: true }),
    maxPending: number('maxPending', 1000, { integer: true }),
    leakThreshold: number('leakThreshold', Infinity, { min: 1 }),
    order: choiceOption(subject, 'order', config.order, ['lifo', 'fifo']),
    clock: clockOption(subject, config.clock),
  });
}

/** @throws TypeError, RangeError for a bound that is wrong */
export function resolveLimits(subject: string, size: Size, before: Limits): Limits {
  const max = numberOption(subject, 'max', size.max, before.max, { min: 1, integer: true });
  const upToMax = { integer: true, max: Math.min(max, Number.MAX_SAFE_INTEGER) };
  return {
    min: numberOption(subject, 'min', size.min ?? before.min, 0, upToMax),
    minIdle: numberOption(subject, 'minIdle', size.minIdle ?? before.minIdle, 0, upToMax),
    max,
  };
}

function resolveFunctions<C>(
  subject: string,
  config: ConnectionConfig<C>,
): Pick<PoolOptions<C>, Optional | 'create' | 'destroy' | 'onClosed' | 'random'> {
  const { create, destroy = () => {}, onClosed = () => {}, validate, reset, classifyError } = config;
  const { random = randomRatios() } = config;
  for (const [name, given] of Object.entries({ create, destroy, onClosed, random }))
    functionOption(subject, name, given);
  for (const [name, given] of Object.entries({ validate, reset, classifyError })) {
    functionOption(subject, name, given, true);
  }
  return {
    create: AsyncLocalStorage.bind(create),
    destroy: AsyncLocalStorage.bind(destroy),
    onClosed: AsyncLocalStorage.bind(onClosed),
    validate: validate && AsyncLocalStorage.bind(validate),
    reset: reset && AsyncLocalStorage.bind(reset),
    classifyError: classifyError && AsyncLocalStorage.bind(classifyError),
    random,
  };
}

/** A time that means something only where connections can be checked. */
function checkOption<C>(
  subject: string,
  name: 'validateAfter' | 'healthCheckInterval',
  config: ConnectionConfig<C>,
  fallback: Milliseconds,
): Milliseconds {
  const time = numberOption(subject, name, config[name], config.validate === undefined ? Infinity : fallback);
  const isOff = time === Infinity || (name === 'healthCheckInterval' && time === 0);
  if (isOff || config.validate !== undefined) return time;
  throw new TypeError(`Cannot ${subject}: ${name} needs a validate function, got undefined`);
}
