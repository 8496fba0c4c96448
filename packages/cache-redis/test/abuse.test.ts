import { redisBus, redisStore, type RedisBusClient, type RedisStoreClient } from '@forge/cache-redis';
import { createClient } from 'redis';
import { describe, expect, it } from 'vitest';

const client = createClient();

describe('redisStore', () => {
  it('throws at once for a wrong client', () => {
    expect(() => redisStore(undefined as unknown as RedisStoreClient)).toThrow(
      new TypeError('Cannot create a Redis store: client must be an object, got undefined'),
    );
    expect(() => redisStore({} as unknown as RedisStoreClient)).toThrow(
      new TypeError('Cannot create a Redis store: client.withTypeMapping must be a function, got undefined'),
    );
  });

  it('throws at once for a wrong option', () => {
    expect(() => redisStore(client, { namespace: 1 as unknown as string })).toThrow(TypeError);
    for (const namespace of ['', 'a{b', 'a}b', '\ud800', 'a\nb', 'x'.repeat(65)]) {
      expect(() => redisStore(client, { namespace }), namespace).toThrow(RangeError);
    }
    expect(() => redisStore(client, { prefix: 'a' } as object)).toThrow(/there is no option "prefix"/);
    expect(() => redisStore(client, { maxValueSize: '1' as unknown as number })).toThrow(TypeError);
    for (const maxValueSize of [0, 1.5, Infinity, 2 ** 30]) {
      expect(() => redisStore(client, { maxValueSize })).toThrow(RangeError);
    }
  });

  it('rejects every call of a client that was never connected', async () => {
    await expect(redisStore(client).read('key', [])).rejects.toThrow('the client is not connected');
    await expect(redisBus(client).publish('frame')).rejects.toThrow('the client is not connected');
  });
});

describe('redisBus', () => {
  it('throws at once for a wrong argument', () => {
    expect(() => redisBus(null as unknown as RedisBusClient)).toThrow(TypeError);
    expect(() => redisBus({} as unknown as RedisBusClient)).toThrow(
      'client.duplicate must be a function, got undefined',
    );
    expect(() => redisBus(client, { channel: 1 as unknown as string })).toThrow(TypeError);
    expect(() => redisBus(client, { namespace: 'a' } as object)).toThrow(/there is no option "namespace"/);
    expect(() => redisBus(client, { channel: '' })).toThrow(RangeError);
  });
});
