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
export { BalancedPool, type BalancedPoolEvents, type BalancedPoolMetrics } from './balancing/balanced-pool.ts';
export { Balancer, type BalancerOptions, type EndpointStatus, type PickOptions } from './balancing/balancer.ts';
export type { EndpointState } from './balancing/outliers.ts';
export type { BalancedPoolOptions } from './balancing/options.ts';
export type { Turn } from './balancing/turn.ts';
export { PoolError, type PoolErrorCode, type PoolErrorDetails } from './errors.ts';
export type { DestroyReason, ErrorClass, ErrorPhase, HeldLease, PooledConnection, PoolEvents } from './events.ts';
export type { GroupConfig, GroupFunctions } from './group/options.ts';
export type { GroupEvents } from './group/group.ts';
export { KeyedPool, type KeyedPoolEvents, type KeyedPoolMetrics } from './keyed/keyed-pool.ts';
export type { KeyedPoolOptions } from './keyed/options.ts';
export type { MeasureListener, MetricKinds, PoolMetrics } from './metrics.ts';
export type { AcquireOptions, CloseOptions, ConnectionConfig, Size } from './options.ts';
export type { CloseResult } from './pool/closing.ts';
export { ConnectionPool } from './pool/connection-pool.ts';
export { Lease } from './pool/lease.ts';
export type { Clock, Milliseconds } from './units.ts';
