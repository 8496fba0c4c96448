/**
 * A pool of MySQL and MariaDB connections with the face of mysql2's, that keeps its promises when something fails.
 *
 * @example
 * import { createPool } from '@forge/pool-mysql';
 *
 * const pool = createPool({ uri: 'mysql://app@db.local/shop', queryTimeout: 5_000 });
 * const [rows] = await pool.execute('SELECT * FROM items WHERE id = ?', [7]);
 * await using connection = await pool.getConnection();
 *
 * @module
 */
export { createPool, type Pool } from './create-pool.ts';
export { LeasedConnection } from './leased-connection.ts';
export type { MetricKinds, MysqlPoolMetrics } from './metrics.ts';
export { MysqlPool, type GetConnectionOptions, type MysqlPoolEvents } from './mysql-pool.ts';
export type { Milliseconds, MysqlPoolOptions } from './options.ts';
export { OTEL_NAMES } from './otel-names.ts';
export type { Answer, StatementOptions } from './statements.ts';
