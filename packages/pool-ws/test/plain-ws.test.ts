import { faultProxy } from '@forge/pool/testing';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { RpcServer } from './fixtures/rpc-server.ts';

const delay = (time: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, time));

/** What the README says of ws, which the tests of the pool show to be otherwise here. */
describe('plain ws', () => {
  it('tells nothing of a server that is gone without a word', async () => {
    await using server = await RpcServer.start();
    await using proxy = await faultProxy({ to: server.port });
    const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}`);
    await once(socket, 'open');
    await proxy.set({ blackHole: true });
    socket.send('{}');
    await delay(300);
    expect(socket.readyState).toBe(WebSocket.OPEN);
    socket.terminate();
  });

  it('starts its handshakeTimeout again with each byte', async () => {
    await using server = await RpcServer.start();
    await using proxy = await faultProxy({ to: server.port });
    await proxy.set({ toClient: { slice: { size: 1, delay: 10 } } });
    const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}`, { handshakeTimeout: 100 });
    socket.on('error', () => {});
    await delay(300);
    expect(socket.readyState).toBe(WebSocket.CONNECTING);
    socket.terminate();
  });

  it('keeps all that is sent in memory while the server does not read', async () => {
    await using server = await RpcServer.start();
    const socket = new WebSocket(server.url);
    await once(socket, 'open');
    await expect.poll(() => server.peers).toHaveLength(1);
    server.peer.socket.pause();
    // The server may still read it, as a message.
    const frame = JSON.stringify('x'.repeat(2 ** 20));
    for (let n = 0; n < 30; n += 1) socket.send(frame);
    await delay(20);
    expect(socket.bufferedAmount).toBeGreaterThan(20 * 2 ** 20);
    socket.terminate();
  });
});
