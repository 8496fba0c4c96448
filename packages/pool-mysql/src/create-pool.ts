import type { Pool as DriverPool } from 'mysql2/promise';
import { MysqlPool } from './mysql-pool.ts';
import type { MysqlPoolOptions } from './options.ts';

/**
 * A {@link MysqlPool} that goes wherever mysql2's type is asked for. That type promises the methods of a connection too
 * (`ping`, `beginTransaction` and others), which mysql2's own pool does not have either.
 */
export type Pool = MysqlPool & DriverPool;

/**
 * Makes a pool as `createPool` of `mysql2/promise` does, from the same options. It opens no connection unless `min` says so.
 *
 * @throws TypeError, RangeError when an option is wrong
 */
export function createPool(options: string | MysqlPoolOptions): Pool {
  return new MysqlPool(options) as Pool;
}
