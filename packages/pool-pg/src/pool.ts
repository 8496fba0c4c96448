/* oxlint-disable typescript/no-explicit-any -- rows are `any` where their type is not said, as in pg's own types */
import { EventEmitter } from 'node:events';
import { callQuietly, emit } from '@forge/internal';
import { PoolError, type AcquireOptions, type CloseOptions, type MeasureListener } from '@forge/pool';
import {
  Client,
  type QueryArrayConfig,
  type QueryArrayResult,
  type QueryConfig,
  type QueryConfigValues,
  type QueryResult,
  type QueryResultRow,
  type Submittable,
} from 'pg';
import { checkOut, type PooledClient, type Taken } from './checkout.ts';
import { faceOf } from './driver.ts';
import type { PoolEvents } from './events.ts';
import type { PgMetricKinds, PgPoolMetrics } from './metrics.ts';
import { optionsShown, resolveOptions, type PoolConfig, type ShownOptions } from './options.ts';
import type { Session } from './session.ts';
import { Sessions } from './sessions.ts';
import { callbackIn, isSubmittable, type QueryTerms } from './terms.ts';

/** How a caller of `connect` waits. */
export type ConnectOptions = AcquireOptions;

type Done<T> = (error: Error, result: T) => void;
type ConnectCallback = (
  error: Error | undefined,
  client: PooledClient | undefined,
  release: (error?: Error | boolean) => void,
) => void;

/**
 * A pool of PostgreSQL clients, in place of `Pool` of pg: the same options, methods, counts and events, on the leases
 * and the fault handling of `@forge/pool`.
 *
 * @example
 * const pool = new Pool({ connectionString, max: 20, connectionTimeoutMillis: 5_000, query_timeout: 10_000 });
 * const { rows } = await pool.query('select * from item where id = $1', [7]);
 */
export class Pool extends EventEmitter<PoolEvents> implements AsyncDisposable {
  /** As given, with the defaults of pg-pool. */
  readonly options: ShownOptions;
  readonly #sessions: Sessions;
  #ending = false;
  #ended = false;
  #hasWarned = false;

