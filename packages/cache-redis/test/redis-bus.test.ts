import { redisBus } from '@forge/cache-redis';
import { createClient } from 'redis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { connectTo, hint, missing, Server, type SingleClient } from './fixtures/servers.ts';
import { Wire } from './fixtures/wire.ts';

describe.skipIf(missing)(`redisBus${hint}`, () => {
  const cleanups: (() => unknown)[] = [];

  afterEach(async () => {
    vi.useRealTimers();
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  const connect = async (url: string, RESP: 2 | 3 = 3): Promise<SingleClient> => {
    const client = connectTo(url, RESP);
    client.on('error', () => {});
    await client.connect();
    cleanups.push(() => client.destroy());
    return client;
  };

  const startServer = async (): Promise<Server> => {
    const server = await Server.start();
    cleanups.push(() => server.stop());
    return server;
  };

  const clientsOf = async (server: Server): Promise<number> =>
    String(await server.ask('CLIENT', 'LIST', 'TYPE', 'PUBSUB'))
      .split('\n')
      .filter(Boolean).length;

  it('delivers frames in order to every subscriber of its channel, by either protocol, and to no other', async () => {
    const server = await startServer();
    const old = redisBus(await connect(server.url, 2));
    const bus = redisBus(await connect(server.url));
    const other = redisBus(await connect(server.url), { channel: 'other' });
    const heard: string[][] = [[], [], []];
    await Promise.all(
      [old, bus, other].map((each, i) =>
        each.subscribe(
          (frame) => heard[i]!.push(frame),
          () => {},
        ),
      ),
    );
    await old.publish('one');
    await bus.publish('two\ud83d\ude00');
    await expect.poll(() => heard).toEqual([['one', 'two\ud83d\ude00'], ['one', 'two\ud83d\ude00'], []]);
  });

  it('has a channel of the same name under a key prefix of the client', async () => {
    const server = await startServer();
    const client = createClient({ url: server.url, keyPrefix: 'app:' });
    await client.connect();
    cleanups.push(() => client.destroy());
    const heard: string[] = [];
    await redisBus(client).subscribe(
      (frame) => heard.push(frame),
      () => {},
    );
    await redisBus(client).publish('one');
    await redisBus(await connect(server.url)).publish('two');
    await expect.poll(() => heard).toEqual(['one', 'two']);
  });

  it('ends the connection of a subscription with it, and never the client', async () => {
    const server = await startServer();
    const client = await connect(server.url);
    const bus = redisBus(client);
    const onInterrupted = vi.fn();
    const end = await bus.subscribe(() => {}, onInterrupted);
    expect(await clientsOf(server)).toBe(1);
    await end();
    await end();
    await expect.poll(() => clientsOf(server)).toBe(0);
    expect(onInterrupted).not.toHaveBeenCalled();
    expect(await client.ping()).toBe('PONG');
  });

  it('tells of a lost connection and again when it is back, and delivers then', async () => {
    const server = await startServer();
    const wire = await Wire.to(server.port);
    cleanups.push(() => wire.close());
    const bus = redisBus(await connect(wire.url));
    const onInterrupted = vi.fn();
    const onFrame = vi.fn();
    await bus.subscribe(onFrame, onInterrupted);
    expect(onInterrupted).not.toHaveBeenCalled();
    wire.cut();
    await expect.poll(() => onInterrupted.mock.calls.length).toBeGreaterThan(0);
    await expect.poll(() => clientsOf(server)).toBe(1);
    const before = onInterrupted.mock.calls.length;
    await redisBus(await connect(server.url)).publish('frame');
    await expect.poll(() => onFrame.mock.calls).toEqual([['frame']]);
    expect(before).toBeGreaterThan(1);
  });

  it('survives listeners that throw', async () => {
    const server = await startServer();
    const bus = redisBus(await connect(server.url));
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    cleanups.push(() => warned.mockRestore());
    const heard: string[] = [];
    await bus.subscribe(
      (frame) => {
        heard.push(frame);
        throw new Error('listener');
      },
      () => {},
    );
    await bus.publish('one');
    await bus.publish('two');
    await expect.poll(() => heard).toEqual(['one', 'two']);
    expect(warned).toHaveBeenCalledTimes(2);
  });

  it('rejects a subscription that does not stand within 5 s, and leaves no connection behind', async () => {
    const server = await startServer();
    const client = await connect(server.url);
    server.freeze(true);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const subscribed = expect(
      redisBus(client).subscribe(
        () => {},
        () => {},
      ),
    ).rejects.toThrow('within 5000 ms');
    await vi.advanceTimersByTimeAsync(5000);
    await subscribed;
    vi.useRealTimers();
    server.freeze(false);
    await expect.poll(() => clientsOf(server)).toBe(0);
  });
});
