import { redisBus, redisStore, type RedisBusClient, type RedisStoreClient } from '@forge/cache-redis';
import { busContract, storeContract, type ContractCase } from '@forge/cache/testing';
import { createClient, createClientPool, createCluster, createSentinel } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hint, missing, Server, startCluster, startSentinel } from './fixtures/servers.ts';

/** What the tests do with every kind of client. */
interface Client {
  on(event: 'error', listener: () => void): unknown;
  connect(): Promise<unknown>;
  destroy(): unknown;
  set(key: string, value: string): Promise<unknown>;
}

interface Setup<T> {
  readonly servers: readonly Server[];
  readonly connect: () => Client & T;
}

const single = async (): Promise<Server[]> => [await Server.start()];

const topologies: Record<string, () => Promise<Setup<RedisStoreClient & RedisBusClient>>> = {
  'a server': async () => {
    const servers = await single();
    return { servers, connect: () => createClient({ url: servers[0]!.url }) };
  },
  'a server by RESP2': async () => {
    const servers = await single();
    return { servers, connect: () => createClient({ url: servers[0]!.url, RESP: 2 }) };
  },
  'three Sentinels': async () => {
    const { servers, sentinels } = await startSentinel();
    const sentinelRootNodes = sentinels.map(({ port }) => ({ host: '127.0.0.1', port }));
    return { servers, connect: () => createSentinel({ name: 'main', sentinelRootNodes }) };
  },
  'a cluster of three': async () => {
    const { servers } = await startCluster();
    const rootNodes = servers.map(({ url }) => ({ url }));
    return { servers, connect: () => createCluster({ rootNodes }) };
  },
};

const pool = async (): Promise<Setup<RedisStoreClient>> => {
  const servers = await single();
  return { servers, connect: () => createClientPool({ url: servers[0]!.url }) };
};

/** Two clients, as of two processes, by turns. */
class Clients<T> {
  #setup: Setup<T> | undefined;
  #clients: (Client & T)[] = [];
  #turn = 0;

  async start(start: () => Promise<Setup<T>>): Promise<void> {
    this.#setup = await start();
    this.#clients = [this.#setup.connect(), this.#setup.connect()];
    for (const client of this.#clients) client.on('error', () => {});
    await Promise.all(this.#clients.map((client) => client.connect()));
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) await client.destroy();
    await Promise.all(this.#setup?.servers.map((server) => server.stop()) ?? []);
  }

  next(): Client & T {
    this.#turn += 1;
    return this.#clients[this.#turn % this.#clients.length]!;
  }
}

/** A namespace for each case, which makes it begin with nothing. */
const storesOf = (clients: Clients<RedisStoreClient>): readonly ContractCase[] => {
  let cases = 0;
  return storeContract(() => {
    cases += 1;
    const namespace = `case${cases}`;
    return {
      connect: () => redisStore(clients.next(), { namespace, maxValueSize: 2 ** 22 }),
      damage: async (key) => {
        await clients.next().set(`${namespace}:v:{k${key}}`, 'foreign');
      },
    };
  });
};

const busesOf = (clients: Clients<RedisBusClient>): readonly ContractCase[] => {
  let cases = 0;
  return busContract(() => {
    cases += 1;
    const channel = `case${cases}`;
    return { connect: () => redisBus(clients.next(), { channel }) };
  });
};

for (const [name, start] of Object.entries(topologies)) {
  describe.skipIf(missing).concurrent(`redisStore and redisBus on ${name}${hint}`, () => {
    const clients = new Clients<RedisStoreClient & RedisBusClient>();
    beforeAll(() => clients.start(start), 30_000);
    afterAll(() => clients.stop());
    it.each([...storesOf(clients), ...busesOf(clients)])('$name', async ({ run }) => {
      await expect(run()).resolves.toBeUndefined();
    });
  });
}

describe.skipIf(missing).concurrent(`redisStore on a pool${hint}`, () => {
  const clients = new Clients<RedisStoreClient>();
  beforeAll(() => clients.start(pool));
  afterAll(() => clients.stop());
  it.each(storesOf(clients))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
