import type { StoreRecord } from '@forge/cache';
import { redisBus, redisStore, type RedisStoreClient } from '@forge/cache-redis';
import { createCluster, createSentinel } from 'redis';
import { describe, it, vi } from 'vitest';
import { hint, missing, startCluster, startSentinel, type Server } from './fixtures/servers.ts';

const record = (text: string): StoreRecord => ({ bytes: Buffer.from(text), tags: [], ttl: 60_000 });

async function openCluster(
  onTestFinished: (cleanup: () => void | Promise<void>) => void,
): Promise<{ servers: readonly Server[]; client: RedisStoreClient }> {
  const { servers, stop } = await startCluster();
  onTestFinished(stop);
  const client = createCluster({
    rootNodes: servers.map(({ url }) => ({ url })),
    defaults: { socket: { reconnectStrategy: 20 } },
  });
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.destroy());
  return { servers, client };
}

/** The node that has the ledger, and another. */
async function nodesOf(servers: readonly Server[]): Promise<{ ledger: Server; node: Server }> {
  const owners = await Promise.all(servers.map((server) => owns(server, '{forge}:ledger')));
  return { ledger: servers[owners.indexOf(true)]!, node: servers[owners.indexOf(false)]! };
}

/** A node refuses a key of another. */
const owns = (server: Server, name: string): Promise<boolean> =>
  server.ask('EXISTS', name).then(
    () => true,
    () => false,
  );

describe.skipIf(missing).concurrent(`redisStore and the loss of one node of several${hint}`, () => {
  it('finds nothing that was invalidated when one node of a cluster comes back from an older snapshot', async ({
    expect,
    onTestFinished,
  }) => {
    const { servers, client } = await openCluster(onTestFinished);
    const store = redisStore(client);
    const keys = Array.from({ length: 12 }, (_, i) => `key${i}`);
    const write = (text: string): Promise<unknown> =>
      Promise.all(keys.map((key) => store.write(key, record(text), undefined)));
    const found = async (): Promise<number> =>
      (await Promise.all(keys.map((key) => store.read(key, [])))).filter(Boolean).length;
    await write('old');
    expect(await found()).toBe(keys.length);
    const { node } = await nodesOf(servers);
    await node.ask('SAVE');
    await store.invalidate(keys.map((key) => ({ kind: 'key', key })));
    const held = Number(await node.ask('DBSIZE'));
    await node.kill();
    await node.restart();
    await expect
      .poll(() => node.ask('CLUSTER', 'INFO'), { interval: 20, timeout: 10_000 })
      .toContain('cluster_state:ok');
    expect(Number(await node.ask('DBSIZE'))).toBeGreaterThan(held);
    await expect.poll(() => found().catch(() => undefined), { interval: 20, timeout: 5000 }).toBe(0);
    await write('new');
    expect(await found()).toBe(keys.length);
  }, 20_000);

  it('finds nothing that was invalidated when the node of the ledger comes back from an older snapshot', async ({
    expect,
    onTestFinished,
  }) => {
    const { servers, client } = await openCluster(onTestFinished);
    const { ledger, node } = await nodesOf(servers);
    const store = redisStore(client);
    // A key elsewhere: what its node knows has not changed.
    let key = 'key';
    while (!(await owns(node, `forge:v:{k${key}}`))) key += 'y';
    await store.write(key, { ...record('old'), tags: ['tag'] }, undefined);
    await ledger.ask('SAVE');
    await store.invalidate([{ kind: 'tag', tag: 'tag' }]);
    await ledger.kill();
    await ledger.restart();
    const reads = (): Promise<unknown> => store.read(key, ['tag']).catch(() => 'failed');
    await expect.poll(reads, { interval: 20, timeout: 10_000 }).not.toBe('failed');
    expect(await reads()).toBeUndefined();
  }, 20_000);

  it('goes on, with nothing cached and nothing leased, on the replica that Sentinels have made master', async ({
    expect,
    onTestFinished,
  }) => {
    const { servers, sentinels, stop } = await startSentinel(1);
    onTestFinished(stop);
    const sentinelRootNodes = sentinels.map(({ port }) => ({ host: '127.0.0.1', port }));
    const client = createSentinel({ name: 'main', sentinelRootNodes });
    client.on('error', () => {});
    await client.connect();
    onTestFinished(async () => {
      await client.destroy();
    });
    const store = redisStore(client);
    const bus = redisBus(client);
    const heard: string[] = [];
    const onInterrupted = vi.fn();
    const end = await bus.subscribe((frame) => heard.push(frame), onInterrupted);
    onTestFinished(end);
    await store.write('key', record('old'), undefined);
    const former = await store.lease('leased', [], 60_000);
    const held = (): Promise<unknown> => servers[1]!.ask('PTTL', 'forge:l:{kleased}');
    await expect.poll(held, { interval: 20, timeout: 5000 }).toBeGreaterThan(0);
    await servers[0]!.kill();
    const reads = (): Promise<boolean> =>
      store
        .read('key', [])
        .then(() => true)
        .catch(() => false);
    await expect.poll(reads, { interval: 50, timeout: 15_000 }).toBe(true);
    expect(await store.read('key', [])).toBeUndefined();
    expect(await store.write('key', record('new'), undefined)).toBe(true);
    expect(await store.read('key', [])).toBeDefined();
    const lease = await store.lease('leased', [], 60_000);
    expect(lease).toBeDefined();
    expect(await store.write('leased', record('old'), former)).toBe(false);
    expect(await store.write('leased', record('new'), lease)).toBe(true);
    expect(onInterrupted).toHaveBeenCalled();
    const hears = (): Promise<string[]> => bus.publish('frame').then(() => heard);
    await expect.poll(() => hears().catch(() => []), { interval: 50, timeout: 5000 }).toContain('frame');
  }, 30_000);
});
