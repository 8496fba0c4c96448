import { EventEmitter } from 'node:events';
import { callQuietly, numberOption, objectOption, signalOption } from '@forge/internal';
import {
  ConnectionPool,
  type AcquireOptions,
  type CloseOptions,
  type DestroyReason,
  type Lease,
  type MeasureListener,
  type PoolEvents,
} from '@forge/pool';
import {
  escape,
  escapeId,
  format,
  type Connection,
  type ExecuteValues,
  type QueryResult,
  type QueryValues,
} from 'mysql2';
import { connect } from './connect.ts';
import { acquireError, classifyError, isReadOnly, neverArrived } from './errors.ts';
import { IdleLimit } from './idle-limit.ts';
import { Killer } from './killer.ts';
import { LeasedConnection, type Owner } from './leased-connection.ts';
import { metricKindsOf, type MetricKinds, type MysqlPoolMetrics } from './metrics.ts';
import { resolveOptions, type Milliseconds, type MysqlPoolOptions, type ResolvedOptions } from './options.ts';
import { Session } from './session.ts';
import { requestOf, Statements, type Answer, type Request, type StatementOptions } from './statements.ts';

/** How long `end` waits for connections that are in use. */
const END_PATIENCE: Milliseconds = 5_000;

/** A name may lead to the old primary for a while: so often at most is everything replaced. */
const FAILOVER_PAUSE: Milliseconds = 1_000;

/** How one caller waits for a connection. */
export type GetConnectionOptions = Pick<AcquireOptions, 'signal' | 'timeout'>;

/**
 * mysql2's four, with the connection of its callback interface, as there; two of the pool below; and what was done about
 * something that is not a caller's error.
 */
export interface MysqlPoolEvents {
  connection: [connection: Connection];
  acquire: [connection: Connection];
  release: [connection: Connection];
  enqueue: [];
  connectionError: PoolEvents['connectionError'];
  leaseLeaked: PoolEvents['leaseLeaked'];
  /** A connection came back with an open transaction, which is being rolled back. */
  transactionAbandoned: [event: { readonly threadId: number }];
  /** The server is read-only: every connection is being replaced. */
  failover: [event: { readonly error: unknown }];
}

/**
 * A pool with the face of mysql2's own.
 *
 * @example
 * const pool = createPool({ uri: 'mysql://app@db.local/shop', queryTimeout: 5_000 });
 * const [rows] = await pool.execute('SELECT * FROM items WHERE id = ?', [7]);
 */
export class MysqlPool extends EventEmitter<MysqlPoolEvents> implements AsyncDisposable {
  readonly metricKinds: MetricKinds;
  readonly #options: ResolvedOptions;
  readonly #pool: ConnectionPool<Session>;
  readonly #statements: Statements;
  readonly #idle: IdleLimit;
  readonly #owner: Owner;
  readonly #counts = { abandonedTransactions: 0, retriedQueries: 0, failovers: 0 };
  #failedOver: Milliseconds = -Infinity;

  /** @throws TypeError, RangeError when an option is wrong */
  constructor(options: string | MysqlPoolOptions) {
    super();
    this.#options = resolveOptions(options);
    const { connection, clock, max, maxIdle } = this.#options;
    this.#statements = new Statements(new Killer(connection), clock);
    this.#idle = new IdleLimit(maxIdle < max ? maxIdle : Infinity);
    this.#pool = this.#open();
    this.metricKinds = metricKindsOf(this.#pool.metricKinds);
    this.#pool.on('connectionError', (event) => this.#tell('connectionError', event));
    this.#pool.on('leaseLeaked', (event) => this.#tell('leaseLeaked', event));
    this.#owner = {
      run: (session, verb, sql, values) => this.#run(session, this.#request(verb, sql, values)),
      giveBack: (lease) => this.#giveBack(lease),
    };
  }

