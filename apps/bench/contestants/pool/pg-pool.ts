import { EventEmitter } from 'node:events';
import PgPool from 'pg-pool';
import type { Setup } from '../../src/bench.ts';
import { contestant } from './load.ts';
import type { Connection } from './pool.ts';

/** What pg-pool asks of a client of pg, without a server. */
interface Client extends EventEmitter, Connection {
  release(): void;
}

/** Its acquire timeout is off with 0, and it makes clients by `new`. */
export const setup: Setup = contestant(({ create, max, acquireTimeout = 0 }) => {
  class FakeClient extends EventEmitter {
    readonly one = 1;
    readonly _queryable = true;
    readonly _ending = false;

    async connect(done: (error?: Error) => void): Promise<void> {
      await create();
      done();
    }

    isConnected(): boolean {
      return true;
    }

    end(done: () => void): void {
      done();
    }
  }
  const options = { Client: FakeClient as never, max, connectionTimeoutMillis: acquireTimeout };
  const pool = new PgPool(options) as unknown as { connect(): Promise<Client> };
  return {
    acquire: () => pool.connect(),
    connection: (client: Client) => client,
    release: (client: Client) => client.release(),
  };
});
