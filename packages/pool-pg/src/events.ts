import type { ErrorPhase, HeldLease, PooledConnection } from '@forge/pool';
import type { PoolClient } from 'pg';

/** Those of pg-pool with their arguments, then what it has no word for. */
export interface PoolEvents {
  /** A new client, prepared by `onConnect`; what the listener asks of it comes before what its first user asks. */
  connect: [client: PoolClient];
  acquire: [client: PoolClient];
  release: [error: unknown, client: PoolClient];
  /** After its socket has closed. */
  remove: [client: PoolClient];
  /** Of a client that nobody had checked out; it is gone already. Without a listener it is no error of the process. */
  error: [error: Error, client: PoolClient];
  /** A client was released inside a transaction, which is rolled back. Without a listener the first one is a process warning. */
  abandonedTransaction: [event: { readonly client: PoolClient }];
  /** A client was checked out for longer than `leakThreshold`, or still was when the patience of `end` was over. */
  leaseLeaked: [event: HeldLease];
  /** Any failure of a connect, a check, a reset or a connection, for logs. */
  connectionError: [
    event: { readonly error: unknown; readonly phase: ErrorPhase; readonly connection: PooledConnection | undefined },
  ];
}