  /**
   * Leases a connection: give it back with `release()`, or let `await using` do it.
   *
   * @throws TypeError, RangeError at once when an option is wrong
   * @throws PoolError POOL_ACQUIRE_TIMEOUT, POOL_QUEUE_FULL, POOL_CLOSED, POOL_UNAVAILABLE; or mysql2's error when no
   *   connection could be made (all as rejections)
   */
  getConnection(options: GetConnectionOptions = {}): Promise<LeasedConnection> {
    const subject = 'get a connection';
    objectOption(subject, 'the options', options);
    signalOption(subject, options.signal);
    const timeout = numberOption(subject, 'timeout', options.timeout, this.#options.acquireTimeout);
    return this.#lease(this.#deadline(timeout), options.signal).then(
      (lease) => new LeasedConnection(this.#owner, lease),
    );
  }

  /** As `connection.release()`. */
  releaseConnection(connection: LeasedConnection): void {
    if (connection instanceof LeasedConnection) connection.release();
  }

  /**
   * Runs one statement on any connection. One that has provably not reached the server is sent once more, on another
   * connection.
   *
   * @throws what `getConnection` throws, and mysql2's errors: PROTOCOL_SEQUENCE_TIMEOUT when the statement's time is over
   */
  query<T extends QueryResult>(sql: string | StatementOptions, values?: QueryValues): Promise<Answer<T>> {
    return this.#once<T>(this.#request('query', sql, values));
  }

  /** As `query`, prepared: each connection prepares a statement once. */
  execute<T extends QueryResult>(sql: string | StatementOptions, values?: ExecuteValues): Promise<Answer<T>> {
    return this.#once<T>(this.#request('execute', sql, values));
  }

  /** As mysql2's, with the options of this pool. */
  format(sql: string, values?: unknown): string {
    const { stringifyObjects = false, timezone = 'local' } = this.#options.connection;
    return format(sql, values as never, stringifyObjects, timezone);
  }

  /** As mysql2's, with the options of this pool. */
  escape(value: unknown): string {
    const { stringifyObjects = false, timezone = 'local' } = this.#options.connection;
    return escape(value as never, stringifyObjects, timezone);
  }

  /** As mysql2's. */
  escapeId(value: string | string[]): string {
    return escapeId(value, false);
  }

  /**
   * Refuses callers, waits for connections in use, says goodbye to the server, and resolves when nothing is left; what has
   * not come back `deadline` ms from now is ended under its user.
   *
   * @throws TypeError, RangeError at once when the deadline is wrong
   */
  end(options: CloseOptions = {}): Promise<void> {
    objectOption('end a pool', 'the options', options);
    const { deadline = END_PATIENCE } = options;
    return this.#pool.close({ deadline }).then(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  /** Counters since the start and gauges of now, as a frozen snapshot. */
  getMetrics(): MysqlPoolMetrics {
    const { max, maxIdle, min } = this.#options;
    return Object.freeze({
      ...this.#pool.getMetrics(),
      ...this.#counts,
      maxConnections: max,
      maxIdleConnections: maxIdle,
      minConnections: min,
      stoppedQueries: this.#statements.stopped,
    });
  }

  /** Adds a listener for `wait`, `create` and `use`, in ms, and returns the function that removes it. */
  onMeasure(listener: MeasureListener): () => void {
    return this.#pool.onMeasure(listener);
  }

  #open(): ConnectionPool<Session> {
    const { connectTimeout, connection, resetOnRelease, maxIdle: _, queryTimeout: __, ...options } = this.#options;
    return new ConnectionPool<Session>({
      ...options,
      createTimeout: connectTimeout,
      create: async (signal) => {
        const session = new Session(await connect(connection, signal), resetOnRelease);
        this.#tell('connection', session.core as unknown as Connection);
        return session;
      },
      destroy: (session: Session, _reason: DestroyReason) => {
        this.#idle.remove(session);
        return session.end();
      },
      onClosed: (session, evict) => session.watch(evict),
      validate: (session) => session.ping(),
      reset: (session) => session.clean(() => this.#abandoned(session)),
      classifyError,
    });
  }

  /** Hands over a connection that is alive, by the one deadline, however many are found dead on the way. */
  async #lease(deadline: Milliseconds, signal: AbortSignal | undefined): Promise<Lease<Session>> {
    if (this.listenerCount('enqueue') > 0) this.#tellOfQueue();
    for (;;) {
      const timeout = Math.max(0, deadline - this.#options.clock.now());
      const lease = await this.#acquire(signal === undefined ? { timeout } : { timeout, signal });
      const session = lease.connection;
      if (session.isAlive) {
        this.#idle.remove(session);
        this.#tell('acquire', session.core as unknown as Connection);
        return lease;
      }
      lease.destroy();
    }
  }

  async #acquire(options: GetConnectionOptions): Promise<Lease<Session>> {
    try {
      return await this.#pool.acquire(options);
    } catch (error) {
      throw acquireError(error, this.#options.maxPending > 0);
    }
  }

  #deadline(timeout: Milliseconds): Milliseconds {
    return this.#options.clock.now() + timeout;
  }

  #tellOfQueue(): void {
    const { availableConnections, totalConnections, creating, maxConnections } = this.getMetrics();
    if (availableConnections === 0 && totalConnections + creating >= maxConnections) this.#tell('enqueue');
  }

