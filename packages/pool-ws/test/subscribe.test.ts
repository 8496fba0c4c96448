import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import type { Codec } from '../src/index.ts';
import { RpcServer, type Peer } from './fixtures/rpc-server.ts';
import { call, open, outcome } from './support.ts';

const unsubscribe = (key: string | number): ReturnType<typeof call> => call('unsubscribe', key);

describe('subscribe', () => {
  it('delivers the messages of its subscription, in order, and no others', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url);
    const [one, two]: unknown[][] = [[], []];
    await pool.subscribe(call('subscribe', 'one'), (message) => one!.push(message));
    await pool.subscribe(call('subscribe', 'two'), (message) => two!.push(message));
    for (const n of [1, 2, 3]) server.publish('one', n);
    server.publish('two', 4);
    await pool.request(call('echo'));
    expect([one, two]).toEqual([[1, 2, 3], [4]]);
    expect(pool.getMetrics()).toMatchObject({ subscriptions: 2, unexpectedFrames: 0, leases: 0 });
  });

  it('delivers a message that comes right behind the answer', async () => {
    const eager = (_: unknown, { socket }: { socket: { send(text: string): void } }, { id }: any): symbol => {
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, result: 'k' }));
      socket.send(JSON.stringify({ method: 'published', params: { subscription: 'k', result: 1 } }));
      return Symbol.for('nothing');
    };
    await using server = await RpcServer.start({ methods: { eager: (...of) => new Promise(() => eager(...of)) } });
    await using pool = open(server.url);
    const messages: unknown[] = [];
    await pool.subscribe(call('eager'), (message) => messages.push(message));
    await pool.request(call('echo'));
    expect(messages).toEqual([1]);
  });

  it('delivers in the async context of the subscriber', async () => {
    const store = new AsyncLocalStorage<string>();
    await using server = await RpcServer.start();
    await using pool = open(server.url);
    const seen: unknown[] = [];
    await store.run('subscriber', () => pool.subscribe(call('subscribe', 'a'), () => seen.push(store.getStore())));
    server.publish('a', 1);
    await pool.request(call('echo'));
    expect(seen).toEqual(['subscriber']);
  });

  it('rejects when the server refuses, and when it names no subscription', async () => {
    await using server = await RpcServer.start({ methods: { nameless: () => ({}), long: () => 'x'.repeat(2_000) } });
    await using pool = open(server.url);
    const open1 = (method: string): Promise<unknown> => outcome(pool.subscribe(call(method), () => {}));
    expect(await open1('fail')).toMatchObject({ code: 'WS_REMOTE_ERROR' });
    expect(await open1('nameless')).toMatchObject({ code: 'WS_BAD_ANSWER' });
    expect(await open1('long')).toMatchObject({ code: 'WS_BAD_ANSWER' });
    expect(pool.getMetrics()).toMatchObject({ subscriptions: 0, leases: 0, inFlight: 0 });
  });

  it('rejects beyond 10 000 subscriptions', async () => {
    await using pool = open('ws://127.0.0.1:1', { maxPending: Infinity });
    const opened = Array.from({ length: 10_001 }, () => outcome(pool.subscribe(call('subscribe'), () => {})));
    expect(await opened.at(-1)).toMatchObject({ code: 'WS_OVERLOADED' });
    expect(pool.getMetrics().subscriptions).toBe(10_000);
    await pool.close({ deadline: 0 });
    expect(await opened[0]).toMatchObject({ code: 'POOL_CLOSED' });
    await Promise.all(opened);
    expect(pool.getMetrics().subscriptions).toBe(0);
  });

  it('goes on when a subscriber throws', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url);
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    const messages: unknown[] = [];
    await pool.subscribe(call('subscribe', 'a'), (message) => {
      messages.push(message);
      throw new Error('no');
    });
    server.publish('a', 1);
    server.publish('a', 2);
    await pool.request(call('echo'));
    expect(messages).toEqual([1, 2]);
    expect((await warned).message).toBe('no');
  });

  it('ends when the server says that nothing more will come', async () => {
    const codec: Codec<unknown, unknown> = {
      encode: (id, payload) => JSON.stringify({ id, ...(payload as object) }),
      decode: (frame) => JSON.parse(String(frame)),
    };
    await using server = await RpcServer.start({
      methods: {
        raw2: (_, peer) => peer.send({ subscription: 'k', result: 1, done: true }),
        bad: (_, peer) => peer.send({ subscription: 'k', error: { message: 'revoked' } }),
        name: () => 'k',
      },
    });
    await using pool = open(server.url, { codec });
    const messages: unknown[] = [];
    const one = await pool.subscribe(call('name'), (message) => messages.push(message));
    await pool.notify(call('raw2'));
    expect(await one.ended).toBeUndefined();
    const two = await pool.subscribe(call('name'), () => {});
    await pool.notify(call('bad'));
    expect(await two.ended).toEqual({ message: 'revoked' });
    expect(messages).toEqual([1]);
    expect(pool.getMetrics().subscriptions).toBe(0);
  });
});

