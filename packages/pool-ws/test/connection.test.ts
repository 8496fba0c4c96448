import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { WebSocketConnection } from '../src/index.ts';
import { RpcServer } from './fixtures/rpc-server.ts';
import { call, open, outcome } from './support.ts';

describe('acquire', () => {
  it('leases one socket, for requests that belong together and for whatever the pool does not do', async () => {
    const names = new Map<unknown, unknown>();
    await using server = await RpcServer.start({
      methods: {
        name: ([name], peer) => void names.set(peer, name),
        who: (_, peer) => names.get(peer),
      },
    });
    await using pool = open(server.url, { max: 3, concurrency: 1 });
    const leases = [await pool.acquire(), await pool.acquire()] as const;
    await Promise.all(leases.map(({ connection }, index) => connection.request(call('name', index))));
    expect(await Promise.all(leases.map(({ connection }) => connection.request(call('who'))))).toEqual([0, 1]);
    const pong = once(leases[0].connection.socket, 'pong');
    leases[0].connection.socket.ping('hello');
    expect(String((await pong)[0])).toBe('hello');
    for (const lease of leases) lease.release();
  });

  it('bounds the requests of one connection', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url);
    await pool.use(async (connection) => {
      const requests = Array.from({ length: 10_001 }, () => outcome(connection.request(call('hang'), { timeout: 50 })));
      const codes = (await Promise.all(requests)).map(({ code }) => code as string);
      expect(codes.filter((code) => code === 'WS_REQUEST_TIMEOUT')).toHaveLength(10_000);
      expect(codes.filter((code) => code === 'WS_OVERLOADED')).toHaveLength(1);
    });
  });

  it('refuses a message on a connection that has ended', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url);
    await pool.use(async (connection) => {
      server.peer.socket.terminate();
      await once(connection.socket, 'close');
      expect(() => connection.notify(call('echo'))).toThrow(expect.objectContaining({ code: 'WS_CLOSED' }));
      expect(await outcome(connection.request(call('echo')))).toMatchObject({ code: 'WS_CLOSED', closeCode: 1006 });
    });
  });
});

describe('prepare', () => {
  const login = (connection: WebSocketConnection<any, any>, signal: AbortSignal): Promise<unknown> =>
    connection.request(call('login', 'secret'), { signal });

  it('is done on each new socket before anything else is sent', async () => {
    await using server = await RpcServer.start({ methods: { login: () => true } });
    await using pool = open(server.url, { prepare: login, max: 1 });
    const subscription = await pool.subscribe(call('subscribe', 'a'), () => {});
    server.peer.socket.terminate();
    await expect.poll(() => server.peers[1]?.called).toEqual(['login', 'subscribe']);
    expect(await pool.request(call('add', 1, 2))).toBe(3);
    expect(server.peers.map(({ called }) => called[0])).toEqual(['login', 'login']);
    await subscription.unsubscribe();
  });

  it('fails all who wait at once when the server refuses it', async () => {
    await using server = await RpcServer.start({
      methods: {
        login: () => {
          throw new Error('wrong password');
        },
      },
    });
    await using pool = open(server.url, { prepare: login });
    const errors = await Promise.all([1, 2, 3].map(() => outcome(pool.request(call('echo')))));
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'POOL_CREATE_FAILED', cause: { code: 'WS_REMOTE_ERROR' } });
    }
    expect(server.called).not.toContain('echo');
    await expect.poll(() => server.open).toHaveLength(0);
  });

  it('fails at once when the server closes meanwhile, whatever it waits for', async () => {
    await using server = await RpcServer.start({ onConnect: ({ socket }) => socket.close(4403, 'not you') });
    await using pool = open(server.url, { prepare: () => new Promise(() => {}) });
    const error = await outcome(pool.request(call('echo')));
    expect(error).toMatchObject({
      code: 'POOL_CREATE_FAILED',
      cause: { code: 'WS_CLOSED', closeCode: 4403, kind: 'fatal' },
    });
    expect(server.peers).toHaveLength(1);
  });

  it('is bounded by handshakeTimeout', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, {
      prepare: () => new Promise(() => {}),
      handshakeTimeout: 30,
    });
    const error = await outcome(pool.request(call('echo')));
    expect(error).toMatchObject({ code: 'POOL_CREATE_FAILED', cause: { code: 'WS_HANDSHAKE_TIMEOUT' } });
    await expect.poll(() => server.open).toHaveLength(0);
  });
});

describe('url and socket', () => {
  it('are asked before each connect when they are functions', async () => {
    const seen: unknown[] = [];
    let token = 0;
    await using server = await RpcServer.start({
      onConnect: (_, { url, headers }) => seen.push([url, headers['authorization']]),
    });
    await using pool = open('ws://unused', {
      url: () => new URL(`${server.url}/v${(token += 1)}`),
      socket: async () => ({ headers: { authorization: `Bearer ${token}` } }),
    });
    await pool.request(call('echo'));
    server.peer.socket.terminate();
    await expect.poll(() => pool.getMetrics().destroyed).toBe(1);
    await pool.request(call('echo'));
    expect(seen).toEqual([
      ['/v1', 'Bearer 1'],
      ['/v2', 'Bearer 2'],
    ]);
  });

  it('fail the connect with their own error when they throw', async () => {
    const cause = new Error('no token');
    await using pool = open('ws://unused', { url: () => Promise.reject(cause) });
    expect(await outcome(pool.request(call('echo')))).toMatchObject({ code: 'POOL_CREATE_FAILED', cause });
  });

  it('offer no compression, unless `socket` does', async () => {
    const offers: unknown[] = [];
    await using server = await RpcServer.start({
      onConnect: (_, { headers }) => offers.push(headers['sec-websocket-extensions']),
    });
    await using plain = open(server.url);
    await plain.request(call('echo'));
    await using deflated = open(server.url, { socket: { perMessageDeflate: true } });
    expect(await deflated.request(call('echo', 'x'.repeat(5_000)))).toEqual(['x'.repeat(5_000)]);
    expect(offers).toEqual([undefined, expect.stringContaining('permessage-deflate')]);
  });
});

describe('protocols', () => {
  it('are offered to the server', async () => {
    const offers: unknown[] = [];
    await using server = await RpcServer.start({
      onConnect: (_, { headers }) => offers.push(headers['sec-websocket-protocol']),
    });
    await using pool = open(server.url, { protocols: ['one', 'two'] });
    await pool.request(call('echo'));
    expect(offers).toEqual(['one,two']);
  });
});

describe('onMessage', () => {
  it('gets what is neither an answer nor of a subscription, and can answer', async () => {
    const calls: unknown[] = [];
    await using server = await RpcServer.start();
    await using pool = open(server.url, {
      onMessage: (message, { socket }) => {
        calls.push(message);
        socket.send(JSON.stringify({ jsonrpc: '2.0', method: 'answered' }));
      },
    });
    await pool.request(call('echo'));
    server.peer.send({ method: 'news', params: ['hello'] });
    // An id of the server's own, which is one of ours too.
    server.peer.send({ id: 1, method: 'ask', params: [] });
    await expect.poll(() => server.called).toEqual(['echo', 'answered', 'answered']);
    expect(calls).toEqual([
      { jsonrpc: '2.0', method: 'news', params: ['hello'] },
      { jsonrpc: '2.0', id: 1, method: 'ask', params: [] },
    ]);
    expect(pool.getMetrics()).toMatchObject({ unexpectedFrames: 0, answers: 1 });
  });
});
