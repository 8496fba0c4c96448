import genericPool from 'generic-pool';
import type { Setup } from '../../src/bench.ts';
import { contestant } from './load.ts';
import type { Connection } from './pool.ts';

export const setup: Setup = contestant(({ create, max, acquireTimeout }) => {
  const timeout = acquireTimeout === undefined ? {} : { acquireTimeoutMillis: acquireTimeout };
  const pool = genericPool.createPool({ create, destroy: async () => {} }, { max, ...timeout });
  return {
    acquire: () => pool.acquire(),
    connection: (connection: Connection) => connection,
    release: (connection: Connection) => pool.release(connection),
  };
});