describe('Subscription.unsubscribe', () => {
  it('delivers nothing any more and tells the server', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url);
    const messages: unknown[] = [];
    const subscription = await pool.subscribe(call('subscribe', 'a'), (m) => messages.push(m), { unsubscribe });
    const left = subscription.unsubscribe();
    server.publish('a', 1);
    await left;
    await subscription.unsubscribe();
    expect(await subscription.ended).toBeUndefined();
    expect(server.peer.subscriptions.size).toBe(0);
    await pool.request(call('echo'));
    expect(messages).toEqual([]);
    expect(server.called).toEqual(['subscribe', 'unsubscribe', 'echo']);
  });

  it('tells the server of a subscription whose answer came after its caller had left', async () => {
    let answer!: () => void;
    const slow = (): Promise<string> => new Promise((resolve) => (answer = () => resolve('late')));
    await using server = await RpcServer.start({ methods: { slow } });
    await using pool = open(server.url);
    await pool.request(call('echo'));
    const options = { timeout: 20, unsubscribe };
    expect(await outcome(pool.subscribe(call('slow'), () => {}, options))).toMatchObject({
      code: 'WS_REQUEST_TIMEOUT',
    });
    answer();
    await expect.poll(() => server.called).toEqual(['echo', 'slow', 'unsubscribe']);
  });

  it('tells the server when the last of those that share a name has ended', async () => {
    await using server = await RpcServer.start({ methods: { topic: ([name]) => name } });
    await using pool = open(server.url);
    const heard: string[] = [];
    const one = await pool.subscribe(call('topic', 'a'), () => heard.push('one'), { unsubscribe });
    const two = await pool.subscribe(call('topic', 'a'), () => heard.push('two'), { unsubscribe });
    server.peer.send({ method: 'published', params: { subscription: 'a', result: 1 } });
    await pool.request(call('echo'));
    await one.unsubscribe();
    server.peer.send({ method: 'published', params: { subscription: 'a', result: 2 } });
    await pool.request(call('echo'));
    expect(server.called).not.toContain('unsubscribe');
    await two.unsubscribe();
    expect(server.called).toContain('unsubscribe');
    expect(heard).toEqual(['one', 'two', 'two']);
  });

  it('happens at the end of an `await using` block', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url);
    {
      await using subscription = await pool.subscribe(call('subscribe', 'a'), () => {}, { unsubscribe });
      expect(subscription.ended).toBeInstanceOf(Promise);
    }
    expect(server.peer.subscriptions.size).toBe(0);
  });
});

