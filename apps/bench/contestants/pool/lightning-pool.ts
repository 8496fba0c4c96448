import { createPool } from 'lightning-pool';
import type { Setup } from '../../src/bench.ts';
import { contestant } from './load.ts';
import type { Connection } from './pool.ts';

/** Its acquire timeout is off with 0. */
export const setup: Setup = contestant(({ create, max, acquireTimeout = 0 }) => {
  const options = { max, maxQueue: Infinity, acquireTimeoutMillis: acquireTimeout };
  const pool = createPool<Connection>({ create, destroy: () => {} }, options);
  return {
    acquire: () => pool.acquire(),
    connection: (connection: Connection) => connection,
    release: (connection: Connection) => pool.release(connection),
  };
});
