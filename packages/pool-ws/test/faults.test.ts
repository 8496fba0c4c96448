import { faultProxy, type FaultProxy } from '@forge/pool/testing';
import type { LookupFunction } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WebSocketPoolOptions } from '../src/index.ts';
import { RpcServer } from './fixtures/rpc-server.ts';
import { call, open, outcome, type TestPool } from './support.ts';

let server: RpcServer;

beforeAll(async () => void (server = await RpcServer.start()));
afterAll(() => server.stop());
beforeEach(() => void server.peers.splice(0));

/** A pool behind a proxy; with `max: 1`, so that each test knows which socket it has. */
async function behind(options: Partial<WebSocketPoolOptions> = {}): Promise<AsyncDisposable & Behind> {
  const proxy = await faultProxy({ to: server.port });
  const pool = open(`ws://127.0.0.1:${proxy.port}`, { max: 1, ...options });
  return {
    proxy,
    pool,
    async [Symbol.asyncDispose]() {
      await pool.close({ deadline: 0 });
      await proxy.close();
    },
  };
}

interface Behind {
  readonly proxy: FaultProxy;
  readonly pool: TestPool;
}

const add = (pool: TestPool): Promise<unknown> => pool.request(call('add', 1, 2), { timeout: 5_000 });

describe('a pool survives', () => {
  it('a server that refuses connections, and finds it again', async () => {
    await using world = await behind();
    const { proxy, pool } = world;
    await proxy.set({ down: true });
    expect(await outcome(add(pool))).toMatchObject({
      code: 'POOL_CREATE_FAILED',
      cause: { code: 'WS_HANDSHAKE_FAILED', cause: { code: 'ECONNREFUSED' } },
    });
    await proxy.set({});
    expect(await add(pool)).toBe(3);
  });

  it('a reset in mid-flight', async () => {
    await using world = await behind();
    const { proxy, pool } = world;
    const idempotent = outcome(pool.request(call('hang'), { idempotent: true, timeout: 300 }));
    const plain = outcome(pool.request(call('hang')));
    await expect.poll(() => server.called.length).toBe(2);
    proxy.cut('reset');
    expect(await plain).toMatchObject({ code: 'WS_CLOSED', closeCode: 1006 });
    await expect.poll(() => server.peers[1]?.called).toEqual(['hang']);
    expect(await add(pool)).toBe(3);
    expect(await idempotent).toMatchObject({ code: 'WS_REQUEST_TIMEOUT' });
  });

  it('an end in the middle of an answer: a frame cut short', async () => {
    await using world = await behind();
    const { proxy, pool } = world;
    await add(pool);
    await proxy.set({ toClient: { limit: 500 } });
    const answer = outcome(pool.request(call('echo', 'x'.repeat(5_000))));
    expect(await answer).toMatchObject({ code: 'WS_CLOSED', closeCode: 1006, kind: 'retry' });
    await proxy.set({});
    expect(await add(pool)).toBe(3);
    expect(pool.getMetrics().invalidFrames).toBe(0);
  });

  it('a half-open connection, in use and idle', async () => {
    await using world = await behind({ heartbeatInterval: 40 });
    const { proxy, pool } = world;
    await add(pool);
    await proxy.set({ blackHole: true });
    const since = performance.now();
    const inUse = await outcome(pool.request(call('hang')));
    expect(inUse).toMatchObject({ code: 'WS_HEARTBEAT_LOST' });
    expect(performance.now() - since).toBeLessThan(400);
    await proxy.set({});
    expect(await add(pool)).toBe(3);
    await proxy.set({ blackHole: true });
    await expect.poll(() => pool.getMetrics().totalConnections).toBe(0);
    expect(pool.getMetrics().heartbeatsLost).toBe(2);
    await proxy.set({});
    expect(await add(pool)).toBe(3);
  });

  it('a slow accept, and one that is too slow', async () => {
    await using world = await behind({ handshakeTimeout: 100 });
    const { proxy, pool } = world;
    await proxy.set({ toClient: { latency: 30 } });
    expect(await add(pool)).toBe(3);
    proxy.cut();
    await expect.poll(() => pool.getMetrics().destroyed).toBe(1);
    await proxy.set({ toClient: { latency: 2_000 } });
    expect(await outcome(add(pool))).toMatchObject({
      code: 'POOL_CREATE_FAILED',
      cause: { code: 'WS_HANDSHAKE_TIMEOUT' },
    });
  });

  it('a server that accepts and is silent', async () => {
    await using world = await behind({ handshakeTimeout: 30 });
    const { proxy, pool } = world;
    await proxy.set({ toClient: { blackHole: true } });
    expect(await outcome(add(pool))).toMatchObject({
      code: 'POOL_CREATE_FAILED',
      cause: { code: 'WS_HANDSHAKE_TIMEOUT' },
    });
    await proxy.set({});
    expect(await add(pool)).toBe(3);
    await expect.poll(() => proxy.connections).toHaveLength(1);
  });

  it('a handshake that comes byte by byte, which ws itself would await for ever', async () => {
    await using world = await behind({ handshakeTimeout: 60 });
    const { proxy, pool } = world;
    await proxy.set({ toClient: { slice: { size: 1, delay: 20 } } });
    const since = performance.now();
    expect(await outcome(add(pool))).toMatchObject({ cause: { code: 'WS_HANDSHAKE_TIMEOUT' } });
    expect(performance.now() - since).toBeLessThan(1_000);
  });

  it('messages in slices of one byte', async () => {
    await using world = await behind();
    const { proxy, pool } = world;
    await add(pool);
    await proxy.set({ slice: { size: 1, delay: 0 } });
    expect(await pool.request(call('echo', 'ä', '🙂'))).toEqual(['ä', '🙂']);
  });

  it('a large message over a slow line, though no pong can come meanwhile', async () => {
    await using world = await behind({ heartbeatInterval: 40 });
    const { proxy, pool } = world;
    await add(pool);
    await proxy.set({ toClient: { bandwidth: 40_000 } });
    const text = 'x'.repeat(20_000);
    expect(await pool.request(call('echo', text))).toEqual([text]);
    expect(pool.getMetrics().heartbeatsLost).toBe(0);
  });

  it('a close that takes long', async () => {
    await using world = await behind({ closeTimeout: 30 });
    const { proxy, pool } = world;
    await add(pool);
    await proxy.set({ slowClose: 5_000, toClient: { latency: 5_000 } });
    const since = performance.now();
    await pool.close();
    expect(performance.now() - since).toBeLessThan(1_000);
  });

  it('a server that has no room, told by a status', async () => {
    let status: number | undefined = 503;
    await using full = await RpcServer.start({ refuse: () => status });
    await using pool = open(full.url);
    expect(await outcome(add(pool))).toMatchObject({
      code: 'POOL_CREATE_FAILED',
      cause: { code: 'WS_HANDSHAKE_FAILED', status: 503, kind: 'backoff' },
    });
    status = undefined;
    expect(await add(pool)).toBe(3);
  });

  it('a server that has no room, told by a close', async () => {
    let room = 1;
    await using full = await RpcServer.start({
      onConnect: ({ socket }) => {
        room -= 1;
        if (room < 0) socket.close(1013, 'try again later');
      },
    });
    await using pool = open(full.url, { max: 2, concurrency: 1, random: () => 0.05 });
    await add(pool);
    const busy = outcome(pool.request(call('hang'), { timeout: 400 }));
    const second = add(pool);
    await expect.poll(() => full.peers.length).toBeGreaterThan(1);
    room = 10;
    expect(await second).toBe(3);
    expect(await busy).toMatchObject({ code: 'WS_REQUEST_TIMEOUT' });
  });

  it('a name that does not resolve, and then leads elsewhere', async () => {
    await using other = await RpcServer.start();
    let isKnown = false;
    const lookup: LookupFunction = (name, _, done) => {
      const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' });
      if (isKnown) done(null, [{ address: '127.0.0.1', family: 4 }]);
      else done(error, []);
    };
    await using pool = open(`ws://moved.example:${other.port}`, { socket: { lookup } });
    expect(await outcome(add(pool))).toMatchObject({ cause: { cause: { code: 'ENOTFOUND' } } });
    isKnown = true;
    expect(await add(pool)).toBe(3);
  });

  it('a jump of the wall clock', async () => {
    await using world = await behind({ heartbeatInterval: 30 });
    const { pool } = world;
    await add(pool);
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      for (const jump of [3_600_000, -7_200_000]) {
        vi.setSystemTime(Date.now() + jump);
        expect(await add(pool)).toBe(3);
      }
    } finally {
      vi.useRealTimers();
    }
    expect(pool.getMetrics()).toMatchObject({ created: 1, heartbeatsLost: 0 });
  });
});
