import { functionOption, numberOption, objectOption } from '@forge/internal';
import type { ConnectionConfig } from '@forge/pool';
import type { ClientBase, PoolConfig as PgPoolConfig, PoolClient } from 'pg';
import type { DriverClient } from './driver.ts';

/** A duration in milliseconds. */
export type Milliseconds = number;

/**
 * All that `Pool` of pg takes, by its names and with its meaning, and what it has no name for. Numbers may be given as
 * strings, as pg-pool takes them from the environment.
 */
export interface PoolConfig extends Omit<PgPoolConfig, 'max' | 'Client' | 'onConnect'> {
  /**
   * Connections at most; `auto` finds what the server stands while it is loaded.
   *
   * @default 10
   */
  readonly max?: number | 'auto' | undefined;
  /** The former name of `max`. */
  readonly poolSize?: number | undefined;
  /** The class of the clients. @default pg's own */
  readonly Client?: (new (options?: object) => ClientBase) | undefined;
  /** Prepares each new connection; what it throws or rejects with fails the connect. */
  readonly onConnect?: ((client: ClientBase) => unknown) | undefined;
  /**
   * How long a query may take, from when it has a connection: then it is cancelled at the server, and the connection is
   * ended if that does not answer. A query's own `query_timeout` overrides it.
   *
   * @default Infinity
   */
  readonly query_timeout?: Milliseconds | undefined;
  /** Callers that may wait for a connection; more are refused. @default Infinity */
  readonly maxPending?: number | undefined;
  /** Connects that may fail in a row before a failure is told to the caller who waits longest. @default 0 */
  readonly createRetries?: number | undefined;
  /** An idle connection that nobody has heard of for longer is asked for a sign of life before a caller gets it. @default 500 */
  readonly validateAfter?: Milliseconds | undefined;
  /** Whether each released connection is cleaned by `DISCARD ALL`. @default false */
  readonly resetOnRelease?: boolean | undefined;
  /** A client that is checked out for longer is told by `leaseLeaked`. @default Infinity */
  readonly leakThreshold?: Milliseconds | undefined;
}

/** How clients are made. */
export interface ClientOptions {
  readonly Client: new (options: object) => DriverClient;
  /** What each client is made with: all of the pool's options but those that the pool sees to itself. */
  readonly config: object;
  readonly onConnect: ((client: ClientBase) => unknown) | undefined;
  readonly verify: ((client: PoolClient, done: (error?: Error) => void) => void) | undefined;
}

/** A {@link PoolConfig} checked and filled. */
export interface ResolvedOptions {
  readonly sizes: Pick<
    ConnectionConfig<unknown>,
    | 'max'
    | 'min'
    | 'maxUses'
    | 'idleTimeout'
    | 'acquireTimeout'
    | 'createTimeout'
    | 'createRetries'
    | 'maxPending'
    | 'validateAfter'
    | 'leakThreshold'
  >;
  readonly acquireTimeout: Milliseconds;
  readonly lifetime: Milliseconds;
  readonly queryTimeout: Milliseconds;
  readonly resetOnRelease: boolean;
  readonly allowExitOnIdle: boolean;
  readonly client: ClientOptions;
}

/** What `pool.options` shows: all that was given, with the defaults of pg-pool. */
export type ShownOptions = PoolConfig & {
  readonly max: number;
  readonly min: number;
  readonly maxUses: number;
  readonly allowExitOnIdle: boolean;
  readonly maxLifetimeSeconds: number;
  readonly idleTimeoutMillis: number | null;
};

const SUBJECT = 'create a Pool';
const CONNECT_TIMEOUT: Milliseconds = 30_000;
const KEEP_ALIVE_AFTER: Milliseconds = 10_000;

/** @throws TypeError, RangeError for an option that is wrong */
export function resolveOptions(config: PoolConfig, Client: unknown): ResolvedOptions {
  objectOption(SUBJECT, 'the options', config);
  const amount = (name: keyof PoolConfig, fallback: number): number =>
    numberOption(SUBJECT, name, numeric(config[name]), fallback, { min: 0 });
  // As pg-pool has it: nothing, 0 and null mean that there is no limit.
  const limit = (name: keyof PoolConfig, fallback = Infinity): number =>
    (config[name] === null ? 0 : amount(name, fallback)) || Infinity;
  const { onConnect, verify, log } = config;
  for (const [name, given] of Object.entries({ onConnect, verify, log })) functionOption(SUBJECT, name, given, true);
  functionOption(SUBJECT, 'Client', config.Client ?? Client);
  const timeout = limit('connectionTimeoutMillis');
  return {
    sizes: {
      max: config.max === 'auto' ? 'auto' : amount('max', 0) || amount('poolSize', 0) || 10,
      min: amount('min', 0),
      maxUses: limit('maxUses'),
      idleTimeout: limit('idleTimeoutMillis', 10_000),
      acquireTimeout: timeout,
      createTimeout: timeout === Infinity ? CONNECT_TIMEOUT : timeout,
      createRetries: amount('createRetries', 0),
      maxPending: amount('maxPending', Infinity),
      validateAfter: amount('validateAfter', 500),
      leakThreshold: amount('leakThreshold', Infinity),
    },
    acquireTimeout: timeout,
    lifetime: limit('maxLifetimeSeconds') * 1000,
    queryTimeout: limit('query_timeout'),
    resetOnRelease: config.resetOnRelease === true,
    allowExitOnIdle: Boolean(config.allowExitOnIdle),
    client: {
      Client: (config.Client ?? Client) as ClientOptions['Client'],
      config: clientConfig(config),
      onConnect,
      verify,
    },
  };
}

/** The time-outs of pg start timers that kill what has been answered while the event loop stood still; the pool's wait. */
function clientConfig(config: PoolConfig): object {
  const copy = {
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER,
    ...config,
    connectionTimeoutMillis: undefined,
    query_timeout: undefined,
  };
  return hideSecrets(copy, config);
}

export function optionsShown(config: PoolConfig, { sizes: { max, min } }: ResolvedOptions): ShownOptions {
  const defaults = { maxUses: Infinity, allowExitOnIdle: false, maxLifetimeSeconds: 0, idleTimeoutMillis: 10_000 };
  return hideSecrets({ ...defaults, ...config, max, min } as ShownOptions, config);
}

/** Keeps the password and the key out of logs, as pg-pool does. */
function hideSecrets<T extends object>(copy: T, { password, ssl }: PoolConfig): T {
  const hidden = { configurable: true, enumerable: false, writable: true };
  if (password !== undefined) Object.defineProperty(copy, 'password', { ...hidden, value: password });
  if (typeof ssl === 'object' && 'key' in ssl) {
    const secured = Object.defineProperty({ ...ssl }, 'key', { ...hidden, value: ssl.key });
    Object.defineProperty(copy, 'ssl', { ...hidden, enumerable: true, value: secured });
  }
  return copy;
}

function numeric(value: unknown): number | undefined {
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : (value as number | undefined);
}
