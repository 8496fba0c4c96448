/**
 * Stops statements that nobody waits for any more: `KILL QUERY` by a side connection, for the connection itself is not
 * read while the server works.
 *
 * The number of a connection means something on its own server only, and a side connection may reach another one: behind a
 * load balancer, or a name with several addresses. There the same number is somebody else's. So the server is asked first
 * from which port the connection comes, which its client knows. Where it does not say the same, nothing is killed, and the
 * connection is ended instead. That is also so behind a proxy, which has ports of its own.
 */
import { after } from '@forge/internal';
import type { ConnectionOptions, RowDataPacket } from 'mysql2';
import { connect } from './connect.ts';
import type { Session } from './session.ts';
import type { CoreConnection } from './wire.ts';

/** How long a kill may take: a server that is slower than this at it will not be helped by more of them. */
const PATIENCE = 1_000;

interface Side {
  readonly connection: Promise<CoreConnection>;
  readonly controller: AbortController;
  victims: number;
}

export class Killer {
  readonly #options: Readonly<ConnectionOptions>;
  /** One for all that are to be stopped at one time: the server may have too many connections as it is. */
  #side: Side | undefined;

  constructor(options: Readonly<ConnectionOptions>) {
    this.#options = options;
  }

  /** Stops what the session runs, so that it can be used again, or ends the session. Never rejects. */
  async stop(session: Session): Promise<void> {
    try {
      await this.#kill(session);
      await within(session.quiet());
    } catch {
      session.destroy();
    }
  }

  async #kill(session: Session): Promise<void> {
    const side = (this.#side ??= this.#open());
    side.victims += 1;
    const giveUp = (): void => side.controller.abort(new Error('Cannot kill a query: the server does not answer'));
    const stop = after(PATIENCE, giveUp);
    try {
      await this.#killBy(await side.connection, session);
    } finally {
      stop();
      side.victims -= 1;
      if (side.victims === 0 || side.controller.signal.aborted) this.#close(side);
    }
  }

  #open(): Side {
    const controller = new AbortController();
    const { signal } = controller;
    const connection = connect(this.#options, signal).then((core) => {
      signal.addEventListener('abort', () => core.stream.destroy(), { once: true });
      return core;
    });
    return { connection, controller, victims: 0 };
  }

  async #killBy(side: CoreConnection, { core }: Session): Promise<void> {
    const id = core.threadId;
    const isFile = this.#options.socketPath !== undefined && !('stream' in this.#options);
    // A socket file leads to one server only.
    if (!isFile) {
      const rows = await query(side, `SELECT HOST FROM information_schema.PROCESSLIST WHERE ID = ${id}`);
      const host = String(rows[0]?.['HOST']);
      if (!host.endsWith(`:${core.stream.localPort}`)) throw new Error(`Cannot kill a query: ${id} is ${host} there`);
    }
    await query(side, `KILL QUERY ${id}`);
  }

  #close(side: Side): void {
    if (this.#side === side) this.#side = undefined;
    side.connection.then(
      (core) => core.end(),
      () => {},
    );
  }
}

function query(core: CoreConnection, sql: string): Promise<RowDataPacket[]> {
  return new Promise((resolve, reject) => {
    core.query<RowDataPacket[]>(sql, (error, rows) => (error ? reject(error) : resolve(rows)));
  });
}

function within(promise: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = after(PATIENCE, () => reject(new Error('Cannot use a connection: it did not come to rest')));
    void promise.then(() => {
      stop();
      resolve();
    });
  });
}
