import { channel, tracingChannel, type Channel } from 'node:diagnostics_channel';
import { objectOption, stringOption } from '@forge/internal';
import type { PoolEvents } from '../events.ts';
import type { ConnectionPool } from '../pool/connection-pool.ts';
import { CHANNELS, type AcquireTrace, type PoolMessage } from './channels.ts';

export interface PublishOptions {
  /** Tells the pools of a process apart, as `db.client.connection.pool.name` of OpenTelemetry does. */
  readonly name: string;
}

/** A part of the pool that is listened to only while somebody listens to its channel. */
interface Tap {
  /** Begins or ends that, where somebody has come or everybody gone. */
  readonly follow: () => void;
  readonly stop: () => void;
}

/** So rare that a listener costs nothing. */
const RARE = {
  connectionCreated: CHANNELS.created,
  connectionDestroyed: CHANNELS.destroyed,
  connectionError: CHANNELS.error,
  leaseLeaked: CHANNELS.leaked,
  drain: CHANNELS.drain,
} as const satisfies Partial<Record<keyof PoolEvents, string>>;

/** A listener makes the pool build an event for each lease. */
const FREQUENT = {
  connectionAcquired: CHANNELS.acquired,
  connectionReleased: CHANNELS.released,
} as const satisfies Partial<Record<keyof PoolEvents, string>>;

/**
 * Publishes what a pool does, until the function that it returns is called. Without subscribers an acquire costs a few
 * looks whether there are any: what would cost each lease something, events and measures, is listened to from the first
 * acquire after a subscription until the first after its end.
 *
 * `acquire` is traced in the async context of its caller, so that a store which is bound to the `start` channel is his.
 *
 * @throws TypeError when there is no name
 */
export function publish<C>(pool: ConnectionPool<C>, options: PublishOptions): () => void {
  objectOption('publish a pool', 'the options', options);
  const { name } = options;
  stringOption('publish a pool', 'name', name);
  const message: PoolMessage = { pool: pool as ConnectionPool<unknown>, name };
  const relays = Object.entries(RARE).map(([event, to]) =>
    relay(pool, event as keyof PoolEvents, channel(to), message),
  );
  const taps = [
    ...Object.entries(FREQUENT).map(([event, to]) => {
      const target = channel(to);
      return tap(target, () => relay(pool, event as keyof PoolEvents, target, message));
    }),
    measures(pool, message),
  ];
  for (const { follow } of taps) follow();
  const restore = traceAcquires(pool, message, taps);
  return () => {
    restore();
    for (const stop of relays) stop();
    for (const { stop } of taps) stop();
  };
}

function relay<C>(pool: ConnectionPool<C>, event: keyof PoolEvents, target: Channel, message: PoolMessage): () => void {
  const listener = (told: object): void => target.publish({ ...message, ...told });
  pool.on(event, listener);
  return () => void pool.off(event, listener);
}

function measures<C>(pool: ConnectionPool<C>, message: PoolMessage): Tap {
  const target = channel(CHANNELS.measure);
  return tap(target, () =>
    pool.onMeasure((measure, value) => {
      target.publish({ ...message, measure, value });
    }),
  );
}

function tap(target: Channel, listen: () => () => void): Tap {
  let end: (() => void) | undefined;
  const stop = (): void => {
    end?.();
    end = undefined;
  };
  const follow = (): void => {
    if (!target.hasSubscribers) stop();
    else end ??= listen();
  };
  return { follow, stop };
}

/**
 * Goes before the methods of this one pool; `use` calls them too. No event tells of a caller who begins to wait, and a pool
 * without subscribers must not pay for one.
 */
function traceAcquires<C>(pool: ConnectionPool<C>, message: PoolMessage, taps: readonly Tap[]): () => void {
  const tracing = tracingChannel<unknown, AcquireTrace>(CHANNELS.acquire);
  const acquire = pool.acquire.bind(pool);
  const tryAcquire = pool.tryAcquire.bind(pool);
  let isOn = true;
  const follow = (): void => {
    if (isOn) for (const one of taps) one.follow();
  };
  const own: Pick<ConnectionPool<C>, 'acquire' | 'tryAcquire'> = {
    acquire: (options) => {
      follow();
      if (!isOn || !tracing.hasSubscribers) return acquire(options);
      return tracing.tracePromise(() => acquire(options), { ...message, options });
    },
    tryAcquire: () => {
      follow();
      return tryAcquire();
    },
  };
  const restoreAcquire = interpose(pool, 'acquire', own.acquire);
  const restoreTry = interpose(pool, 'tryAcquire', own.tryAcquire);
  return () => {
    isOn = false;
    restoreAcquire();
    restoreTry();
  };
}

/** Returns what takes it away again, unless somebody has gone before it meanwhile, who calls it still. */
function interpose<T extends object, Name extends keyof T>(object: T, name: Name, method: T[Name]): () => void {
  const before = Object.getOwnPropertyDescriptor(object, name);
  object[name] = method;
  return () => {
    if (object[name] !== method) return;
    if (before === undefined) Reflect.deleteProperty(object, name);
    else Object.defineProperty(object, name, before);
  };
}
