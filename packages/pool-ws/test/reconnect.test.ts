import { describe, expect, it } from 'vitest';
import { RpcServer } from './fixtures/rpc-server.ts';
import { call, open, outcome } from './support.ts';

describe('a socket that ends', () => {
  it('gives all that is in flight on it one error object, with code, reason and kind', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, { max: 1 });
    const requests = [1, 2, 3].map(() => outcome(pool.request(call('hang'))));
    await expect.poll(() => server.called.length).toBe(3);
    server.peer.socket.close(1011, 'a bug of ours');
    const errors = await Promise.all(requests);
    expect(errors[0]).toMatchObject({
      code: 'WS_CLOSED',
      closeCode: 1011,
      closeReason: 'a bug of ours',
      kind: 'retry',
    });
    expect(new Set(errors).size).toBe(1);
    expect(pool.getMetrics()).toMatchObject({ inFlight: 0, leases: 0, totalConnections: 0 });
  });

  it.each([
    [1001, 2],
    [1006, 2],
    [1012, 2],
    [1008, 1],
    [4401, 1],
    [1003, 1],
  ])('with %i has its idempotent request sent %i times in all, the others once', async (code, times) => {
    await using server = await RpcServer.start({
      methods: {
        once: (_, { socket }) => {
          if (server.peers.length > 1) return 'done';
          if (code === 1006) socket.terminate();
          else socket.close(code);
          return new Promise(() => {});
        },
      },
    });
    await using pool = open(server.url, { max: 1 });
    const plain = outcome(pool.request(call('hang')));
    const idempotent = outcome(pool.request(call('once'), { idempotent: true }));
    expect(await plain).toMatchObject({ code: 'WS_CLOSED', closeCode: code });
    expect(await idempotent).toMatchObject(times === 2 ? { value: 'done' } : { code: 'WS_CLOSED', closeCode: code });
    expect(server.called.filter((method) => method === 'once')).toHaveLength(times);
    expect(server.called.filter((method) => method === 'hang')).toHaveLength(1);
  });

  it('each time takes an idempotent request with it after three tries', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, { max: 1 });
    expect(await outcome(pool.request(call('cut'), { idempotent: true }))).toMatchObject({ code: 'WS_CLOSED' });
    expect(server.called).toEqual(['cut', 'cut', 'cut']);
    expect(pool.getMetrics().retries).toBe(2);
  });

  it('with a fatal code fails those who wait at once', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, { max: 1, concurrency: 1 });
    const inFlight = outcome(pool.request(call('close', 4401, 'token expired')));
    const waiting = outcome(pool.request(call('echo')));
    expect(await inFlight).toMatchObject({ code: 'WS_CLOSED', kind: 'fatal' });
    expect(await waiting).toMatchObject({
      code: 'POOL_CREATE_FAILED',
      cause: { code: 'WS_CLOSED', closeCode: 4401, closeReason: 'token expired' },
    });
    expect(server.peers).toHaveLength(1);
  });

  it('between two ticks is not given to anybody, whose request was not written', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, { max: 1 });
    // The server closes in good order but never ends the connection: the pool hears of it only after closeTimeout.
    await pool.request(call('echo'));
    const { socket } = await pool.use((connection) => connection);
    const [peer] = server.peers;
    Reflect.get(peer!.socket, '_socket').end = () => {};
    peer!.socket.close(1001);
    await expect.poll(() => socket.readyState).toBe(socket.CLOSING);
    expect(await pool.request(call('add', 1, 2))).toBe(3);
    expect(server.peers).toHaveLength(2);
  });

  it('is judged by classifyClose where that says something', async () => {
    const classifyClose = (code: number, reason: string): 'fatal' | undefined => {
      if (reason === 'throw') throw new Error('no idea');
      return code === 4000 ? 'fatal' : undefined;
    };
    await using server = await RpcServer.start();
    await using pool = open(server.url, { classifyClose });
    expect(await outcome(pool.request(call('close', 4001)))).toMatchObject({ kind: 'retry' });
    expect(await outcome(pool.request(call('close', 4001, 'throw')))).toMatchObject({ kind: 'retry' });
    expect(await outcome(pool.request(call('close', 4000)))).toMatchObject({ kind: 'fatal' });
  });

  it('soon after it was opened, again and again, is not opened in a hot loop', async () => {
    await using server = await RpcServer.start({ onConnect: ({ socket }) => socket.close(1013) });
    await using pool = open(server.url, { random: () => 0.5, max: 1 });
    const until = performance.now() + 400;
    while (performance.now() < until) await outcome(pool.request(call('hang'), { timeout: 100 }));
    expect(server.peers.length).toBeLessThan(3);
  });
});

describe('close', () => {
  it('waits for what is in flight, and closes in good order', async () => {
    let answer!: (value: string) => void;
    const codes: number[] = [];
    await using server = await RpcServer.start({
      methods: { slow: () => new Promise((resolve) => (answer = resolve)) },
      onConnect: ({ socket }) => socket.on('close', (code) => codes.push(code)),
    });
    const pool = open(server.url);
    const subscription = await pool.subscribe(call('subscribe', 'a'), () => {});
    const request = pool.request(call('slow'));
    await expect.poll(() => server.called).toContain('slow');
    const closed = pool.close();
    expect(await subscription.ended).toBeUndefined();
    expect(await outcome(pool.request(call('echo')))).toMatchObject({ code: 'POOL_CLOSED' });
    answer('done');
    expect(await request).toBe('done');
    expect(await closed).toEqual({ leaked: 0, leases: [] });
    await expect.poll(() => codes).toEqual([1000]);
  });

  it('rejects what is in flight at its deadline', async () => {
    await using server = await RpcServer.start();
    const pool = open(server.url);
    const request = outcome(pool.request(call('hang')));
    await expect.poll(() => server.called).toContain('hang');
    expect(await pool.close({ deadline: 20 })).toMatchObject({ leaked: 1 });
    expect(await request).toMatchObject({ code: 'WS_CLOSED' });
    await expect.poll(() => server.open).toHaveLength(0);
    expect(pool.getMetrics()).toMatchObject({ inFlight: 0, bufferedAmount: 0 });
  });

  it('throws at once when its deadline is wrong, and changes nothing', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url);
    const subscription = await pool.subscribe(call('subscribe', 'a'), () => {});
    expect(() => pool.close({ deadline: -1 })).toThrow(RangeError);
    expect(() => pool.drain({ deadline: -1 })).toThrow(RangeError);
    expect(pool.getMetrics().subscriptions).toBe(1);
    await subscription.unsubscribe();
  });

  it('cuts a server that does not answer the close', async () => {
    await using server = await RpcServer.start();
    const pool = open(server.url, { closeTimeout: 30 });
    await pool.request(call('echo'));
    server.peer.socket.pause();
    await pool.close();
    expect(pool.getMetrics().totalConnections).toBe(0);
  });
});

describe('drain', () => {
  it('serves those who wait, and ends subscriptions', async () => {
    await using server = await RpcServer.start();
    const pool = open(server.url, { max: 1, concurrency: 1 });
    const subscription = await pool.subscribe(call('subscribe', 'a'), () => {});
    const requests = [1, 2, 3].map((n) => pool.request(call('add', n, n)));
    const drained = pool.drain();
    expect(await Promise.all(requests)).toEqual([2, 4, 6]);
    expect(await subscription.ended).toBeUndefined();
    expect(await drained).toEqual({ leaked: 0, leases: [] });
    await expect.poll(() => server.open).toHaveLength(0);
  });
});
