/**
 * What programs that use pg-pool rely on, as cases that run on pg-pool itself and on this package's `Pool`.
 *
 * The behaviours are those that pg-pool's own test suite (node-postgres, packages/pg-pool/test, by Brian Carlson and
 * contributors, MIT licence) asserts for version 3.14, each stated and tested anew here. Left out: one case that needs
 * pg-native, and the one that is skipped there.
 */
import { EventEmitter, once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool as PgPool, PoolClient, PoolConfig } from 'pg';
import { Client } from 'pg';
import { expect } from 'vitest';

export type PoolClass = new (options?: PoolConfig & { poolSize?: number }) => PgPool;
export type Run = (Pool: PoolClass) => Promise<void>;

const NAMED = 'SELECT $1::text AS name';
type Connected = [error: Error | undefined, client: PoolClient | undefined, release: (error?: unknown) => void];

const connectBack = (pool: PgPool): Promise<Connected> =>
  new Promise((resolve) => pool.connect((...got) => resolve(got)));
const queryBack = (pool: PgPool, ...args: unknown[]): Promise<[Error | undefined, { rows: unknown[] } | undefined]> =>
  new Promise((resolve) => {
    const done = (...got: unknown[]): void => resolve(got as never);
    (pool.query as (...given: unknown[]) => unknown)(...args, done);
  });
const failure = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: Error) => error,
  );
const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** A server that accepts and then does as told with each socket. */
async function listen(onSocket: (socket: Socket) => unknown): Promise<Server & AsyncDisposable & { port: number }> {
  const server = createServer().on('connection', onSocket).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(server, { port, [Symbol.asyncDispose]: async () => void server.close() });
}
const silent = (): ReturnType<typeof listen> => listen((socket) => socket.resume());

/** A client whose first connects do as told. */
function clientThat(...connects: ((done: (error?: Error) => void, connect: () => void) => void)[]): never {
  return class extends Client {
    override connect(done?: unknown): never {
      const connect = (): void => super.connect(done as (error: Error) => void);
      const next = connects.shift();
      if (next === undefined) connect();
      else next(done as (error?: Error) => void, connect);
      return undefined as never;
    }
  } as never;
}

export const CALLBACKS: Record<string, Run> = {
  'checks a client out with no options at all': async (Pool) => {
    const pool = new Pool();
    const [error, client, release] = await connectBack(pool);
    expect(error).toBeUndefined();
    const { rows } = await client!.query('SELECT now()');
    release();
    expect(rows).toHaveLength(1);
    await pool.end();
  },
  'makes clients with its own options': async (Pool) => {
    const pool = new Pool({ binary: true } as PoolConfig);
    const [, client, release] = await connectBack(pool);
    release();
    expect(client).toHaveProperty('binary', true);
    await pool.end();
  },
  'runs a query without values for a callback': async (Pool) => {
    const pool = new Pool();
    const [error, result] = await queryBack(pool, 'SELECT 1 AS num');
    expect([error, result?.rows]).toEqual([undefined, [{ num: 1 }]]);
    await pool.end();
  },
  'runs a query with values for a callback': async (Pool) => {
    const pool = new Pool();
    const [, result] = await queryBack(pool, NAMED, ['brian']);
    expect(result?.rows).toEqual([{ name: 'brian' }]);
    await pool.end();
  },
  'tells the callback of a query when it cannot connect, and keeps no client': async (Pool) => {
    const pool = new Pool({ port: 1 });
    const [error, result] = await queryBack(pool, NAMED, ['brian']);
    expect(error).toBeInstanceOf(Error);
    expect(result).toBeUndefined();
    expect(pool.totalCount).toBe(0);
    await pool.end();
  },
  'gives no client but a release function with an error': async (Pool) => {
    const pool = new Pool({ port: 1 });
    const [error, client, release] = await connectBack(pool);
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    expect(client).toBeUndefined();
    expect(release).toBeTypeOf('function');
    await pool.end();
  },
  'removes an idle client that emits an error, and tells who it was': async (Pool) => {
    const pool = new Pool();
    const [, client, release] = await connectBack(pool);
    release();
    const told = once(pool, 'error') as Promise<[Error & { client: PoolClient }]>;
    setTimeout(() => client!.emit('error', new Error('on purpose')), 10);
    const [error] = await told;
    expect(error.message).toBe('on purpose');
    expect(error.client).toBe(client);
    await pool.end();
  },
  'leaves the options that it was given alone': async (Pool) => {
    const options = { max: 10 };
    const pool = new Pool(options);
    const client = await pool.connect();
    client.release();
    expect(options).toEqual({ max: 10 });
    await pool.end();
  },
  'makes no promise where there is a callback': async (Pool) => {
    const pool = new Pool();
    const returned: unknown[] = [];
    await new Promise<void>((resolve) => {
      const done: Parameters<PgPool['connect']>[0] = (_, __, release) => {
        release();
        resolve();
      };
      returned.push(pool.connect(done));
    });
    await new Promise<void>((resolve) => returned.push(pool.query('SELECT 1', () => resolve())));
    await new Promise<void>((resolve) => returned.push(pool.end(() => resolve())));
    expect(returned).toEqual([undefined, undefined, undefined]);
  },
  'calls back later even if it has an idle client': async (Pool) => {
    const pool = new Pool();
    const client = await pool.connect();
    client.release();
    await delay(1);
    let called = false;
    const done = new Promise<void>((resolve) => {
      pool.connect((_, __, release) => {
        called = true;
        release();
        resolve();
      });
    });
    expect(called).toBe(false);
    await done;
    await pool.end();
  },
};

