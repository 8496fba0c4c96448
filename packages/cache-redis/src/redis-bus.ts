import type { InvalidationBus } from '@forge/cache';
import { after, callQuietly, functionOption, objectOption, stringOption } from '@forge/internal';
import type { RedisBusClient, RedisSubscriber } from './client.ts';
import { Commands, unavailable } from './commands.ts';
import { optionNames } from './option-names.ts';
import { publishScript } from './scripts.ts';

export interface RedisBusOptions {
  /**
   * Pub/sub channel; caches that share it hear each other.
   * @default 'forge'
   */
  readonly channel?: string;
}

/** How long a subscription may take to stand, in ms, before it counts as failed. */
const CONNECT_TIMEOUT = 5000;

/** Everything by which one of the three kinds of client tells that a connection was lost, or is back. */
const INTERRUPTIONS = [
  'error',
  'end',
  'reconnecting',
  'ready',
  'node-error',
  'node-disconnect',
  'node-reconnecting',
  'node-ready',
  'topology-change',
] as const;

/**
 * An invalidation bus on Redis pub/sub. Each subscription has a connection of its own, a duplicate of the client that
 * ends with it; the client itself stays yours.
 *
 * In a cluster it is the classic pub/sub, which every node passes on to all: invalidations are few and short, and a
 * sharded channel would tie all of them to one slot and lose its subscribers when that slot moves.
 *
 * @throws TypeError, RangeError on a wrong argument
 */
export function redisBus(client: RedisBusClient, options: RedisBusOptions = {}): InvalidationBus {
  const subject = 'create a Redis bus';
  objectOption(subject, 'client', client);
  functionOption(subject, 'client.duplicate', Reflect.get(client, 'duplicate'));
  functionOption(subject, 'client.withTypeMapping', Reflect.get(client, 'withTypeMapping'));
  objectOption(subject, 'options', options);
  optionNames(subject, options, ['channel']);
  const channel = options.channel ?? 'forge';
  stringOption(subject, 'channel', channel);
  if (channel === '') throw new RangeError(`Cannot ${subject}: channel must not be empty, got ""`);
  const commands = new Commands(client);
  const script = publishScript();
  return {
    publish: async (frame) => {
      await commands.teach(script, [], [channel, frame]);
    },
    subscribe: (onFrame, onInterrupted) => subscribe(client.duplicate(), channel, onFrame, onInterrupted),
  };
}

async function subscribe(
  subscriber: RedisSubscriber,
  channel: string,
  onFrame: (frame: string) => void,
  onInterrupted: () => void,
): Promise<() => Promise<void>> {
  let state: 'rising' | 'standing' | 'ended' = 'rising';
  // "error" is among them, and without a listener it would end the process.
  for (const event of INTERRUPTIONS) {
    subscriber.on(event, () => {
      if (state === 'standing') callQuietly(onInterrupted);
    });
  }
  const end = async (): Promise<void> => {
    if (state === 'ended') return;
    state = 'ended';
    await subscriber.destroy();
  };
  try {
    await within(CONNECT_TIMEOUT, async () => {
      await subscriber.connect();
      // It was ended before its socket was there, which `destroy` does not hold up.
      if (state === 'ended') return void subscriber.destroy();
      await subscriber.subscribe(channel, (frame) => {
        if (state !== 'ended') callQuietly(() => onFrame(frame));
      });
    });
    state = 'standing';
    return end;
  } catch (error) {
    // What it was doing fails by this, which nobody waits for any more; and how it ends is no news.
    await end().catch(() => {});
    throw error;
  }
}

/** By itself a client goes on trying for ever. */
async function within(timeout: number, run: () => Promise<void>): Promise<void> {
  let cancel = (): void => {};
  const late = new Promise<never>((_, reject) => {
    cancel = after(timeout, () => reject(unavailable(`it did not answer within ${timeout} ms`)));
  });
  try {
    await Promise.race([run(), late]);
  } finally {
    cancel();
  }
}
