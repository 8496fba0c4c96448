import { once } from 'node:events';
import { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { dial, ending, read, wire } from './wire.ts';

/** Timers of Node may fire this much before the time that performance.now() shows. */
const EARLY = 1;

describe('latency', () => {
  it('delays bytes and closes of its direction alone', async () => {
    const { proxy, client, server } = await wire();
    await proxy.set({ toClient: { latency: 40 } });
    client.write('question');
    expect(await read(server, 8)).toBe('question');
    const sent = performance.now();
    server.end('answer');
    const answer = await read(client, 6);
    expect(performance.now() - sent).toBeGreaterThanOrEqual(40 - EARLY);
    expect(answer).toBe('answer');
    expect(await ending(client)).toBe('end');
  });

  it('is a delay and not a rate: what comes within it is not even later', async () => {
    const { proxy, client, server, again } = await wire();
    const other = await again();
    await proxy.set({ latency: 40 });
    const arrivals: string[] = [];
    for (const socket of [server, other.server]) socket.on('data', (bytes: Buffer) => arrivals.push(String(bytes)));
    client.write('a');
    await delay(10);
    client.write('b');
    await delay(10);
    other.client.write('c');
    await vi.waitFor(() => expect(arrivals).toEqual(['a', 'b', 'c']));
  });

  it('holds for what is under way when it changes', async () => {
    const { proxy, client, server } = await wire();
    await proxy.set({ latency: Infinity });
    client.end('at last');
    // Nothing tells when the bytes have reached the proxy, but those of another connection come after them.
    await roundTrip(proxy.port);
    await proxy.set({});
    expect(await text(server)).toBe('at last');
  });
});

describe('jitter', () => {
  it('is added to the latency at random', async () => {
    const { proxy, client, server } = await wire({ random: () => 0.999 });
    await proxy.set({ jitter: 40 });
    const sent = performance.now();
    client.write('late');
    await once(server, 'data');
    expect(performance.now() - sent).toBeGreaterThanOrEqual(39 - EARLY);
  });

  it('lets nothing overtake', async () => {
    const luck = [0.999, 0];
    const { proxy, client, server } = await wire({ random: () => luck.shift() ?? 0 });
    await proxy.set({ latency: 20, jitter: 20 });
    const received = text(server);
    client.write('first, ');
    await delay(2);
    client.end('second');
    expect(await received).toBe('first, second');
  });
});

describe('bandwidth', () => {
  it('lets so many bytes through in a second', async () => {
    const { proxy, client, server } = await wire();
    await proxy.set({ bandwidth: 100_000 });
    const start = performance.now();
    client.end(Buffer.alloc(15_000));
    expect(await text(server)).toHaveLength(15_000);
    const took = performance.now() - start;
    // The first piece of 20 ms needs no wait, nor does anything wait after the last.
    expect(took).toBeGreaterThanOrEqual(130 - EARLY);
  });
});

describe('slowClose', () => {
  it('delays the close', async () => {
    const { proxy, client, server } = await wire();
    await proxy.set({ slowClose: 40 });
    const start = performance.now();
    client.end();
    expect(await ending(server)).toBe('end');
    expect(performance.now() - start).toBeGreaterThanOrEqual(40 - EARLY);
  });

  it('does not delay the bytes', async () => {
    const { proxy, client, server } = await wire();
    await proxy.set({ slowClose: Infinity });
    client.end('bye');
    expect(await read(server, 3)).toBe('bye');
    await proxy.set({});
    expect(await ending(server)).toBe('end');
  });
});

describe('blackHole', () => {
  it('lets nothing through, tells nobody, and brings the rest in order when it ends', async () => {
    const { proxy, client, server } = await wire();
    await proxy.set({ toServer: { blackHole: true } });
    const received = text(server);
    server.write('the other direction works');
    client.write('held, ');
    expect(await read(client, 25)).toBe('the other direction works');
    client.end('with its end');
    await delay(30);
    expect(server.bytesRead).toBe(0);
    await proxy.set({});
    expect(await received).toBe('held, with its end');
  });

  it('swallows a reset, so that the connection is half-open', async () => {
    const { proxy, client, server } = await wire();
    await proxy.set({ toServer: { blackHole: true } });
    const ended = vi.fn<(how: string) => void>();
    void ending(server).then(ended);
    client.resetAndDestroy();
    await delay(30);
    expect(ended).not.toHaveBeenCalled();
    await proxy.set({});
    await vi.waitFor(() => expect(ended).toHaveBeenCalledWith('ECONNRESET'));
  });

  it('accepts and stays silent when it was there before the client', async () => {
    const { proxy } = await wire();
    await proxy.set({ blackHole: true });
    const client = await dial(proxy.port);
    client.write('hello?');
    await delay(30);
    expect(client.readyState).toBe('open');
    expect(client.bytesRead).toBe(0);
  });

  it('closes both sides after its time', async () => {
    const { proxy, client, server } = await wire();
    const start = performance.now();
    await proxy.set({ toServer: { blackHole: 40 } });
    client.write('never seen');
    expect(await Promise.all([ending(client), ending(server)])).toEqual(['end', 'end']);
    expect(performance.now() - start).toBeGreaterThanOrEqual(40 - EARLY);
    expect(server.bytesRead).toBe(0);
  });
});

describe('reset', () => {
  it('resets both sides in place of the first bytes', async () => {
    const { proxy, client, server } = await wire();
    await proxy.set({ toClient: { reset: 20 } });
    client.write('a request that is carried out');
    await read(server, 29);
    const start = performance.now();
    server.write('and its answer');
    expect(await Promise.all([ending(client), ending(server)])).toEqual(['ECONNRESET', 'ECONNRESET']);
    expect(performance.now() - start).toBeGreaterThanOrEqual(20 - EARLY);
    expect(client.bytesRead).toBe(0);
  });
});

describe('slice', () => {
  it('cuts the stream into pieces with a pause between', async () => {
    const { proxy, client, server } = await wire();
    await proxy.set({ slice: { size: 2, delay: 5 } });
    const pieces = writes();
    const start = performance.now();
    client.end('dribble');
    expect(await text(server)).toBe('dribble');
    expect(performance.now() - start).toBeGreaterThanOrEqual(3 * (5 - EARLY));
    expect(pieces()).toEqual(['dr', 'ib', 'bl', 'e']);
  });

  it('lets the rest through at once when it is lifted', async () => {
    const { proxy, client, server } = await wire();
    await proxy.set({ slice: { size: 1, delay: Infinity } });
    client.end('dribble');
    expect(await read(server, 1)).toBe('d');
    await proxy.set({});
    expect(await text(server)).toBe('ribble');
  });

  it('varies their size at random', async () => {
    let draws = 0;
    const { proxy, client, server } = await wire({ random: () => [0, 0.999][draws++ % 2]! });
    await proxy.set({ slice: { size: 3, variation: 1 } });
    const pieces = writes();
    client.end('abcdefghijkl');
    await text(server);
    expect(new Set(pieces().map(({ length }) => length))).toEqual(new Set([2, 4]));
  });
});

describe('limit', () => {
  it('closes both sides after exactly so many bytes', async () => {
    const { proxy, client, server } = await wire();
    await proxy.set({ toClient: { limit: 9 } });
    const ended = ending(server);
    server.write('truncated frame');
    expect(await text(client)).toBe('truncated');
    expect(await ended).toBe('end');
  });

  it('counts from when it was set, on each connection by itself', async () => {
    const { proxy, client, server, again } = await wire();
    await proxy.set({ limit: 5 });
    client.write('four');
    expect(await read(server, 4)).toBe('four');
    await proxy.set({ limit: 5 });
    const other = await again();
    client.write('five more');
    expect(await text(server)).toBe('five ');
    other.client.write('four');
    expect(await read(other.server, 4)).toBe('four');
  });

  it('of 0 closes at the first byte and not before', async () => {
    const { proxy, client, server } = await wire();
    await proxy.set({ toServer: { limit: 0 } });
    server.write('hello');
    expect(await read(client, 5)).toBe('hello');
    client.write('x');
    expect(await ending(client)).toBe('end');
    expect(server.bytesRead).toBe(0);
  });
});

describe('down', () => {
  it('closes what is open, refuses what comes, and is undone on the same port', async () => {
    const { proxy, client, server, again } = await wire();
    const { port } = proxy;
    const ended = Promise.all([ending(client), ending(server)]);
    await proxy.set({ down: true });
    expect(await ended).toEqual(['end', 'end']);
    await expect(dial(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await proxy.set({});
    expect(proxy.port).toBe(port);
    const next = await again();
    next.client.write('up');
    expect(await read(next.server, 2)).toBe('up');
  });

  it('ends as it was set last when it is switched faster than a port', async () => {
    const { proxy, again } = await wire();
    await Promise.all([true, false, true, false].map((down) => proxy.set({ down })));
    await again();
    await Promise.all([false, true].map((down) => proxy.set({ down })));
    await expect(dial(proxy.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('set', () => {
  it('lets a direction say otherwise than both', async () => {
    const { proxy, client, server } = await wire();
    await proxy.set({ latency: Infinity, toServer: { latency: 0 } });
    client.write('through');
    expect(await read(server, 7)).toBe('through');
    server.write('held');
    await delay(20);
    expect(client.bytesRead).toBe(0);
  });
});

/** What the proxy writes: a read may find two pieces that were written apart, and `end` is no call of `write`. */
function writes(): () => string[] {
  const spy = vi.spyOn(Socket.prototype, 'write');
  onTestFinished(() => spy.mockRestore());
  return () => spy.mock.calls.map(([bytes]) => String(bytes));
}

/** A connection that is accepted and closed again, after all that was sent before it. */
async function roundTrip(port: number): Promise<void> {
  const client = await dial(port);
  const closed = once(client, 'close');
  client.destroy();
  await closed;
}