export const PROMISES: Record<string, Run> = {
  'connects, queries and ends': async (Pool) => {
    const pool = new Pool();
    const client = await pool.connect();
    expect((await client.query(NAMED, ['hi'])).rows).toEqual([{ name: 'hi' }]);
    client.release();
    await pool.end();
  },
  'runs a query by itself': async (Pool) => {
    const pool = new Pool();
    expect((await pool.query(NAMED, ['hi'])).rows).toEqual([{ name: 'hi' }]);
    await pool.end();
  },
  'opens poolSize clients for many callers and no more': async (Pool) => {
    const pool = new Pool({ poolSize: 9 });
    let isFull = (): void => {};
    const full = new Promise<void>((resolve) => (isFull = resolve));
    const results = await Promise.all(
      times(30, async () => {
        const client = await pool.connect();
        const result = await client.query(NAMED, ['hi']);
        if (pool.totalCount === 9) isFull();
        await full;
        client.release();
        return result;
      }),
    );
    expect(results).toHaveLength(30);
    expect(pool.totalCount).toBe(9);
    await pool.end();
  },
  'runs many queries at once, each given as an object': async (Pool) => {
    const pool = new Pool({ poolSize: 9 });
    const results = await Promise.all(times(30, () => pool.query({ text: NAMED, values: ['hi'] })));
    expect(results).toHaveLength(30);
    await pool.end();
  },
  'makes pipelining clients when told, else not': async (Pool) => {
    const pool = new Pool({ pipeline: true });
    const client = await pool.connect();
    const results = await Promise.all([1, 2, 3].map((num) => client.query('SELECT $1::int AS num', [num])));
    expect(results.map(({ rows }) => rows[0].num)).toEqual([1, 2, 3]);
    client.release();
    await pool.end();
    const other = new Pool();
    const plain = await other.connect();
    expect([client, plain]).toMatchObject([{ pipeline: true }, { pipeline: false }]);
    plain.release();
    await other.end();
  },
  'recovers from queries that fail, whose clients it removes': async (Pool) => {
    const pool = new Pool();
    await Promise.all(times(30, () => failure(pool.query('SELECT asldkfjasldkf'))));
    expect([pool.totalCount, pool.idleCount]).toEqual([0, 0]);
    expect((await pool.query(NAMED, ['hi'])).rows).toEqual([{ name: 'hi' }]);
    await pool.end();
  },
};