  #request(verb: Request['verb'], sql: string | StatementOptions, values: unknown): Request {
    const { queryTimeout, connection } = this.#options;
    return requestOf(verb, sql, values, { queryTimeout, trace: connection.trace !== false });
  }

  async #once<T extends QueryResult>(request: Request): Promise<Answer<T>> {
    const deadline = this.#deadline(this.#options.acquireTimeout);
    for (let isFirst = true; ; isFirst = false) {
      const lease = await this.#lease(deadline, request.signal);
      const { stream } = lease.connection.core;
      const heard = stream.bytesRead;
      try {
        return await this.#run<T>(lease.connection, request);
      } catch (error) {
        if (!isFirst || stream.bytesRead !== heard || !neverArrived(error)) throw error;
        this.#counts.retriedQueries += 1;
      } finally {
        this.#giveBack(lease);
      }
    }
  }

  async #run<T extends QueryResult>(session: Session, request: Request): Promise<Answer<T>> {
    try {
      return await this.#statements.run<T>(session, request);
    } catch (error) {
      if (isReadOnly(error)) this.#failover(session, error);
      throw error;
    }
  }

  /** This connection is as good as dead, and every other that was made before. */
  #failover(session: Session, error: unknown): void {
    const now = this.#options.clock.now();
    session.isSpoiled = true;
    if (now - this.#failedOver < FAILOVER_PAUSE) return;
    this.#failedOver = now;
    this.#counts.failovers += 1;
    this.#pool.invalidateAll();
    this.#tell('failover', Object.freeze({ error }));
  }

  #giveBack(lease: Lease<Session>): void {
    const session = lease.connection;
    if (!session.isAlive || session.isSpoiled) {
      lease.destroy();
      return;
    }
    this.#idle.add(session);
    lease.release();
    this.#tell('release', session.core as unknown as Connection);
  }

  #abandoned({ core }: Session): void {
    this.#counts.abandonedTransactions += 1;
    this.#tell('transactionAbandoned', Object.freeze({ threadId: core.threadId }));
  }

  /** A listener that fails breaks nothing: its error becomes a process warning. */
  #tell<Name extends keyof MysqlPoolEvents>(name: Name, ...event: MysqlPoolEvents[Name]): void {
    const listeners = this.rawListeners(name) as ((...args: MysqlPoolEvents[Name]) => unknown)[];
    for (const listener of listeners) callQuietly(() => listener.apply(this, event));
  }
}
