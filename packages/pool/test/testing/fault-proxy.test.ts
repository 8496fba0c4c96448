import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { faultProxy } from '../../src/testing/index.ts';
import { dial, ending, read, wire } from './wire.ts';

/** More than the kernel keeps of one connection. */
const FLOOD = 64 * 1024 * 1024;

describe('faultProxy', () => {
  it('passes both directions and a half-close as they are when no fault is set', async () => {
    const { client, server } = await wire();
    const sent = randomBytes(500_000).toString('latin1');
    const [received, answered] = [text(server), text(client)];
    client.end(sent);
    expect(await received).toBe(sent);
    server.end('the answer comes after the end');
    expect(await answered).toBe('the answer comes after the end');
  });

  it('passes a reset on when either side resets', async () => {
    const { client, server, again } = await wire();
    const toClient = ending(client);
    server.resetAndDestroy();
    expect(await toClient).toBe('ECONNRESET');
    const second = await again();
    const toServer = ending(second.server);
    second.client.resetAndDestroy();
    expect(await toServer).toBe('ECONNRESET');
  });

  it('resets the client when the server behind it refuses', async () => {
    const { port } = await faultProxy({ to: await freePort() });
    const client = await dial(port);
    expect(await ending(client)).toBe('ECONNRESET');
  });

  it('carries TLS, which it cannot read', async () => {
    const psk = randomBytes(16);
    const common = { ciphers: 'PSK', maxVersion: 'TLSv1.2' } as const;
    const listener = createTlsServer({ ...common, pskCallback: () => psk }, (socket) => socket.pipe(socket));
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const proxy = await faultProxy({ to: (listener.address() as AddressInfo).port });
    onTestFinished(() => void listener.close());
    onTestFinished(() => proxy.close());
    await proxy.set({ slice: { size: 7, delay: 0 } });
    const client = connectTls({
      ...common,
      port: proxy.port,
      pskCallback: () => ({ psk, identity: 'test' }),
      checkServerIdentity: () => undefined,
    });
    onTestFinished(() => void client.destroy());
    client.write('in private');
    expect(await read(client, 10)).toBe('in private');
  });

  it('lets the sender wait when the receiver does not read', async () => {
    const { client, server } = await wire();
    flood(client);
    const taken = await settled(client);
    // The kernel's buffers of some MB each stand on the way; what the proxy adds is a part of one.
    expect(taken).toBeLessThan(FLOOD / 2);
    let received = 0;
    server.on('data', (bytes: Buffer) => (received += bytes.length));
    await once(server, 'end');
    expect(received).toBe(FLOOD);
  });

  it('lists the connections that are open', async () => {
    const { proxy, client, server, again } = await wire();
    await again();
    const [first, second] = proxy.connections;
    client.destroy();
    server.destroy();
    await vi.waitFor(() => expect(proxy.connections).toEqual([second]));
    expect(proxy.connections).not.toContain(first);
  });
});

describe('cut', () => {
  it('resets both sides by default', async () => {
    const { proxy, client, server } = await wire();
    const endings = Promise.all([ending(client), ending(server)]);
    proxy.cut();
    expect(await endings).toEqual(['ECONNRESET', 'ECONNRESET']);
    await vi.waitFor(() => expect(proxy.connections).toEqual([]));
  });

  it('closes both sides when told to end', async () => {
    const { proxy, client, server } = await wire();
    const endings = Promise.all([ending(client), ending(server)]);
    proxy.cut('end');
    expect(await endings).toEqual(['end', 'end']);
    client.end();
    server.end();
    await vi.waitFor(() => expect(proxy.connections).toEqual([]));
  });

  it('ends one connection alone when it is called on it', async () => {
    const { proxy, client, server, again } = await wire();
    const other = await again();
    const cut = ending(other.client);
    proxy.connections[1]!.cut();
    expect(await cut).toBe('ECONNRESET');
    client.write('still here');
    expect(await read(server, 10)).toBe('still here');
  });

  it('ends a connection whose last bytes nobody reads', async () => {
    const { proxy, server } = await wire();
    flood(server);
    await settled(server);
    proxy.cut('end');
    proxy.cut('reset');
    await vi.waitFor(() => expect(proxy.connections).toEqual([]));
  });

  it('ends a connection that is held in a black hole', async () => {
    const { proxy, client } = await wire();
    await proxy.set({ blackHole: true });
    const cut = ending(client);
    proxy.cut();
    expect(await cut).toBe('ECONNRESET');
  });
});

