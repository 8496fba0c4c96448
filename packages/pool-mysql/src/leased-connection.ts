import type { Lease } from '@forge/pool';
import type { QueryOptions, QueryResult, QueryValues, ExecuteValues, ConnectionOptions } from 'mysql2';
import { PoolConnection } from 'mysql2/promise';
import { staleError } from './errors.ts';
import type { Session } from './session.ts';
import type { Answer, StatementOptions } from './statements.ts';

/** The pool that a connection goes back to. */
export interface Owner {
  run<T extends QueryResult>(
    session: Session,
    verb: 'query' | 'execute',
    sql: string | StatementOptions,
    values: unknown,
  ): Promise<Answer<T>>;
  giveBack(lease: Lease<Session>): void;
}

/** mysql2's wrapper hears these of its connection, from the first listener on to the last. */
const RELAYED = ['error', 'drain', 'connect', 'end', 'enqueue'] as const;

/**
 * mysql2's own connection of a pool, for one checkout: each has an object of its own, so that one which was released can
 * neither be used nor give back, a second time, what somebody else has by now.
 */
export class LeasedConnection extends PoolConnection {
  readonly #owner: Owner;
  #lease: Lease<Session> | undefined;

  constructor(owner: Owner, lease: Lease<Session>) {
    // Its type names no parameters.
    super(lease.connection.core as never);
    this.#owner = owner;
    this.#lease = lease;
  }

  /**
   * Gives the connection back; a transaction that is still open is rolled back. A second call does nothing, as with mysql2,
   * whoever has the connection by then.
   */
  override release(): void {
    const lease = this.#retire();
    if (lease !== undefined) this.#owner.giveBack(lease);
  }

  /** Ends the connection, and what runs on it with an error. Does nothing after `release`. */
  override destroy(): void {
    this.#retire()?.destroy();
  }

  /** As `destroy`. */
  close(): void {
    this.destroy();
  }

  /** As `release`, which is what mysql2 makes of it. */
  override async end(): Promise<void> {
    this.release();
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.release();
  }

  override query<T extends QueryResult>(sql: string | StatementOptions, values?: QueryValues): Promise<Answer<T>> {
    return this.#run('query', sql, values);
  }

  override execute<T extends QueryResult>(sql: string | StatementOptions, values?: ExecuteValues): Promise<Answer<T>> {
    return this.#run('execute', sql, values);
  }

  override async beginTransaction(): Promise<void> {
    await this.query('START TRANSACTION');
  }

  override async commit(): Promise<void> {
    await this.query('COMMIT');
  }

  override async rollback(): Promise<void> {
    await this.query('ROLLBACK');
  }

  /** Nobody else gets the connection afterwards: he would be another user to the server. */
  override changeUser(options: ConnectionOptions): Promise<void> {
    if (this.#lease !== undefined) this.#lease.connection.isSpoiled = true;
    return super.changeUser(options);
  }

  #run<T extends QueryResult>(
    verb: 'query' | 'execute',
    sql: string | QueryOptions,
    values: unknown,
  ): Promise<Answer<T>> {
    if (this.#lease === undefined) return Promise.reject(staleError());
    return this.#owner.run<T>(this.#lease.connection, verb, sql, values);
  }

  #retire(): Lease<Session> | undefined {
    const lease = this.#lease;
    this.#lease = undefined;
    if (lease === undefined) return undefined;
    for (const name of RELAYED) if (this.listenerCount(name) > 0) this.removeAllListeners(name);
    this.connection = husk(this.connection);
    return lease;
  }
}

/** What a released connection has instead of one: its fields can be read, whatever it does is refused. */
function husk<T extends object>(connection: T): T {
  return new Proxy(connection, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? refuse : value;
    },
  });
}

function refuse(): never {
  throw staleError();
}
