/**
 * generic-pool's face on a pool that is correct where that one is not: changing the import is the migration.
 *
 * @example
 * import { createPool } from '@forge/pool/generic-pool';
 *
 * const pool = createPool({ create: () => connect(), destroy: (client) => client.end() }, { max: 10, min: 2 });
 * const client = await pool.acquire();
 * await pool.release(client);
 * await pool.drain();
 *
 * @module
 */
import type { Factory, Options } from './options.ts';
import { Pool } from './pool.ts';

export type { Factory, Options } from './options.ts';
export { Pool, type PoolEvents } from './pool.ts';

/** @throws TypeError, RangeError when the factory or an option is wrong */
export function createPool<T>(factory: Factory<T>, options?: Options): Pool<T> {
  return new Pool(factory, options);
}
