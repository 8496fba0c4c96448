import { ConnectionPool, type Lease } from '@forge/pool';
import type { Setup } from '../../src/bench.ts';
import { contestant } from './load.ts';
import type { Connection } from './pool.ts';

export const setup: Setup = contestant(({ create, max, acquireTimeout = Infinity }) => {
  const pool = new ConnectionPool<Connection>({ create, max, acquireTimeout, maxPending: Infinity });
  return {
    acquire: () => pool.acquire(),
    connection: (lease: Lease<Connection>) => lease.connection,
    release: (lease: Lease<Connection>) => lease.release(),
  };
});
