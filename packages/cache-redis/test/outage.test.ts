import type { StoreRecord } from '@forge/cache';
import { redisBus, redisStore } from '@forge/cache-redis';
import { afterEach, describe, expect, it } from 'vitest';
import { connectTo, hint, missing, Server, type SingleClient } from './fixtures/servers.ts';

const record = (text: string, tags: readonly string[] = []): StoreRecord => ({
  bytes: Buffer.from(text),
  tags,
  ttl: 60_000,
});

describe.skipIf(missing)(`redisStore and an outage of Redis${hint}`, () => {
  const cleanups: (() => unknown)[] = [];

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  const start = async (...args: string[]): Promise<{ server: Server; client: SingleClient }> => {
    const server = await Server.start(...args);
    cleanups.push(() => server.stop());
    const client = connectTo(server.url);
    client.on('error', () => {});
    await client.connect();
    cleanups.push(() => client.destroy());
    return { server, client };
  };

  const ready = (client: SingleClient): Promise<unknown> =>
    expect.poll(() => client.isReady, { interval: 5 }).toBe(true);
  const lost = (client: SingleClient): Promise<unknown> =>
    expect.poll(() => client.isReady, { interval: 5 }).toBe(false);

  it('rejects every call at once while the client is not connected, and works when it is back', async () => {
    const { server, client } = await start();
    const store = redisStore(client);
    await store.write('key', record('text'), undefined);
    await server.kill();
    await lost(client);
    const calls = [
      () => store.read('key', []),
      () => store.lease('key', [], 1000),
      () => store.write('key', record('text'), undefined),
      () => store.write('key', record('text'), { token: 'a b 0 0' }),
      () => store.release('key', { token: 'a b 0 0' }),
      () => store.invalidate([{ kind: 'key', key: 'key' }]),
      () => store.invalidate([{ kind: 'all' }]),
      () => redisBus(client).publish('frame'),
    ];
    for (const call of calls) await expect(call()).rejects.toThrow('the client is not connected');
    await server.restart();
    await ready(client);
    expect(await store.read('key', [])).toBeUndefined();
    expect(await store.write('key', record('new'), undefined)).toBe(true);
    expect(await store.read('key', [])).toBeDefined();
  });

  it('rejects what was on its way when the server is killed', async () => {
    const { server, client } = await start();
    const store = redisStore(client);
    server.freeze(true);
    const calls = [store.read('key', ['tag']), store.lease('key', [], 1000), store.invalidate([{ kind: 'all' }])];
    const settled = Promise.allSettled(calls);
    // Two turns of the event loop, so that they are written and wait for an answer.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    await server.kill();
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  });

  it('finds nothing that was invalidated when the server comes back from an older snapshot', async () => {
    const { server, client } = await start();
    const store = redisStore(client);
    for (const key of ['a', 'b', 'c']) await store.write(key, record('old', ['tag']), undefined);
    await client.sendCommand(['SAVE']);
    await store.invalidate([
      { kind: 'key', key: 'a' },
      { kind: 'pattern', prefix: '', glob: 'b' },
    ]);
    await store.invalidate([{ kind: 'tag', tag: 'tag' }]);
    await server.kill();
    await lost(client);
    await server.restart();
    await ready(client);
    expect(await client.exists(['forge:v:{ka}', 'forge:v:{kb}', 'forge:v:{kc}'])).toBe(3);
    // What another namespace teaches the server says nothing about this one.
    await redisStore(client, { namespace: 'other' }).lease('key', [], 1000);
    for (const key of ['a', 'b', 'c']) expect(await store.read(key, ['tag'])).toBeUndefined();
    await store.write('a', record('new', ['tag']), undefined);
    expect(await store.read('a', ['tag'])).toBeDefined();
  });

  it('gives anew the lease that comes back with an older snapshot, and its former holder writes no more', async () => {
    const { server, client } = await start();
    const [store, other] = [redisStore(client), redisStore(client)];
    const former = await store.lease('key', ['tag'], 60_000);
    await client.sendCommand(['SAVE']);
    await server.kill();
    await lost(client);
    await server.restart();
    await ready(client);
    expect(await client.exists('forge:l:{kkey}')).toBe(1);
    const lease = await other.lease('key', ['tag'], 60_000);
    expect(lease).toBeDefined();
    expect(await store.lease('key', ['tag'], 60_000)).toBeUndefined();
    expect(await store.write('key', record('old', ['tag']), former)).toBe(false);
    expect(await other.write('key', record('new', ['tag']), lease)).toBe(true);
  });

  it.each(['with', 'without'])('counts the life of a record from the call, %s a lease', async (how) => {
    const { client } = await start();
    const store = redisStore(client);
    const written = async (ttl: number): Promise<number> => {
      const lease = await store.lease('key', [], 10_000);
      await client.sendCommand(['CLIENT', 'PAUSE', '200']);
      expect(await store.write('key', { ...record('text'), ttl }, how === 'with' ? lease : undefined)).toBe(true);
      return client.pTTL('forge:v:{kkey}');
    };
    const left = await written(60_000);
    expect(left).toBeGreaterThan(50_000);
    expect(left).toBeLessThanOrEqual(59_850);
    // What is over when it lands takes the place of what was there all the same.
    expect(await written(100)).toBe(-2);
    expect(await store.lease('key', [], 10_000)).toBeDefined();
  });

  it('waits, and answers late, while the server pauses', async () => {
    const { client } = await start();
    const store = redisStore(client);
    await store.write('key', record('text'), undefined);
    await client.sendCommand(['CLIENT', 'PAUSE', '100']);
    const began = performance.now();
    expect(await store.read('key', [])).toBeDefined();
    expect(performance.now() - began).toBeGreaterThan(50);
  });

  it('refuses more once 10,000 commands are without an answer, and goes on when they have it', async () => {
    const { server, client } = await start();
    const store = redisStore(client);
    await store.read('key', []);
    server.freeze(true);
    const waiting = Array.from({ length: 5000 }, (_, i) => store.read(`key${i}`, []));
    await expect(store.read('key', [])).rejects.toThrow('it owes answers to 10000 commands');
    server.freeze(false);
    expect(await Promise.all(waiting)).toHaveLength(5000);
    expect(await store.read('key', [])).toBeUndefined();
  });
});
