import { Pool } from 'sequelize-pool';
import type { Setup } from '../../src/bench.ts';
import { contestant } from './load.ts';
import type { Connection } from './pool.ts';

/** It cannot do without an acquire timeout: 30 s by default. */
export const setup: Setup = contestant(({ create, max, acquireTimeout = 30_000 }) => {
  const pool = new Pool<Connection>({
    create,
    destroy: () => {},
    validate: () => true,
    min: 0,
    max,
    acquireTimeoutMillis: acquireTimeout,
  });
  return {
    acquire: () => pool.acquire(),
    connection: (connection: Connection) => connection,
    release: (connection: Connection) => pool.release(connection),
  };
});
