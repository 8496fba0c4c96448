/**
 * Redis, or Valkey, as the second tier and the invalidation bus of `@forge/cache`.
 *
 * @example
 * import { ResponseCache } from '@forge/cache';
 * import { redisBus, redisStore } from '@forge/cache-redis';
 * import { createClient } from 'redis';
 *
 * const client = await createClient({ url }).on('error', log).connect();
 * const cache = new ResponseCache<Page>({ store: redisStore(client), bus: redisBus(client) });
 *
 * @module
 */
export type {
  BinaryReplies,
  RedisArgument,
  RedisBusClient,
  RedisCommands,
  RedisStoreClient,
  RedisSubscriber,
  ScriptCall,
} from './client.ts';
export { redisBus, type RedisBusOptions } from './redis-bus.ts';
export { redisStore, type RedisStoreOptions } from './redis-store.ts';
