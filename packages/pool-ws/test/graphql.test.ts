import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { WebSocketPool, type Codec } from '../src/index.ts';

/** What a client of the `graphql-transport-ws` protocol says: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md */
type Said = { readonly query: string } | { readonly complete: number };

/** Its server acknowledges nothing: what it sends has the id of the subscribe, and a query is one with one message. */
const graphql: Codec<Said, unknown> = {
  acknowledges: false,
  encode: (id, said) =>
    'complete' in said
      ? JSON.stringify({ type: 'complete', id: String(said.complete) })
      : JSON.stringify({ type: 'subscribe', id: String(id), payload: said }),
  decode: (frame) => {
    const { type, id, payload } = JSON.parse(String(frame)) as { type: string; id?: string; payload?: unknown };
    if (type === 'next') return { subscription: Number(id), result: payload };
    if (type === 'error') return { subscription: Number(id), error: payload };
    if (type === 'complete') return { subscription: Number(id), done: true };
    return { result: type };
  },
};

/** Counts up on each subscription when told, and ends those that ask for `once`. */
async function serve(): Promise<
  AsyncDisposable & { readonly url: string; readonly sockets: WebSocket[]; readonly said: any[]; tick(): void }
> {
  const server = new WebSocketServer({ port: 0, handleProtocols: () => 'graphql-transport-ws' });
  await once(server, 'listening');
  const sockets: WebSocket[] = [];
  const said: any[] = [];
  let ticks = 0;
  server.on('connection', (socket) => {
    sockets.push(socket);
    socket.on('message', (data: Buffer) => {
      const { type, id, payload } = JSON.parse(data.toString());
      said.push([type, id ?? null]);
      if (type === 'connection_init') socket.send('{"type":"connection_ack"}');
      if (payload?.query !== 'once') return;
      socket.send(JSON.stringify({ type: 'next', id, payload: 'only' }));
      socket.send(JSON.stringify({ type: 'complete', id }));
    });
  });
  return {
    url: `ws://127.0.0.1:${(server.address() as { port: number }).port}`,
    sockets,
    said,
    tick() {
      ticks += 1;
      for (const socket of sockets) socket.send(JSON.stringify({ type: 'next', id: '1', payload: ticks }));
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.terminate();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a codec whose server acknowledges nothing', () => {
  const options = {
    codec: graphql,
    protocols: 'graphql-transport-ws',
    random: () => 0,
    prepare: async ({ socket }: { socket: WebSocket }, signal: AbortSignal) => {
      socket.send('{"type":"connection_init"}');
      await once(socket, 'message', { signal });
    },
  };

  it('names subscriptions by the ids of their requests, also after a reconnect', async () => {
    await using server = await serve();
    await using pool = new WebSocketPool({ ...options, url: server.url });
    const heard: unknown[] = [];
    const subscription = await pool.subscribe({ query: 'ticks' }, (payload) => heard.push(payload), {
      unsubscribe: (key) => ({ complete: key as number }),
    });
    await expect.poll(() => server.said).toHaveLength(2);
    server.tick();
    await expect.poll(() => heard).toEqual([1]);
    server.sockets.shift()!.terminate();
    await expect.poll(() => server.said).toHaveLength(4);
    server.tick();
    await expect.poll(() => heard).toEqual([1, 2]);
    await subscription.unsubscribe();
    await expect
      .poll(() => server.said)
      .toEqual([
        ['connection_init', null],
        ['subscribe', '1'],
        ['connection_init', null],
        ['subscribe', '1'],
        ['complete', '1'],
      ]);
  });

  it('may end a subscription itself', async () => {
    await using server = await serve();
    await using pool = new WebSocketPool({ ...options, url: server.url });
    const heard: unknown[] = [];
    const subscription = await pool.subscribe({ query: 'once' }, (payload) => heard.push(payload));
    expect(await subscription.ended).toBeUndefined();
    expect(heard).toEqual(['only']);
    expect(pool.getMetrics()).toMatchObject({ subscriptions: 0, leases: 0, inFlight: 0 });
  });
});
