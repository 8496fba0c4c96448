import { CacheError } from '@forge/cache';
import type { RedisArgument, RedisCommands, RedisStoreClient } from './client.ts';
import type { Script } from './scripts.ts';

/** Commands without an answer above which no more are sent: what hangs may not collect without end. */
const MOST_UNANSWERED = 10_000;

/** Keys of one command, for the server does nothing else meanwhile. */
const MOST_UNLINKED = 1000;

/**
 * Sends commands by a client that it does not own, as binary data.
 *
 * A client that is not connected would keep the commands until it is: they are refused instead. It does so before the
 * call leaves the current tick, so that commands of one tick share one write and one round trip.
 */
export class Commands {
  readonly #client: RedisStoreClient;
  readonly #commands: RedisCommands;
  #unanswered = 0;

  constructor(client: RedisStoreClient) {
    this.#client = client;
    this.#commands = client.withTypeMapping({ 36: Buffer });
  }

  /** Runs a script that Redis knows. @throws what {@link isUnknownScript} tells, when it does not */
  run(script: Script, keys: string[], args: RedisArgument[]): Promise<unknown> {
    return this.#send((commands) => commands.evalSha(script.sha, { keys, arguments: args }));
  }

  /** Runs a script, which the server that has the keys knows from then on. */
  teach(script: Script, keys: string[], args: RedisArgument[]): Promise<unknown> {
    return this.#send((commands) => commands.eval(script.source, { keys, arguments: args }));
  }

  /** Makes a script known to every master. */
  teachAll(script: Script): Promise<unknown> {
    return this.#send((commands) => commands.scriptLoad(script.source));
  }

  /** Deletes keys of any slots, which a cluster client parts among its nodes, in one round trip. */
  async unlink(keys: string[]): Promise<void> {
    const sent: Promise<unknown>[] = [];
    for (let from = 0; from < keys.length; from += MOST_UNLINKED) {
      sent.push(this.#send((commands) => commands.unlink(keys.slice(from, from + MOST_UNLINKED))));
    }
    await Promise.all(sent);
  }

  async #send(call: (commands: RedisCommands) => Promise<unknown>): Promise<unknown> {
    if (this.#client.isReady === false) throw unavailable('the client is not connected');
    if (this.#unanswered >= MOST_UNANSWERED) {
      throw unavailable(`it owes answers to ${MOST_UNANSWERED} commands`);
    }
    this.#unanswered += 1;
    try {
      return await call(this.#commands);
    } finally {
      this.#unanswered -= 1;
    }
  }
}

export function unavailable(reason: string): CacheError {
  return new CacheError('CACHE_STORE_UNAVAILABLE', `Cannot ask Redis: ${reason}`);
}

/** Whether the server said that it does not know a script: it was started after the script was taught, or flushed. */
export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}