export const ERRORS: Record<string, Run> = {
  'fails the queries that are wrong and nothing else': async (Pool) => {
    const pool = new Pool();
    const errors = await Promise.all(times(5, () => failure(pool.query("SELECT 'asd'+1"))));
    expect(errors.map((error) => (error as { code?: string }).code)).toEqual(times(5, () => '22P02'));
    await pool.end();
  },
  'throws each time a client is released again': async (Pool) => {
    const pool = new Pool();
    const client = await pool.connect();
    client.release();
    expect(() => client.release()).toThrow('already been released');
    expect(() => client.release()).toThrow('already been released');
    await pool.end();
  },
  'throws each time the release function is called again': async (Pool) => {
    const pool = new Pool();
    const [, , release] = await connectBack(pool);
    release();
    expect(() => release()).toThrow('already been released');
    expect(() => release()).toThrow('already been released');
    await pool.end();
  },
  'refuses whatever is asked of it after its end': async (Pool) => {
    const pool = new Pool();
    await pool.query('SELECT 1');
    await pool.end();
    const errors = await Promise.all([pool.connect(), pool.query('SELECT 1'), pool.end()].map(failure));
    expect(errors.map(({ message }) => message)).toEqual([
      'Cannot use a pool after calling end on the pool',
      'Cannot use a pool after calling end on the pool',
      'Called end on pool more than once',
    ]);
  },
  'tells callbacks so, too': async (Pool) => {
    const pool = new Pool();
    await new Promise<void>((resolve) => pool.end(resolve));
    const [queried] = await queryBack(pool, 'SELECT 1');
    const [connected] = await connectBack(pool);
    const ended = await new Promise((resolve) => (pool.end as (done: unknown) => void)(resolve));
    for (const error of [queried, connected, ended]) expect(error).toBeInstanceOf(Error);
  },
  'removes an idle client that emits an error in the same turn': async (Pool) => {
    const pool = new Pool();
    const client = await pool.connect();
    expect([pool.totalCount, pool.waitingCount, pool.idleCount]).toEqual([1, 0, 0]);
    client.release();
    const seen: unknown[] = [];
    await new Promise((resolve) => process.nextTick(resolve));
    pool.once('error', (error) => seen.push(error));
    client.once('error', (error) => seen.push(error));
    const error = new Error('expected');
    client.emit('error', error);
    expect(seen).toEqual([error, error]);
    expect([pool.totalCount, pool.idleCount]).toEqual([0, 0]);
    await pool.end();
  },
  'leaves an error of a client in use to its user': async (Pool) => {
    const pool = new Pool();
    const client = await pool.connect();
    const seen: string[] = [];
    pool.once('error', () => seen.push('pool'));
    client.once('error', () => seen.push('client'));
    client.emit('error', new Error('expected'));
    expect(seen).toEqual(['client']);
    expect([pool.totalCount, pool.idleCount]).toEqual([1, 0]);
    client.release();
    await pool.end();
  },
  'refuses a function for a query': async (Pool) => {
    const pool = new Pool();
    const [error] = await queryBack(pool);
    expect(error?.message).toContain('Passing a function as the first parameter');
    await pool.end();
  },
  'goes on with new clients after many errors': async (Pool) => {
    const pool = new Pool({ max: 1 });
    for (let index = 0; index < 20; index += 1) await failure(pool.query('invalid sql'));
    expect(pool.idleCount).toBe(0);
    expect((await pool.query(NAMED, ['brian'])).rows).toEqual([{ name: 'brian' }]);
    await pool.end();
  },
  'turns to the next caller after a connect that failed': async (Pool) => {
    await using server = await listen((socket) => socket.destroy());
    const pool = new Pool({ max: 1, port: server.port });
    const errors = await Promise.all([failure(pool.connect()), failure(pool.connect())]);
    for (const error of errors) expect(error).toBeInstanceOf(Error);
    await pool.end();
  },
  'fails the query whose client dies': async (Pool) => {
    const pool = new Pool({ max: 1 });
    pool.on('error', () => {});
    const connected = once(pool, 'connect') as Promise<[Client]>;
    const failed = failure(pool.query('SELECT pg_sleep(5)'));
    const [client] = await connected;
    setTimeout(() => void client.end(), 50);
    expect(await failed).toBeInstanceOf(Error);
    await pool.end();
  },
  'removes a client that cannot be queried, when it is released': async (Pool) => {
    const pool = new Pool({ max: 1 });
    const client = await pool.connect();
    const died = once(client, 'error');
    client.connection.end();
    await died;
    expect([pool.totalCount, pool.idleCount]).toEqual([1, 0]);
    client.release();
    expect([pool.totalCount, pool.idleCount]).toEqual([0, 0]);
    expect((await pool.query('SELECT 1')).rows).toHaveLength(1);
    await pool.end();
  },
  'removes a client that its user has ended, when it is released': async (Pool) => {
    const pool = new Pool({ max: 1 });
    const client = await pool.connect();
    void client.end();
    client.release();
    expect([pool.totalCount, pool.idleCount]).toEqual([0, 0]);
    expect((await pool.query('SELECT 1')).rows).toHaveLength(1);
    await pool.end();
  },
};

