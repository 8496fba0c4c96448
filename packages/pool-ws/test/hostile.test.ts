import { describe, expect, it } from 'vitest';
import { RpcServer } from './fixtures/rpc-server.ts';
import { call, open, outcome } from './support.ts';

/** Sends something to a client, which is then to work as before; returns what it counted. */
async function counted(message: string | Buffer): Promise<readonly [unexpected: number, invalid: number]> {
  await using server = await RpcServer.start();
  await using pool = open(server.url);
  await pool.request(call('echo'));
  server.peer.socket.send(message);
  expect(await pool.request(call('add', 1, 2))).toBe(3);
  const { unexpectedFrames, invalidFrames, inFlight, created } = pool.getMetrics();
  expect([inFlight, created]).toEqual([0, 1]);
  return [unexpectedFrames, invalidFrames];
}

const text = (message: unknown): string => JSON.stringify(message);

describe('a server that sends', () => {
  it.each([
    ['an unknown id', text({ id: 999, result: 1 })],
    ['an answer twice', text({ id: 1, result: 1 })],
    ['an id that is no number', text({ id: '1', result: 1 })],
    ['an id of 1 MB', text({ id: 'x'.repeat(1_000_000), result: 1 })],
    ['an id that is an object', text({ id: {}, result: 1 })],
    ['__proto__ as an id', text({ id: '__proto__', result: 1 })],
    ['an answer without an id', text({ id: null, error: { message: 'parse error' } })],
    ['an unknown subscription', text({ method: 'm', params: { subscription: 'x'.repeat(1_000_000), result: 1 } })],
    ['__proto__ as a subscription', text({ method: 'm', params: { subscription: '__proto__' } })],
    ['a notification that nobody wants', text({ method: 'm' })],
    ['NaN as an id', '{"id":1e999,"result":1}'],
  ])('%s is told by `unexpectedFrames`', async (_, message) => {
    expect(await counted(message)).toEqual([1, 0]);
  });

  it.each([
    ['no JSON', '{"id":1'],
    ['nothing', ''],
    ['an array', '[]'],
    ['null', 'null'],
    ['a number', '5'],
    ['neither call nor answer', '{"jsonrpc":"2.0"}'],
    ['a lone surrogate in a string', '"\\ud800"'],
    ['binary', Buffer.from(text({ id: 1, result: 1 }))],
  ])('%s is told by `invalidFrames`', async (_, message) => {
    expect(await counted(message)).toEqual([0, 1]);
  });

  it('__proto__ as a member pollutes nothing', async () => {
    await using server = await RpcServer.start({
      methods: {
        evil: (_, { socket }, { id }) =>
          new Promise(() =>
            socket.send(`{"id":${id},"result":{"__proto__":{"polluted":true}},"__proto__":{"error":1}}`),
          ),
      },
    });
    await using pool = open(server.url);
    const result: any = await pool.request(call('evil'));
    expect(Object.keys(result)).toEqual(['__proto__']);
    expect(({} as any).polluted).toBeUndefined();
  });

  it('nothing but what cannot be read is cut off, with a typed error for all in flight', async () => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, { max: 1 });
    const requests = [1, 2].map(() => outcome(pool.request(call('hang'))));
    await expect.poll(() => server.called.length).toBe(2);
    for (let n = 0; n < 100; n += 1) server.peer.socket.send('?');
    const errors = await Promise.all(requests);
    expect(errors[0]).toMatchObject({ code: 'WS_BAD_FRAMES', cause: expect.any(SyntaxError) });
    expect(errors[1]).toBe(errors[0]);
    expect(await pool.request(call('add', 1, 2))).toBe(3);
  });

  it('a message larger than maxPayload ends the socket, and its request is not sent again', async () => {
    await using server = await RpcServer.start({ methods: { big: () => 'x'.repeat(2_000) } });
    await using pool = open(server.url, { maxPayload: 1_000 });
    expect(await outcome(pool.request(call('big'), { idempotent: true }))).toMatchObject({
      code: 'WS_CLOSED',
      kind: 'refused',
      message: 'The WebSocket was closed (1006, Max payload size exceeded)',
    });
    expect(await pool.request(call('add', 1, 2))).toBe(3);
    expect(server.called.filter((method) => method === 'big')).toHaveLength(1);
  });
});

describe('a codec', () => {
  it('speaks binary as well as text', async () => {
    await using server = await RpcServer.start({
      methods: {
        bytes: (_, { socket }, { id }) => new Promise(() => socket.send(Buffer.from(text({ id, result: 'binary' })))),
      },
    });
    await using pool = open(server.url, {
      codec: {
        encode: (id, payload) => Buffer.from(text({ id, ...(payload as object) })),
        decode: (frame) => JSON.parse(frame.toString()),
      },
    });
    expect(await pool.request(call('bytes'))).toBe('binary');
    expect(await pool.request(call('add', 1, 2))).toBe(3);
  });

  it.each([undefined, null, 5, {}])('that writes %j is refused at once', async (frame) => {
    await using pool = open('ws://127.0.0.1:1', { codec: { encode: () => frame as never, decode: () => ({}) } });
    expect(() => pool.request(call('echo'))).toThrow(
      'Cannot send a message: codec.encode must return a string or bytes',
    );
  });

  it.each([undefined, null, 5, 'text'])('that reads %j counts as one that cannot', async (message) => {
    await using server = await RpcServer.start();
    await using pool = open(server.url, {
      codec: { encode: (id, payload) => text({ id, ...(payload as object) }), decode: () => message as never },
    });
    const request = outcome(pool.request(call('echo')));
    await expect.poll(() => pool.getMetrics().invalidFrames).toBe(1);
    await pool.close({ deadline: 0 });
    expect(await request).toMatchObject({ code: 'WS_CLOSED' });
  });
});
