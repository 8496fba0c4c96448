/**
 * `Pool` of pg on the leases of `@forge/pool`: change the import, keep the program.
 *
 * @example
 * import { Pool } from '@forge/pool-pg';
 *
 * const pool = new Pool({ connectionString: 'postgres://app@db.local/shop', max: 20 });
 * const { rows } = await pool.query('select * from item where id = $1', [7]);
 *
 * @module
 */
export type { PooledClient } from './checkout.ts';
export { QueryTimeoutError } from './errors.ts';
export type { PoolEvents } from './events.ts';
export type { PgMetricKinds, PgPoolMetrics } from './metrics.ts';
export type { Milliseconds, PoolConfig } from './options.ts';
export { OTEL_NAMES } from './otel-names.ts';
export { Pool, type ConnectOptions } from './pool.ts';
export type { QueryTerms } from './terms.ts';