describe('close', () => {
  it('destroys the connections and refuses others, once and for all', async () => {
    const { proxy, client } = await wire();
    await proxy.set({ blackHole: true });
    const ended = ending(client);
    const [first, second] = [proxy.close(), proxy.close()];
    expect(second).toBe(first);
    await first;
    expect(proxy.connections).toEqual([]);
    expect(['end', 'ECONNRESET']).toContain(await ended);
    await expect(dial(proxy.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(() => proxy.set({})).toThrow('Cannot set the faults of a proxy: it is closed');
  });

  it('is called at the end of an await using', async () => {
    let port: number;
    {
      await using proxy = await faultProxy({ to: 1 });
      port = proxy.port;
    }
    await expect(dial(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('abuse', () => {
  it.each([
    [{}, TypeError, 'to must be the port of a server, got undefined'],
    [{ to: 0 }, RangeError, 'to must be an integer >= 1 and <= 65535, got 0'],
    [{ to: 1, host: 1 }, TypeError, 'host must be a string, got 1'],
    [{ to: 1, random: 1 }, TypeError, 'random must be a function, got 1'],
  ])('faultProxy refuses %o', async (options, type, message) => {
    const refused = faultProxy(options as never);
    await expect(refused).rejects.toThrow(type);
    await expect(refused).rejects.toThrow(`Cannot start a fault proxy: ${message}`);
  });

  it.each([
    [null, TypeError, 'the faults must be an object, got null'],
    [{ latencey: 1 }, TypeError, 'got "latencey"'],
    [{ toClient: { down: true } }, TypeError, 'got "down"'],
    [{ toServer: { __proto__: null, constructor: 1 } }, TypeError, 'got "constructor"'],
    [{ down: 1 }, TypeError, 'down must be a boolean, got number'],
    [{ latency: -1 }, RangeError, 'latency must be >= 0, got -1'],
    [{ jitter: Infinity }, RangeError, 'jitter must be >= 0'],
    [{ bandwidth: 0 }, RangeError, 'bandwidth must be >= 1, got 0'],
    [{ slowClose: NaN }, TypeError, 'slowClose must be a number, got NaN'],
    [{ blackHole: 'yes' }, TypeError, 'blackHole must be a number, got "yes"'],
    [{ reset: true }, TypeError, 'reset must be a number, got true'],
    [{ limit: 1.5 }, RangeError, 'limit must be an integer >= 0, got 1.5'],
    [{ slice: {} }, TypeError, 'slice.size must be a number, got undefined'],
    [{ slice: { size: 2, variation: 2 } }, RangeError, 'slice.variation must be an integer >= 0 and <= 1, got 2'],
    [{ slice: { size: 2, gap: 1 } }, TypeError, 'got "gap"'],
  ])('set refuses %o and leaves the faults as they were', async (faults, type, message) => {
    const { proxy, client, server } = await wire();
    expect(() => proxy.set(faults as never)).toThrow(type);
    expect(() => proxy.set(faults as never)).toThrow(message);
    client.write('as before');
    expect(await read(server, 9)).toBe('as before');
  });
});

/** Where nobody listens: a port that was given and taken back. */
async function freePort(): Promise<number> {
  const { proxy } = await wire();
  await proxy.close();
  return proxy.port;
}

/** Part by part, each after the one before it has left: of a single write nobody knows how far it got. */
function flood(socket: Socket): void {
  const part = Buffer.alloc(64 * 1024);
  Readable.from(Array.from({ length: FLOOD / part.length }, () => part)).pipe(socket);
}

/** The bytes that left a socket, when no more leave it. */
async function settled(socket: Socket): Promise<number> {
  const left = (): number => socket.bytesWritten - socket.writableLength;
  for (let before = -1; before !== left(); await delay(30)) before = left();
  return left();
}