export const CONNECT_TIMEOUTS: Record<string, Run> = {
  'ends a connect to a silent server, for a callback': async (Pool) => {
    await using server = await silent();
    const pool = new Pool({ connectionTimeoutMillis: 10, port: server.port });
    const [error, client] = await connectBack(pool);
    expect(error?.message).toContain('timeout');
    expect([client, pool.idleCount]).toEqual([undefined, 0]);
    await pool.end();
  },
  'ends a connect to a silent server, for a promise': async (Pool) => {
    await using server = await silent();
    const pool = new Pool({ connectionTimeoutMillis: 10, port: server.port });
    expect((await failure(pool.connect())).message).toContain('timeout');
    expect(pool.idleCount).toBe(0);
    await pool.end();
  },
  'ends one after another': async (Pool) => {
    await using server = await silent();
    const pool = new Pool({ connectionTimeoutMillis: 1, port: server.port });
    for (let index = 0; index < 15; index += 1) await failure(pool.connect());
    await pool.end();
  },
  'ends the wait for a client that is in use': async (Pool) => {
    const pool = new Pool({ connectionTimeoutMillis: 50, max: 1 });
    const holder = await pool.connect();
    expect((await failure(pool.connect())).message).toContain('timeout exceeded when trying to connect');
    holder.release();
    await pool.end();
  },
  'serves the caller behind one whose time is over': async (Pool) => {
    const pool = new Pool({ connectionTimeoutMillis: 100, max: 1 });
    const holder = await pool.connect();
    const late = failure(pool.connect()).then(() => holder.release());
    await delay(50);
    const next = await pool.connect();
    next.release();
    await late;
    await pool.end();
  },
  'ends the wait of a query, and recovers': async (Pool) => {
    const pool = new Pool({ connectionTimeoutMillis: 50, max: 1 });
    const holder = await pool.connect();
    const [error, result] = await queryBack(pool, 'SELECT 1');
    expect(error).toBeInstanceOf(Error);
    expect(result).toBeUndefined();
    holder.release();
    expect((await pool.query(NAMED, ['brian'])).rows).toHaveLength(1);
    await pool.end();
  },
  'goes on after a connect that failed by itself': async (Pool) => {
    const reason = new Error('Temporary connection failure');
    const pool = new Pool({
      Client: clientThat((done) => void setTimeout(done, 20, reason)),
      connectionTimeoutMillis: 500,
      max: 1,
    });
    expect((await connectBack(pool))[0]).toBe(reason);
    expect((await pool.query(NAMED, ['brian'])).rows).toHaveLength(1);
    await pool.end();
  },
  'goes on when a connect ends that nobody waits for any more': async (Pool) => {
    const reason = new Error('Temporary connection failure');
    const pool = new Pool({
      Client: clientThat(
        (done) => void setTimeout(done, 60, reason),
        (_, connect) => void setTimeout(connect, 200),
      ),
      connectionTimeoutMillis: 200,
      max: 1,
    });
    const first = failure(pool.connect());
    const second = failure(pool.connect());
    expect(await first).toBe(reason);
    expect((await second).message).toContain('timeout');
    expect((await pool.query(NAMED, ['brian'])).rows).toHaveLength(1);
    await pool.end();
  },
};

