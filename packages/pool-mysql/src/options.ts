import { clockOption, numberOption, objectOption, stringOption, type Clock } from '@forge/internal';
import { createPool as createDriverPool, type ConnectionOptions, type PoolOptions } from 'mysql2';

/** A duration, in milliseconds. */
export type Milliseconds = number;

/** mysql2's own options, which mean what they mean there, and what its pool has no word for. */
export interface MysqlPoolOptions extends PoolOptions {
  /** How long a caller waits for a connection at most, however often the pool has to try. @default 30_000 */
  readonly acquireTimeout?: Milliseconds;
  /** How long one statement may take; after it the server is told to stop. @default Infinity */
  readonly queryTimeout?: Milliseconds;
  /** Connections kept even when idle. @default 0 */
  readonly min?: number;
  /** After this long a connection is replaced, up to 10 % earlier at random. @default Infinity */
  readonly maxLifetime?: Milliseconds;
  /** A connection idle for longer answers a ping before it is handed over; Infinity is never. @default 500 */
  readonly validateAfter?: Milliseconds;
  /** A connection held for longer is told as leaked. @default Infinity */
  readonly leakThreshold?: Milliseconds;
  /** A monotonic clock. @default performance.now() */
  readonly clock?: Clock;
}

/** Options checked and filled with their defaults. */
export interface ResolvedOptions {
  /** What mysql2 gets for each connection. */
  readonly connection: Readonly<ConnectionOptions>;
  readonly min: number;
  readonly max: number;
  readonly maxIdle: number;
  readonly maxPending: number;
  readonly acquireTimeout: Milliseconds;
  readonly connectTimeout: Milliseconds;
  readonly queryTimeout: Milliseconds;
  readonly idleTimeout: Milliseconds;
  readonly maxLifetime: Milliseconds;
  readonly validateAfter: Milliseconds;
  readonly leakThreshold: Milliseconds;
  readonly resetOnRelease: boolean;
  readonly clock: Clock;
}

const SUBJECT = 'create a MySQL pool';

/** As mysql2 means it where 0 is said: no limit. */
const UNLIMITED = 0;

/**
 * TCP tells of a peer that is gone only when it is asked: the system's default is to ask after two hours, and mysql2's is
 * the system's.
 */
const KEEP_ALIVE_DELAY: Milliseconds = 30_000;

/** @throws TypeError, RangeError for an option that is wrong, and what mysql2 throws for one of its own */
export function resolveOptions(given: string | MysqlPoolOptions): ResolvedOptions {
  const {
    connectionLimit,
    maxIdle,
    idleTimeout,
    queueLimit,
    waitForConnections = true,
    resetOnRelease = false,
    gracefulEnd: _,
    connectTimeout,
    acquireTimeout,
    queryTimeout,
    min,
    maxLifetime,
    validateAfter,
    leakThreshold,
    clock,
    ...connection
  } = merge(given);
  // It opens nothing: this is where mysql2 looks at its options.
  createDriverPool({ ...connection });
  const max = limit('connectionLimit', connectionLimit, 10);
  return Object.freeze({
    connection: { keepAliveInitialDelay: KEEP_ALIVE_DELAY, ...connection, connectTimeout: 0 },
    min: numberOption(SUBJECT, 'min', min, 0, { integer: true, max: Math.min(max, Number.MAX_SAFE_INTEGER) }),
    max,
    maxIdle: number('maxIdle', maxIdle, max, true),
    maxPending: waitForConnections ? limit('queueLimit', queueLimit, Infinity) : 0,
    acquireTimeout: numberOption(SUBJECT, 'acquireTimeout', acquireTimeout, 30_000),
    connectTimeout: limit('connectTimeout', connectTimeout, 10_000),
    queryTimeout: numberOption(SUBJECT, 'queryTimeout', queryTimeout, Infinity, { min: 1 }),
    idleTimeout: number('idleTimeout', idleTimeout, 60_000),
    maxLifetime: numberOption(SUBJECT, 'maxLifetime', maxLifetime, Infinity, { min: 1 }),
    validateAfter: numberOption(SUBJECT, 'validateAfter', validateAfter, 500),
    leakThreshold: numberOption(SUBJECT, 'leakThreshold', leakThreshold, Infinity, { min: 1 }),
    resetOnRelease,
    clock: clockOption(SUBJECT, clock),
  });
}

/** A copy; what `uri` says counts where the object says nothing, as with mysql2. */
function merge(given: string | MysqlPoolOptions): MysqlPoolOptions {
  if (typeof given === 'string') return parseUri(given);
  objectOption(SUBJECT, 'the options', given);
  const { uri, ...rest } = given;
  if (uri === undefined) return rest;
  stringOption(SUBJECT, 'uri', uri);
  const said = Object.entries(rest).filter(([, value]) => Boolean(value));
  return { ...rest, ...parseUri(uri), ...Object.fromEntries(said) };
}

/** mysql2's reading of a URL: parameters are JSON where they can be. */
function parseUri(uri: string): MysqlPoolOptions {
  const url = new URL(uri);
  const place = {
    host: decodeURIComponent(url.hostname.replace(/^\[(.*)\]$/, '$1')),
    database: decodeURIComponent(url.pathname.slice(1)),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
  const parameters = Array.from(url.searchParams, ([name, value]) => [name, parse(value)] as const);
  return {
    ...Object.fromEntries(parameters),
    ...place,
    ...(url.port === '' ? {} : { port: Number(url.port) }),
  };
}

function parse(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function limit(name: string, value: unknown, fallback: number): number {
  const bound = number(name, value, fallback, name !== 'connectTimeout');
  return bound === UNLIMITED ? Infinity : bound;
}

/** mysql2 takes numbers as strings too, as they come from the environment. */
function number(name: string, value: unknown, fallback: number, integer = false): number {
  const isText = typeof value === 'string' && value.trim() !== '';
  return numberOption(SUBJECT, name, (isText ? Number(value) : value) as number | undefined, fallback, { integer });
}
