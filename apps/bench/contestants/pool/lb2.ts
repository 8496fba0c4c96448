import type { Setup } from '../../src/bench.ts';
import { contestant } from './load.ts';
import type { Connection } from './pool.ts';
import { LB2 } from './pool-bound.mjs';

export const setup: Setup = contestant(({ create, max, acquireTimeout = 0 }) => {
  const pool = new LB2<Connection>(create, max, acquireTimeout);
  return {
    acquire: () => pool.acquire(),
    connection: (connection: Connection) => connection,
    release: (connection: Connection) => pool.release(connection),
  };
});
