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
export { ConnectionPool } from './connection-pool.ts';
export { PoolError, type PoolErrorCode, type PoolErrorDetails } from './errors.ts';
export type { DestroyReason, ErrorPhase, PooledConnection, PoolEvents } from './events.ts';
export { Lease } from './lease.ts';
export type { MeasureListener, MetricKinds, PoolMetrics } from './metrics.ts';
export type { AcquireOptions, Clock, CloseOptions, CloseResult, ConnectionConfig, Milliseconds } from './options.ts';
