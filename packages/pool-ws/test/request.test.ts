import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { RpcServer } from './fixtures/rpc-server.ts';
import { call, open, outcome } from './support.ts';

describe('request', () => {
  it('resolves with the result of its own id when answers come in another order', async () => {
    const waiting: (() => void)[] = [];
    const turn = ([name]: [string]): Promise<string> =>
      new Promise((resolve) => {
        waiting.push(() => resolve(name));
        if (waiting.length === 3) for (const answer of waiting.toReversed()) answer();
      });
    await using server = await RpcServer.start({ methods: { turn } });
    await using pool = open(server.url);
    await pool.request(call('add', 1, 2));
    const answers = await Promise.all(['a', 'b', 'c'].map((name) => pool.request(call('turn', name))));
    expect(answers).toEqual(['a', 'b', 'c']);
    expect(server.peers).toHaveLength(1);
  });

  it('sends ids of its own when the payload has one', async () => {
    const ids: unknown[] = [];
    await using server = await RpcServer.start({ methods: { note: (_, __, { id }) => ids.push(id) } });
    await using pool = open(server.url);
    const payload = { ...call('note'), id: 7 };
    await Promise.all([pool.request(payload), pool.request(payload)]);
    expect(ids).toEqual([1, 2]);
  });

  it('rejects with the error of the server when it answers with one', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url);
    await expect(pool.request(call('fail', 'no such item'))).rejects.toMatchObject({
      code: 'WS_REMOTE_ERROR',
      message: 'The server answered with an error: no such item',
      answer: { code: -32_000, message: 'no such item' },
    });
    expect(await pool.request(call('add', 1, 2))).toBe(3);
    expect(server.peers).toHaveLength(1);
  });

  it('rejects when no answer comes in time, and counts the answer that comes later', async () => {
    let answer!: () => void;
    const late = (): Promise<void> => new Promise((resolve) => (answer = resolve));
    await using server = await RpcServer.start({ methods: { late } });
    await using pool = open(server.url);
    await pool.request(call('add', 1, 2));
    await expect(pool.request(call('late'), { timeout: 20 })).rejects.toMatchObject({ code: 'WS_REQUEST_TIMEOUT' });
    answer();
    await pool.request(call('add', 1, 2));
    expect(pool.getMetrics()).toMatchObject({ unexpectedFrames: 1, inFlight: 0, leases: 0 });
  });

  it('bounds the wait for a socket and for the answer together', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, { max: 1, concurrency: 1 });
    await pool.request(call('add', 1, 2));
    const first = outcome(pool.request(call('hang'), { timeout: 200 }));
    const since = performance.now();
    const second = await outcome(pool.request(call('hang'), { timeout: 300 }));
    expect(second).toMatchObject({ code: 'WS_REQUEST_TIMEOUT' });
    expect(performance.now() - since).toBeGreaterThan(280);
    expect(performance.now() - since).toBeLessThan(480);
    expect(await first).toMatchObject({ code: 'WS_REQUEST_TIMEOUT' });
  });

  it('rejects with the reason of its signal when that aborts, and removes its listener', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, { max: 1, concurrency: 1 });
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error('enough');
    const inFlight = outcome(pool.request(call('hang'), { signal }));
    const queued = outcome(pool.request(call('hang'), { signal }));
    await expect.poll(() => server.called).toContain('hang');
    controller.abort(reason);
    expect(await inFlight).toBe(reason);
    expect(await queued).toBe(reason);
    expect(await outcome(pool.request(call('hang'), { signal }))).toBe(reason);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(await pool.request(call('add', 1, 2))).toBe(3);
    expect(server.called).toEqual(['hang', 'add']);
  });

  it('leaves no listener on its signal when it is answered', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url);
    const { signal } = new AbortController();
    await Promise.all([1, 2, 3].map((n) => pool.request(call('add', n, n), { signal })));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('has at most `concurrency` requests in flight on a socket, and opens another for more', async () => {
    const answers: (() => void)[] = [];
    const wait = (): Promise<void> => new Promise((resolve) => answers.push(resolve));
    await using server = await RpcServer.start({ methods: { wait } });
    await using pool = open(server.url, { max: 2, concurrency: 3 });
    await pool.request(call('echo'));
    const requests = Array.from({ length: 8 }, () => pool.request(call('wait')));
    await expect.poll(() => server.called.length).toBe(7);
    expect(server.peers.map(({ called }) => called.length)).toEqual([4, 3]);
    expect(pool.getMetrics()).toMatchObject({ inFlight: 6, pending: 2 });
    answers[0]!();
    await expect.poll(() => server.called.length).toBe(8);
    for (const answer of answers) answer();
    await expect.poll(() => server.called.length).toBe(9);
    for (const answer of answers) answer();
    await Promise.all(requests);
  });

  it('writes those of one turn in the order of the calls', async () => {
    const order: number[] = [];
    await using server = await RpcServer.start({ methods: { note: ([n]) => order.push(n) } });
    await using pool = open(server.url, { max: 1, concurrency: 7 });
    await Promise.all(Array.from({ length: 50 }, (_, n) => pool.request(call('note', n))));
    expect(order).toEqual(Array.from({ length: 50 }, (_, n) => n));
  });

  it('serves a higher priority first when callers wait', async () => {
    const order: string[] = [];
    const note = ([name]: [string]): number => order.push(name);
    await using server = await RpcServer.start({ methods: { note } });
    await using pool = open(server.url, { max: 1, concurrency: 1 });
    const names = ['a', 'b', 'urgent'];
    await Promise.all(names.map((name) => pool.request(call('note', name), { priority: name === 'urgent' ? 7 : 0 })));
    expect(order[0]).toBe('urgent');
  });

  it('throws at once when an argument is wrong', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url);
    expect(() => pool.request({} as never)).toThrow(
      new TypeError('Cannot write a JSON-RPC call: method must be a string, got undefined'),
    );
    expect(() => pool.request(undefined as never)).toThrow(TypeError);
    expect(() => pool.request(call('add', 1n))).toThrow(TypeError);
    expect(() => pool.request(call('add'), { timeout: -1 })).toThrow(RangeError);
    expect(() => pool.request(call('add'), { priority: 8 })).toThrow(RangeError);
    expect(() => pool.request(call('add'), { idempotent: 'yes' as never })).toThrow(TypeError);
    expect(() => pool.request(call('add'), { signal: 5 as never })).toThrow(TypeError);
    expect(() => pool.notify(call('add'), 5 as never)).toThrow(TypeError);
    expect(() => pool.notify(call('add'), { priority: -1 })).toThrow(RangeError);
    expect(() => pool.subscribe(call('add'), 5 as never)).toThrow(TypeError);
    expect(server.peers).toHaveLength(0);
  });
});

describe('notify', () => {
  it('sends a message without an id', async () => {
    const seen: unknown[] = [];
    await using server = await RpcServer.start({ methods: { log: (_, __, message) => seen.push(message) } });
    await using pool = open(server.url);
    await pool.notify(call('log', 'hello'));
    await pool.request(call('add', 1, 2));
    expect(seen).toEqual([{ jsonrpc: '2.0', method: 'log', params: ['hello'] }]);
  });
});
