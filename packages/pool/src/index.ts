/**
 * A connection pool whose leases cannot be confused, with first-come first-served waiting and a bound on everything.
 *
 * @example
 * import { ConnectionPool } from '@forge/pool';
 *
 * const pool = new ConnectionPool({
 *   create: (signal) => connect('db.local', { signal }),
 *   destroy: (connection) => connection.end(),
 *   max: 20,
 * });
 * const rows = await pool.use((connection) => connection.query('select 1'));
 *
 * @module
 */
export type { ErrorClass } from './creating/failures.ts';
export { PoolError, type PoolErrorCode, type PoolErrorDetails } from './errors.ts';
export type { DestroyReason, ErrorPhase, HeldLease, PooledConnection, PoolEvents } from './events.ts';
export type { MeasureListener, MetricKinds, PoolMetrics } from './metrics.ts';
export type { AcquireOptions, Clock, CloseOptions, ConnectionConfig, Milliseconds, Size } from './options.ts';
export type { CloseResult } from './pool/closing.ts';
export { ConnectionPool } from './pool/connection-pool.ts';
export { Lease } from './pool/lease.ts';