  /** @throws TypeError, RangeError for an option that is wrong */
  constructor(config: PoolConfig = {}, ClientClass: unknown = Client) {
    super();
    const options = resolveOptions(config, ClientClass);
    this.options = optionsShown(config, options);
    this.#sessions = new Sessions(options, {
      // What the listener throws fails the connect: it has not prepared the client.
      connected: ({ client }) => void this.emit('connect', faceOf(client)),
      acquired: ({ client }) => this.#tell('acquire', faceOf(client)),
      released: ({ client }, error) => this.#tell('release', error, faceOf(client)),
      removed: ({ client }) => this.#tell('remove', faceOf(client)),
      abandoned: (session) => this.#tellAbandoned(session),
      failed: (error, session) => this.#tellError(error, session),
      log: (...message) => this.options.log?.(...message),
    });
    const { pool } = this.#sessions;
    pool.on('leaseLeaked', (event) => this.#tell('leaseLeaked', event));
    pool.on('connectionError', (event) => this.#tell('connectionError', event));
  }

  /** As of every emitter; typed so that the pool can stand where Pool of pg is asked for. */
  override on<Name extends keyof PoolEvents>(name: Name, listener: (...event: PoolEvents[Name]) => void): this;
  override on(name: string | symbol, listener: (...event: any[]) => void): this;
  override on(name: string | symbol, listener: (...event: any[]) => void): this {
    return super.on(name as keyof PoolEvents, listener);
  }

  get totalCount(): number {
    const { totalConnections, creating } = this.#sessions.pool.getMetrics();
    return totalConnections + creating;
  }

  get idleCount(): number {
    return this.#sessions.pool.getMetrics().availableConnections;
  }

  /** Callers for whom no connect is under way. */
  get waitingCount(): number {
    const { pending, creating } = this.#sessions.pool.getMetrics();
    return Math.max(0, pending - creating);
  }

  /** Clients older than `maxLifetimeSeconds` that their users have not released. */
  get expiredCount(): number {
    return this.#sessions.expired;
  }

  get ending(): boolean {
    return this.#ending;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Checks a client out. Give it back by `client.release()`, by `client.release(true)` or with an error where it is of
   * no more use, or by `using`.
   */
  connect(options?: ConnectOptions): Promise<PooledClient>;
  connect(callback: ConnectCallback): void;
  connect(given?: ConnectOptions | ConnectCallback): Promise<PooledClient> | void {
    if (typeof given !== 'function') return this.#promise(this.#checkOut(given));
    this.#checkOut(undefined).then(
      (client) => process.nextTick(given, undefined, client, client.release),
      (error: unknown) => process.nextTick(given, error, undefined, () => {}),
    );
  }

  /** Runs one query on a client of the pool. A query that fails costs its client, as in pg-pool, unless it was cancelled. */
  query<T extends Submittable>(query: T, values?: unknown, callback?: unknown): T;
  query<R extends any[] = any[], I = any[]>(
    config: QueryArrayConfig<I> & QueryTerms,
    values?: QueryConfigValues<I>,
  ): Promise<QueryArrayResult<R>>;
  query<R extends QueryResultRow = any, I = any[]>(
    config: string | (QueryConfig<I> & QueryTerms),
    values?: QueryConfigValues<I>,
  ): Promise<QueryResult<R>>;
  query<R extends any[] = any[], I = any[]>(
    config: QueryArrayConfig<I> & QueryTerms,
    callback: Done<QueryArrayResult<R>>,
  ): void;
  query<R extends QueryResultRow = any, I = any[]>(
    config: string | (QueryConfig<I> & QueryTerms),
    callback: Done<QueryResult<R>>,
  ): void;
  query<R extends QueryResultRow = any, I = any[]>(
    text: string,
    values: QueryConfigValues<I>,
    callback: Done<QueryResult<R>>,
  ): void;
  query(config: unknown, values?: unknown, callback?: unknown): unknown {
    const done = typeof config === 'function' ? config : typeof values === 'function' ? values : callback;
    if (isSubmittable(config)) {
      void this.#submit(config as Submittable, done);
      return config;
    }
    const result = this.#query(config, typeof values === 'function' ? undefined : values);
    if (typeof done !== 'function') return this.#promise(result);
    // Not inside of the promise: what the callback throws is the program's error.
    result.then(
      (value) => process.nextTick(done as Done<unknown>, undefined, value),
      (error: unknown) => process.nextTick(done as Done<unknown>, error),
    );
    return undefined;
  }

  /** Refuses newcomers, serves those who wait, and ends when all clients have come back or `deadline` ms from now. */
  end(options?: CloseOptions): Promise<void>;
  end(callback: (error?: Error) => void): void;
  end(given?: CloseOptions | ((error?: Error) => void)): Promise<void> | void {
    const ended = this.#end(typeof given === 'function' ? undefined : given);
    if (typeof given !== 'function') return this.#promise(ended);
    ended.then(
      () => process.nextTick(given),
      (error: unknown) => process.nextTick(given, error),
    );
  }

  get metricKinds(): PgMetricKinds {
    return { ...this.#sessions.pool.metricKinds, max: 'gauge', min: 'gauge' };
  }

  /** Counters since the start and gauges of now, as a frozen snapshot. */
  getMetrics(): PgPoolMetrics {
    const { max, min } = this.options;
    return Object.freeze({ ...this.#sessions.pool.getMetrics(), max: typeof max === 'number' ? max : Infinity, min });
  }

  /** Adds a listener for `wait`, `create` and `use`, in ms, and returns the function that removes it. */
  onMeasure(listener: MeasureListener): () => void {
    return this.#sessions.pool.onMeasure(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ending) await this.end();
  }

  async #checkOut(options: ConnectOptions | undefined): Promise<PooledClient> {
    const taken = await this.#sessions.take(options);
    return checkOut(taken, (error) => this.#sessions.release(taken, error));
  }

  async #query(config: unknown, values: unknown): Promise<unknown> {
    if (typeof config === 'function') {
      throw new Error('Passing a function as the first parameter to pool.query is not supported');
    }
    const { signal } = Object(config) as QueryTerms;
    const taken = await this.#sessions.take(signal === undefined ? undefined : { signal });
    const { session } = taken;
    try {
      const result = await (session.client.query(withoutCallback(config), values) as Promise<unknown>);
      this.#sessions.release(taken, undefined);
      return result;
    } catch (error) {
      // One that is cancelled is given back when that has ended.
      this.#sessions.release(taken, session.cancelling === undefined ? error : undefined);
      throw error;
    }
  }

  /** The query itself tells its callers how it went; the client is released when it is at rest. */
  async #submit(query: Submittable, callback: unknown): Promise<void> {
    let taken: Taken;
    try {
      taken = await this.#sessions.take(undefined);
    } catch (error) {
      if ('handleError' in query && typeof query.handleError === 'function') query.handleError(error);
      else if (typeof callback === 'function') (callback as Done<undefined>)(error as Error, undefined);
      return;
    }
    taken.session.client.query(query, callback);
    this.#sessions.release(taken, undefined);
  }

  async #end(options: CloseOptions | undefined): Promise<void> {
    if (this.#ending) throw new PoolError('POOL_CLOSED', 'Called end on pool more than once');
    this.options.log?.('ending');
    this.#ending = true;
    const leases = await this.#sessions.close(options);
    this.#ended = true;
    for (const lease of leases) this.#tell('leaseLeaked', lease);
  }

  #tellAbandoned({ client }: Session): void {
    emit(this, 'abandonedTransaction', () => ({ client: faceOf(client) }));
    if (this.#hasWarned || this.listenerCount('abandonedTransaction') > 0) return;
    this.#hasWarned = true;
    process.emitWarning('A client was released inside a transaction, which is rolled back; further ones are not told', {
      type: 'PoolWarning',
      code: 'PG_ABANDONED_TRANSACTION',
    });
  }

  #tellError(error: Error, { client }: Session): void {
    const known = Object.isExtensible(error) ? Object.assign(error, { client }) : error;
    if (this.listenerCount('error') > 0) this.#tell('error', known, faceOf(client));
  }

  /** A listener that throws breaks nothing. */
  #tell<Name extends keyof PoolEvents>(name: Name, ...event: PoolEvents[Name]): void {
    if (this.listenerCount(name) > 0) callQuietly(() => this.emit(name, ...(event as never)));
  }

  /** In the class of promise that the program has chosen. */
  #promise<T>(promise: Promise<T>): Promise<T> {
    const { Promise: Own } = this.options;
    if (Own === undefined) return promise;
    return new Own((resolve, reject) => void promise.then(resolve as never, reject)) as Promise<T>;
  }
}

/** One that a configuration brings is for clients, and pg-pool does not call it: with it there would be no promise. */
function withoutCallback(config: unknown): unknown {
  if (callbackIn(config) === undefined) return config;
  return Object.create(config as object, { callback: { value: undefined, writable: true, enumerable: true } });
}
