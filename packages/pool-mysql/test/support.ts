import { once, type EventEmitter } from 'node:events';
import { MariadbProcess } from '@forge/config/mariadb';
import type { RowDataPacket } from 'mysql2';
import { createConnection, type Connection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { createPool, type MysqlPoolOptions, type Pool } from '../src/index.ts';

/** What a test file needs of its server and its pools, which end with the tests. */
export interface World {
  readonly mariadb: MariadbProcess;
  /** Who looks at the server, and acts on it as its administrator. */
  readonly admin: Connection;
  /** A pool of the server, or of what stands at another port before it. */
  open(options?: MysqlPoolOptions): Pool;
}

/** One server for a file; the pools of a test are ended after it. */
export function useWorld(args: readonly string[] = []): World {
  const pools: Pool[] = [];
  let mariadb: MariadbProcess | undefined;
  let admin: Connection | undefined;
  beforeAll(async () => {
    mariadb = await MariadbProcess.start(args);
    admin = await createConnection(mariadb.admin);
    admin.on('error', () => {});
  });
  afterEach(async () => {
    await Promise.all(pools.splice(0).map((pool) => pool.end({ deadline: 0 })));
  });
  afterAll(async () => {
    admin?.destroy();
    await mariadb?.stop();
  });
  return {
    get mariadb() {
      return mariadb!;
    },
    get admin() {
      return admin!;
    },
    open(options = {}) {
      const pool = createPool({ ...mariadb!.account, ...options });
      pools.push(pool);
      return pool;
    },
  };
}

/** One value of the server. */
export async function ask(pool: Pick<Pool, 'query'>, expression: string): Promise<unknown> {
  const [rows] = await pool.query<RowDataPacket[]>(`SELECT ${expression} AS value`);
  return rows[0]!['value'];
}

/** The server's number of the connection that a statement runs on. */
export async function threadOf(pool: Pick<Pool, 'query'>): Promise<number> {
  return (await ask(pool, 'CONNECTION_ID()')) as number;
}

/** What an asynchronous call rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<Error & { readonly code?: string }> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof Error) return outcome;
  throw new Error('It did not reject with an error');
}

/** The first argument of the next event. */
export async function next<T>(emitter: EventEmitter, name: string): Promise<T> {
  const [event] = (await once(emitter, name)) as [T];
  return event;
}

/** Resolves when a number of connections of the pool's user runs a statement like this one. */
export async function untilRunning(admin: Connection, pattern: string, count = 1): Promise<void> {
  for (;;) {
    const [rows] = await admin.query<RowDataPacket[]>(
      'SELECT ID FROM information_schema.PROCESSLIST WHERE USER = ? AND INFO LIKE ?',
      ['app', pattern],
    );
    if (rows.length >= count) return;
  }
}
