import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Connection, PoolClient, TransactionStatus } from 'pg';

/**
 * What the pool reads of pg beyond its typed face, in one place: the names that pg-pool reads too (`_queryable`,
 * `_ending`), what a CancelRequest is made of, and the queue, which alone says whether a client is at rest. A client
 * that lacks some of it (pg-native, a mock) is taken for alive and at rest.
 */
export interface DriverClient extends EventEmitter {
  connect(callback: (error?: Error | null) => void): void;
  end(callback: () => void): void;
  query: DriverQuery;
  release?: unknown;
  ref?(): void;
  unref?(): void;
  readonly connection?: DriverConnection;
  readonly host?: string;
  readonly port?: number;
  readonly ssl?: unknown;
  readonly sslNegotiation?: string;
  /** Of the server's process, to cancel what it runs. */
  readonly processID?: number | null;
  readonly secretKey?: number | null;
  /** False after an error of the connection. */
  readonly _queryable?: boolean;
  /** True once it was told to end. */
  readonly _ending?: boolean;
  /** False from a query's first byte to the server's ReadyForQuery. */
  readonly readyForQuery?: boolean;
  /** Queries that were not sent yet. */
  readonly _queryQueue?: unknown[];
  /** With `pipeline`: queries that were sent behind the one that is answered. */
  readonly _sentQueryQueue?: readonly unknown[];
}

export type DriverQuery = (config: unknown, values?: unknown, callback?: unknown) => unknown;

export interface DriverConnection extends EventEmitter {
  readonly stream: Duplex;
  /** Names of the statements that the server has prepared, and their texts. */
  parsedStatements: Record<string, string>;
}

/** A connection that is not a client's: for a CancelRequest, which goes over one of its own. */
export interface SideConnection extends Connection {
  connect(portOrPath: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processID: number, secretKey: number): void;
}

/** Of a ReadyForQuery. */
export interface Ready {
  readonly status: NonNullable<TransactionStatus>;
}

/** The same object, as its users see it. */
export function faceOf(client: DriverClient): PoolClient {
  return client as unknown as PoolClient;
}

/** Whether it can be used at all: not dead, not told to end, and its socket takes what is written. */
export function isUsable({ _queryable, _ending, connection }: DriverClient): boolean {
  return _queryable !== false && _ending !== true && connection?.stream.writable !== false;
}

/** Whether nothing is sent, queued or awaited. */
export function isAtRest({ readyForQuery, _queryQueue, _sentQueryQueue }: DriverClient): boolean {
  return readyForQuery !== false && !hasItems(_queryQueue) && !hasItems(_sentQueryQueue);
}

/** Ends the socket at once, without a word to the server. */
export function cut(client: DriverClient): void {
  client.connection?.stream.destroy();
}

function hasItems(queue: readonly unknown[] | undefined): boolean {
  return queue !== undefined && queue.length > 0;
}