describe('a subscription whose socket ends', () => {
  it('is opened again, in the order of first answers and before any other request', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, { max: 1 });
    const heard: unknown[] = [];
    const resumed: unknown[] = [];
    for (const topic of ['a', 'b', 'c']) {
      await pool.subscribe(call('subscribe', topic), (m) => heard.push([topic, m]), {
        onResume: (answer) => resumed.push([topic, answer]),
      });
    }
    const requests = [1, 2].map((n) => pool.request(call('hang', n), { idempotent: true, timeout: 300 }));
    await expect.poll(() => server.called.filter((name) => name === 'hang').length).toBe(2);
    server.peer.socket.terminate();
    await expect.poll(() => server.peers[1]?.called).toEqual(['subscribe', 'subscribe', 'subscribe', 'hang', 'hang']);
    expect([...server.peer.subscriptions.values()]).toEqual(['a', 'b', 'c']);
    for (const topic of ['c', 'a']) server.publish(topic, topic);
    await pool.request(call('echo'));
    expect(heard).toEqual([
      ['c', 'c'],
      ['a', 'a'],
    ]);
    expect(resumed).toEqual([
      ['a', 'sub-4'],
      ['b', 'sub-5'],
      ['c', 'sub-6'],
    ]);
    expect(pool.getMetrics()).toMatchObject({
      resubscriptions: 3,
      retries: 2,
      subscriptions: 3,
      homelessSubscriptions: 0,
    });
    await Promise.all(requests.map(outcome));
  });

  it('keeps its place in the order though the server answers in another', async () => {
    const asked: string[][] = [];
    let answers: (() => void)[] = [];
    const topic = ([name]: [string], peer: Peer): Promise<string> => {
      (asked[server.peers.indexOf(peer)] ??= []).push(name);
      return new Promise((resolve) => {
        answers.push(() => resolve(name));
        if (server.peers.length > 1 && answers.length < 3) return;
        for (const answer of answers.toReversed()) answer();
        answers = [];
      });
    };
    await using server = await RpcServer.start({ methods: { topic } });
    await using pool = open(server.url, { max: 1 });
    for (const name of ['a', 'b', 'c']) await pool.subscribe(call('topic', name), () => {});
    for (const resubscriptions of [3, 6]) {
      server.peer.socket.terminate();
      await expect.poll(() => pool.getMetrics()).toMatchObject({ resubscriptions });
    }
    expect(asked).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
    ]);
  });

  it('is opened again though nobody asks for a connection', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url);
    const heard: unknown[] = [];
    await pool.subscribe(call('subscribe', 'a'), (m) => heard.push(m));
    for (const round of [1, 2]) {
      server.peer.socket.terminate();
      await expect.poll(() => server.peers[round]?.subscriptions.size).toBe(1);
    }
    server.publish('a', 1);
    await expect.poll(() => heard).toEqual([1]);
    expect(pool.getMetrics().leases).toBe(0);
  });

  it('moves to a socket that exists when no other may be opened', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, { max: 2, concurrency: 1 });
    await pool.subscribe(call('subscribe', 'a'), () => {});
    const [carrier] = server.peers;
    const busy = outcome(pool.request(call('hang'), { timeout: 5_000 }));
    await pool.request(call('echo'));
    expect(server.peers).toHaveLength(2);
    await expect.poll(() => carrier!.called).toContain('hang');
    carrier!.socket.terminate();
    expect(await busy).toMatchObject({ code: 'WS_CLOSED' });
    await expect.poll(() => server.open.map(({ subscriptions }) => subscriptions.size)).toContain(1);
  });

  it('ends with the error when the server refuses to open it again', async () => {
    let isRevoked = false;
    const guarded = (): string => {
      if (isRevoked) throw new Error('revoked');
      return 'k';
    };
    await using server = await RpcServer.start({ methods: { guarded } });
    await using pool = open(server.url);
    const subscription = await pool.subscribe(call('guarded'), () => {});
    isRevoked = true;
    server.peer.socket.terminate();
    expect(await subscription.ended).toMatchObject({ code: 'WS_REMOTE_ERROR', answer: { message: 'revoked' } });
    expect(pool.getMetrics()).toMatchObject({ subscriptions: 0, homelessSubscriptions: 0 });
  });

  it('keeps trying while the server is away, until the pool closes', async () => {
    const server = await RpcServer.start();
    const { port } = server;
    await using pool = open(server.url);
    const subscription = await pool.subscribe(call('subscribe', 'a'), () => {});
    await server.stop();
    await expect.poll(() => pool.getMetrics().errors).toBeGreaterThan(2);
    expect(pool.getMetrics()).toMatchObject({ subscriptions: 1, homelessSubscriptions: 1 });
    await using second = await RpcServer.start({ port });
    await expect.poll(() => second.peers[0]?.subscriptions.size).toBe(1);
    await second.stop();
    await pool.close({ deadline: 0 });
    expect(await subscription.ended).toBeUndefined();
  });

  it('ends with the error when no connect can succeed', async () => {
    let isClosed = false;
    await using server = await RpcServer.start({ refuse: () => (isClosed ? 401 : undefined) });
    await using pool = open(server.url);
    const subscription = await pool.subscribe(call('subscribe', 'a'), () => {});
    isClosed = true;
    server.peer.socket.terminate();
    expect(await subscription.ended).toMatchObject({ code: 'POOL_CREATE_FAILED', cause: { status: 401 } });
  });
});