export const TIMES: Record<string, Run> = {
  'removes a client that was idle for too long': async (Pool) => {
    const pool = new Pool({ idleTimeoutMillis: 10 });
    const removed = once(pool, 'remove');
    await pool.query('SELECT 1');
    await removed;
    expect([pool.totalCount, pool.idleCount]).toEqual([0, 0]);
    await pool.end();
  },
  'removes an idle client beside one that is removed for its error': async (Pool) => {
    const pool = new Pool({ idleTimeoutMillis: 10 });
    const [one, other] = [await pool.connect(), await pool.connect()];
    let removed = 0;
    const both = new Promise<void>((resolve) => pool.on('remove', () => (removed += 1) === 2 && resolve()));
    one.release();
    other.release(new Error('broken'));
    await both;
    expect([pool.totalCount, pool.idleCount]).toEqual([0, 0]);
    await pool.end();
  },
  'makes a client again after each was removed': async (Pool) => {
    const pool = new Pool({ idleTimeoutMillis: 1 });
    for (let index = 0; index < 10; index += 1) {
      const removed = once(pool, 'remove');
      const query = pool.query('SELECT 1');
      expect([pool.totalCount, pool.idleCount]).toEqual([1, 0]);
      await query;
      await removed;
      expect([pool.totalCount, pool.idleCount]).toEqual([0, 0]);
    }
    await pool.end();
  },
  'removes no client that is in use': async (Pool) => {
    const pool = new Pool({ idleTimeoutMillis: 1 });
    for (let index = 0; index < 5; index += 1) {
      const client = await pool.connect();
      expect([pool.totalCount, pool.idleCount]).toEqual([1, 0]);
      await delay(5);
      await client.query('SELECT 1');
      client.release();
      expect([pool.totalCount, pool.idleCount]).toEqual([1, 1]);
    }
    await pool.end();
  },
  'removes an idle client at the end of its life': async (Pool) => {
    const pool = new Pool({ maxLifetimeSeconds: 0.2 });
    const removed = once(pool, 'remove');
    await pool.query('SELECT 1');
    await removed;
    expect([pool.expiredCount, pool.totalCount]).toEqual([0, 0]);
    await pool.end();
  },
  'removes a client past the end of its life once it is released, and makes another': async (Pool) => {
    const pool = new Pool({ maxLifetimeSeconds: 0.1 });
    const removed = once(pool, 'remove');
    const query = pool.query('SELECT pg_sleep(0.3)');
    expect([pool.expiredCount, pool.totalCount]).toEqual([0, 1]);
    await delay(200);
    expect(pool.expiredCount).toBe(1);
    await query;
    await removed;
    expect([pool.expiredCount, pool.totalCount]).toEqual([0, 0]);
    await pool.query('SELECT 1');
    expect([pool.expiredCount, pool.totalCount]).toEqual([0, 1]);
    await pool.end();
  },
};

export const SIZES: Record<string, Run> = {
  'makes one client and uses it once': async (Pool) => {
    const pool = new Pool({ max: 1 });
    expect(pool.waitingCount).toBe(0);
    const client = await pool.connect();
    expect((await client.query(NAMED, ['hi'])).rows).toEqual([{ name: 'hi' }]);
    client.release();
    await pool.end();
  },
  'hands its only client on': async (Pool) => {
    const pool = new Pool({ max: 1 });
    const client = await pool.connect();
    const wait = pool.connect();
    expect(pool.waitingCount).toBe(1);
    client.release();
    const next = await wait;
    expect(next).toBe(client);
    next.release();
    await pool.end();
  },
  'sends one query at a time over one client': async (Pool) => {
    const pool = new Pool({ max: 1 });
    const text = 'SELECT count(*)::int AS counts FROM pg_stat_activity WHERE query = $1';
    const results = await Promise.all(times(20, () => pool.query(text, [text])));
    expect(new Set(results.map(({ rows }) => rows[0].counts))).toEqual(new Set([1]));
    await pool.end();
  },
  'keeps an idle client that min asks for': async (Pool) => {
    const pool = new Pool({ max: 1, min: 1, idleTimeoutMillis: 10 });
    (await pool.connect()).release();
    await delay(30);
    expect(pool.idleCount).toBe(1);
    await pool.end();
  },
  'removes a client below min that was used often enough': async (Pool) => {
    const pool = new Pool({ max: 1, min: 1, idleTimeoutMillis: 10, maxUses: 1 });
    (await pool.connect()).release();
    await delay(20);
    expect(pool.idleCount).toBe(0);
    await pool.end();
  },
  'removes a client below min at the end of its life': async (Pool) => {
    const pool = new Pool({ max: 1, min: 1, idleTimeoutMillis: 10, maxLifetimeSeconds: 0.2 });
    (await pool.connect()).release();
    await delay(230);
    expect(pool.idleCount).toBe(0);
    await pool.end();
  },
  'keeps both of two clients that min asks for': async (Pool) => {
    const pool = new Pool({ max: 2, min: 2, idleTimeoutMillis: 10 });
    const [one, other] = [await pool.connect(), await pool.connect()];
    one.release();
    await delay(20);
    other.release();
    await delay(20);
    expect(pool.idleCount).toBe(2);
    await pool.end();
  },
  'removes one of two clients above min': async (Pool) => {
    const pool = new Pool({ max: 2, min: 1, idleTimeoutMillis: 10 });
    const [one, other] = [await pool.connect(), await pool.connect()];
    one.release();
    await delay(20);
    other.release();
    await delay(20);
    expect(pool.idleCount).toBe(1);
    await pool.end();
  },
  'keeps min of clients that are released together': async (Pool) => {
    const pool = new Pool({ max: 2, min: 1, idleTimeoutMillis: 10 });
    const both = [await pool.connect(), await pool.connect()];
    for (const client of both) client.release();
    await delay(30);
    expect(pool.idleCount).toBe(1);
    await pool.end();
  },
  'makes one client and uses it once, with maxUses': async (Pool) => {
    const pool = new Pool({ maxUses: 2 });
    expect(pool.waitingCount).toBe(0);
    const client = await pool.connect();
    expect((await client.query(NAMED, ['hi'])).rows).toEqual([{ name: 'hi' }]);
    client.release();
    await pool.end();
  },
  'ends a client at once with its last use': async (Pool) => {
    const pool = new Pool({ maxUses: 2 });
    const client = await pool.connect();
    client.release();
    const again = await pool.connect();
    expect(again).toBe(client);
    expect(again).toHaveProperty('_ending', false);
    again.release();
    expect(again).toHaveProperty('_ending', true);
    await pool.end();
  },
  'makes another client after the last use': async (Pool) => {
    const pool = new Pool({ maxUses: 2 });
    const client = await pool.connect();
    client.release();
    (await pool.connect()).release();
    const third = await pool.connect();
    expect(third).not.toBe(client);
    third.release();
    await pool.end();
  },
  'logs the last use': async (Pool) => {
    const messages: unknown[] = [];
    const pool = new Pool({ maxUses: 1, log: (message: unknown) => messages.push(message) });
    (await pool.connect()).release();
    expect(messages).toContain('remove expended client');
    await pool.end();
  },
};

