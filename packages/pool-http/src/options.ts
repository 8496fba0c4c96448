import type { Clock, Milliseconds } from '@forge/pool';
import { clockOption, functionOption, numberOption, objectOption } from '@forge/internal';
import { Client } from 'undici';
import type { FindEndpoints } from './endpoints.ts';

/**
 * What undici's `Client` takes, and how requests share connections. Whatever is not named here goes to each Client as it
 * is: `connect`, `headersTimeout`, `keepAliveTimeout`, `allowH2` and so on.
 */
export interface HttpPoolOptions extends Omit<Client.Options, 'pipelining' | 'tls'> {
  /** Connections to one endpoint of an origin at most, those being opened included. @default 100 */
  readonly connections?: number;
  /** How long a request waits for a connection at most, the opening of one included. @default 30_000 */
  readonly acquireTimeout?: Milliseconds;
  /** Requests that may wait for one endpoint at one time, beyond those for whom `connections` has room. @default 1000 */
  readonly maxPending?: number;
  /**
   * After this long a connection is replaced, by one that is opened first where there is room; requests on it are served
   * to their end. Each lives up to 10 % shorter, at random.
   *
   * @default 300_000
   */
  readonly maxLifetime?: Milliseconds;
  /** Connections over all origins at most; idle ones of the origin that was used least recently leave first. @default 1000 */
  readonly maxTotal?: number;
  /** Origins and endpoints that are remembered, each, at most. @default 1000 */
  readonly maxOrigins?: number;
  /**
   * Finds the endpoints of an origin, among which requests are balanced. Without it each origin is one endpoint, whose
   * name every new connection looks up.
   */
  readonly endpoints?: FindEndpoints;
  /** How old what `endpoints` has found may be when a request comes; it is asked again behind that request. @default 30_000 */
  readonly refreshInterval?: Milliseconds;
  /** A monotonic clock. @default performance.now() */
  readonly clock?: Clock;
  /** Random ratios from 0 to below 1. @default a generator with a seed of the system's */
  readonly random?: () => number;
}

/** {@link HttpPoolOptions} checked, filled with defaults and parted into what is the pool's and what is undici's. */
export interface ResolvedOptions extends Required<
  Omit<HttpPoolOptions, keyof Client.Options | 'endpoints' | 'random'>
> {
  readonly endpoints: FindEndpoints | undefined;
  readonly random: (() => number) | undefined;
  readonly client: Client.Options;
}

/** @throws TypeError, RangeError for an option that is wrong; InvalidArgumentError of undici for one of its own */
export function resolveOptions(options: HttpPoolOptions): ResolvedOptions {
  const subject = 'create an HttpPool';
  objectOption(subject, 'the options', options);
  const {
    connections,
    acquireTimeout,
    maxPending,
    maxLifetime,
    maxTotal,
    maxOrigins,
    endpoints,
    refreshInterval,
    clock,
    random,
    ...client
  } = options;
  functionOption(subject, 'endpoints', endpoints, true);
  functionOption(subject, 'random', random, true);
  // It opens nothing, and checks what all others will be given.
  void new Client('http://localhost', client);
  const count = { min: 1, integer: true };
  return Object.freeze({
    connections: numberOption(subject, 'connections', connections, 100, count),
    acquireTimeout: numberOption(subject, 'acquireTimeout', acquireTimeout, 30_000),
    maxPending: numberOption(subject, 'maxPending', maxPending, 1000, { integer: true }),
    maxLifetime: numberOption(subject, 'maxLifetime', maxLifetime, 300_000, { min: 1 }),
    maxTotal: numberOption(subject, 'maxTotal', maxTotal, 1000, count),
    maxOrigins: numberOption(subject, 'maxOrigins', maxOrigins, 1000, { ...count, max: 1_000_000 }),
    refreshInterval: numberOption(subject, 'refreshInterval', refreshInterval, 30_000, { min: 1 }),
    clock: clockOption(subject, clock),
    endpoints,
    random,
    client,
  });
}