describe('an idle socket with subscriptions', () => {
  it('stays open when the pool has no use for it, and serves the next request', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, { max: 1, idleTimeout: 20 });
    const heard: unknown[] = [];
    const subscription = await pool.subscribe(call('subscribe', 'a'), (m) => heard.push(m));
    await expect.poll(() => pool.getMetrics().totalConnections).toBe(0);
    server.publish('a', 1);
    await expect.poll(() => heard).toEqual([1]);
    expect(await pool.request(call('add', 1, 2))).toBe(3);
    expect(server.peers).toHaveLength(1);
    await expect.poll(() => pool.getMetrics().totalConnections).toBe(0);
    await subscription.unsubscribe();
    await expect.poll(() => server.open).toHaveLength(0);
  });

  it('is closed when the server ends the last of them', async () => {
    await using server = await RpcServer.start();
    const codec: Codec<unknown, unknown> = {
      encode: (id, payload) => JSON.stringify({ id, ...(payload as object) }),
      decode: (frame) => JSON.parse(String(frame)),
    };
    await using pool = open(server.url, { codec, idleTimeout: 20 });
    const subscription = await pool.subscribe(call('subscribe', 'a'), () => {});
    await expect.poll(() => pool.getMetrics().totalConnections).toBe(0);
    server.peer.send({ subscription: 'sub-1', done: true });
    expect(await subscription.ended).toBeUndefined();
    await expect.poll(() => server.open).toHaveLength(0);
  });

  it('is closed in good order with the pool', async () => {
    const codes: number[] = [];
    await using server = await RpcServer.start({
      onConnect: ({ socket }) => socket.on('close', (code) => codes.push(code)),
    });
    const pool = open(server.url, { idleTimeout: 20 });
    await pool.subscribe(call('subscribe', 'a'), () => {});
    await expect.poll(() => pool.getMetrics().totalConnections).toBe(0);
    await pool.close();
    await expect.poll(() => codes).toEqual([1000]);
  });

  it('is cut at the deadline of the close', async () => {
    await using server = await RpcServer.start();
    const pool = open(server.url, { idleTimeout: 20 });
    await pool.subscribe(call('subscribe', 'a'), () => {});
    await expect.poll(() => pool.getMetrics().totalConnections).toBe(0);
    server.peer.socket.pause();
    const since = performance.now();
    await pool.close({ deadline: 20 });
    expect(performance.now() - since).toBeLessThan(1_000);
  });

  it('is opened again when it ends outside of the pool', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, { idleTimeout: 20 });
    await pool.subscribe(call('subscribe', 'a'), () => {});
    await expect.poll(() => pool.getMetrics().totalConnections).toBe(0);
    server.peer.socket.terminate();
    await expect.poll(() => server.peers[1]?.subscriptions.size).toBe(1);
  });
});

describe('a socket with subscriptions that is to be replaced', () => {
  it('delivers until another does', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url);
    const heard: unknown[] = [];
    await pool.subscribe(call('subscribe', 'a'), (m) => heard.push(m));
    let n = 0;
    const ticker = setInterval(() => server.publish('a', (n += 1)), 1);
    await expect.poll(() => heard.length).toBeGreaterThan(3);
    pool.invalidateAll();
    await expect.poll(() => server.open.length === 1 && server.peers.length === 2).toBe(true);
    const before = heard.length;
    await expect.poll(() => heard.length).toBeGreaterThan(before + 3);
    clearInterval(ticker);
    const distinct = [...new Set(heard as number[])].sort((one, two) => one - two);
    // Some may come twice, by both sockets, but none is lost.
    expect(distinct).toEqual(Array.from({ length: distinct.length }, (_, index) => index + 1));
  });

  it('is also one that is parked', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, { idleTimeout: 20 });
    await pool.subscribe(call('subscribe', 'a'), () => {});
    await expect.poll(() => pool.getMetrics().totalConnections).toBe(0);
    pool.invalidateAll();
    await expect.poll(() => server.open.length === 1 && server.peers.length === 2).toBe(true);
    expect(server.peer.subscriptions.size).toBe(1);
  });
});