export const EVENTS: Record<string, Run> = {
  'emits connect before the caller has the client': async (Pool) => {
    const pool = new Pool();
    const seen: unknown[] = [];
    pool.on('connect', (client) => seen.push(client));
    const client = await pool.connect();
    expect(seen).toEqual([client]);
    client.release();
    await pool.end();
  },
  'emits connect for no client that has failed': async (Pool) => {
    const connect = (done: (error: Error) => void): void => process.nextTick(done, new Error('bad news'));
    const pool = new Pool({
      Client: function () {
        return Object.assign(new EventEmitter(), { connect });
      } as never,
    });
    let connects = 0;
    pool.on('connect', () => (connects += 1));
    expect((await failure(pool.connect())).message).toBe('bad news');
    expect(connects).toBe(0);
  },
  'emits acquire and release each time': async (Pool) => {
    const pool = new Pool();
    const counts = { acquire: 0, release: 0 };
    pool.on('acquire', () => (counts.acquire += 1));
    pool.on('release', (error: unknown) => !(error instanceof Error) && (counts.release += 1));
    const work = times(10, async () => {
      (await pool.connect()).release();
      await pool.query('SELECT 1');
    });
    await Promise.all(work);
    await pool.end();
    expect(counts).toEqual({ acquire: 20, release: 20 });
  },
  'emits release with the error that a client is released with': async (Pool) => {
    const pool = new Pool();
    const client = await pool.connect();
    const seen: unknown[] = [];
    pool.once('release', (...event) => seen.push(...event));
    const error = new Error('problem');
    client.release(error);
    expect(seen).toEqual([error, client]);
    await pool.end();
  },
  'emits error with an idle client that has one': async (Pool) => {
    const pool = new Pool();
    const client = await pool.connect();
    client.release();
    setImmediate(() => client.emit('error', new Error('problem')));
    const [error, of] = (await once(pool, 'error')) as [Error, PoolClient];
    expect(error.message).toBe('problem');
    expect(of).toBe(client);
    await pool.end();
  },
  'logs to the function that it is given': async (Pool) => {
    const messages: unknown[] = [];
    const pool = new Pool({ log: (message: unknown) => messages.push(message) });
    await pool.query('SELECT 1');
    expect(messages.length).toBeGreaterThan(0);
    await pool.end();
  },
};

