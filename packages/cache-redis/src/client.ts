/** An argument of a command, kept as the bytes that it is. */
export type RedisArgument = string | Buffer;

/** The keys of a script and what else it gets. */
export interface ScriptCall {
  readonly keys: string[];
  readonly arguments: RedisArgument[];
}

/** The commands that the store sends. */
export interface RedisCommands {
  evalSha(sha: string, call: ScriptCall): Promise<unknown>;
  eval(source: string, call: ScriptCall): Promise<unknown>;
  scriptLoad(source: string): Promise<unknown>;
  unlink(keys: string[]): Promise<unknown>;
}

/** Replies of the protocol's type `$`, blob strings, as the bytes that they are. */
export interface BinaryReplies {
  readonly 36: BufferConstructor;
}

/**
 * What `redisStore` needs of a client: those of `createClient`, `createCluster`, `createSentinel` and `createClientPool`
 * have it. Described by its shape rather than by the names of redis, so that nothing of redis is loaded here, and a
 * client of any modules, scripts and type mapping fits.
 */
export interface RedisStoreClient {
  /** Undefined for a client that does not tell, such as a pool. */
  readonly isReady?: boolean;
  withTypeMapping(mapping: BinaryReplies): RedisCommands;
}

/** What `redisBus` needs of a client: those of `createClient`, `createCluster` and `createSentinel` have it. */
export interface RedisBusClient extends RedisStoreClient {
  duplicate(): RedisSubscriber;
}

/** A connection that the bus owns. */
export interface RedisSubscriber {
  on(event: string, listener: () => void): unknown;
  connect(): Promise<unknown>;
  subscribe(channel: string, listener: (frame: string) => void): Promise<unknown>;
  destroy(): unknown;
}