export const HOOKS: Record<string, Run> = {
  'prepares each client once': async (Pool) => {
    let prepared = 0;
    const pool = new Pool({ onConnect: () => void (prepared += 1) });
    const client = await pool.connect();
    client.release();
    const again = await pool.connect();
    expect([again, prepared]).toEqual([client, 1]);
    again.release();
    await pool.end();
  },
  'waits for the preparation': async (Pool) => {
    const pool = new Pool({
      onConnect: (async (client: Client) => void (await client.query("SET application_name = 'ready'"))) as never,
    });
    expect((await pool.query('SHOW application_name')).rows).toEqual([{ application_name: 'ready' }]);
    await pool.end();
  },
  'fails the connect whose preparation rejects': async (Pool) => {
    const pool = new Pool({
      onConnect: (async (client: Client) => void (await client.query('SELECT INVALID HERE'))) as never,
    });
    expect((await failure(pool.connect())).message).toContain('invalid');
    await pool.end();
  },
  'fails the connect whose preparation throws': async (Pool) => {
    const reason = new Error('not this one');
    const onConnect = (): never => {
      throw reason;
    };
    const pool = new Pool({ onConnect });
    expect(await failure(pool.connect())).toBe(reason);
    await pool.end();
  },
  'fails the connect of a client that is not verified': async (Pool) => {
    const pool = new Pool({ verify: (_, done) => done(new Error('nope')) });
    const [error, client] = await connectBack(pool);
    expect([error?.message, client]).toEqual(['nope', undefined]);
    await pool.end();
  },
  'hands the connection string on to its clients': async (Pool) => {
    const connectionString = 'postgres://foo:bar@baz:1234/xur';
    const given: unknown[] = [];
    const pool = new Pool({
      connectionString,
      Client: function (options: PoolConfig) {
        given.push(options.connectionString);
        return { connect: (done: (error: Error) => void) => done(new Error('testing')), on: () => {} };
      } as never,
    });
    expect((await failure(pool.connect())).message).toBe('testing');
    expect(given).toEqual([connectionString]);
  },
  'answers with promises of the class that it is given': async (Pool) => {
    class Own<T> extends Promise<T> {}
    const pool = new Pool({ Promise: Own });
    const connected = pool.connect();
    expect(connected).toBeInstanceOf(Own);
    (await connected).release();
    const queried = pool.query('SELECT 1');
    expect(queried).toBeInstanceOf(Own);
    await queried;
    const ended = pool.end();
    expect(ended).toBeInstanceOf(Own);
    await ended;
  },
  'fails with promises of the class that it is given': async (Pool) => {
    class Own<T> extends Promise<T> {}
    const pool = new Pool({ Promise: Own, port: 1 });
    const failing = [pool.connect(), pool.end(), pool.connect(), pool.query('SELECT 1'), pool.end()];
    for (const promise of failing) expect(promise).toBeInstanceOf(Own);
    await Promise.allSettled(failing);
  },
};

export const ENDS: Record<string, Run> = {
  'ends unused, for a callback': async (Pool) => {
    await new Promise<void>((resolve) => new Pool().end(resolve));
  },
  'ends unused, for a promise': async (Pool) => {
    await new Pool().end();
  },
  'ends the clients that it has': async (Pool) => {
    const pool = new Pool();
    await pool.query('SELECT 1');
    await pool.end();
    expect([pool.totalCount, pool.ending, pool.ended]).toEqual([0, true, true]);
  },
  'lets a client finish': async (Pool) => {
    const pool = new Pool();
    const query = pool.query(NAMED, ['brian']);
    await pool.end();
    expect((await query).rows).toEqual([{ name: 'brian' }]);
  },
};

/** What 3.14.0 itself fails, on which its suite insists. */
export const BEYOND: Record<string, Run> = {
  'works on when the socket of an idle client was closed a moment ago': async (Pool) => {
    const pool = new Pool({ max: 1 });
    const client = await pool.connect();
    await client.query('SELECT 1');
    client.release();
    client.connection.stream.end();
    for (let index = 0; index < 3; index += 1) await pool.query('SELECT 1');
    await pool.end();
  },
  'keeps no client that connects after the time is over': async (Pool) => {
    const pool = new Pool({
      Client: clientThat((_, connect) => void setTimeout(connect, 200)),
      connectionTimeoutMillis: 100,
      max: 1,
    });
    const [error, client] = await connectBack(pool);
    expect(error?.message).toContain('timeout');
    expect([client, pool.totalCount, pool.idleCount]).toEqual([undefined, 0, 0]);
    await pool.end();
  },
};
