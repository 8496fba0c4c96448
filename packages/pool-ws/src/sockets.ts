import { after, Deadlines } from '@forge/internal';
import type { ConnectionConfig, DestroyReason, ErrorClass, Lease, Milliseconds } from '@forge/pool';
import { randomBytes } from 'node:crypto';
import { WebSocket } from 'ws';
import { Channel, type ChannelParts } from './channel.ts';
import type { WebSocketConnection } from './connection.ts';
import { kindOf, WebSocketError } from './errors.ts';
import { heartbeatTimer, type Heartbeat } from './heartbeat.ts';
import { noCounts, type Counts } from './metrics.ts';
import type { ResolvedOptions } from './options.ts';
import { LONGEST_PAUSE, Reconnects } from './reconnects.ts';
import { Subscriptions } from './subscriptions.ts';
import { Writer } from './writer.ts';

/**
 * Chunks of an unfinished message at most: with the 16 kB of a TLS record, or what one read of a socket brings, far more
 * than the largest message, and a bound for one that is sent byte by byte.
 */
const MAX_BUFFERED_CHUNKS = 65_536;

/** So much later than ours is the deadline of the core: ours says what was late. */
const SLACK: Milliseconds = 1_000;

type Config<Request, Result> = ConnectionConfig<WebSocketConnection<Request, Result>>;

/**
 * The sockets of a pool: how they are opened and ended, and what they share. For the core it is the driver.
 *
 * A socket that carries subscriptions must not end because no request needs it. When the core has no use for an idle one,
 * it is parked: out of the pool, but open. The next create returns it before a new one is opened, so that there are never
 * more than `max`.
 */
export class Sockets<Request, Result> {
  readonly counts: Counts = noCounts();
  readonly writer: Writer<Request>;
  readonly subscriptions: Subscriptions<Request, Result>;
  readonly #options: ResolvedOptions<Request, Result>;
  readonly #parts: ChannelParts<Request, Result>;
  readonly #reconnects: Reconnects;
  /** A stall of the event loop fails none whose server has answered meanwhile. */
  readonly #attempts: Deadlines<AbortController>;
  readonly #channels = new Set<Channel<Request, Result>>();
  readonly #parked = new Set<Channel<Request, Result>>();

  /** @param lease gives a channel that is open */
  constructor(
    options: ResolvedOptions<Request, Result>,
    random: (() => number) | undefined,
    lease: () => Promise<Lease<WebSocketConnection<Request, Result>>>,
  ) {
    const { clock, codec, requestTimeout } = options;
    const { counts } = this;
    const ratio = random ?? randomRatio;
    const heartbeats: Deadlines<Heartbeat> = heartbeatTimer(clock);
    this.#options = options;
    this.writer = new Writer(options);
    this.#reconnects = new Reconnects(clock, ratio);
    this.#attempts = new Deadlines(clock, (attempt) => attempt.abort(tooLate(options.handshakeTimeout)));
    this.subscriptions = new Subscriptions({
      clock,
      codec,
      counts,
      random: ratio,
      requestTimeout,
      writer: this.writer,
      lease,
      onEmptied: (channel) => {
        if (this.#parked.delete(channel)) void channel.close();
      },
    });
    this.#parts = {
      options,
      writer: this.writer,
      counts,
      heartbeats,
      onPublished: (channel, message) => this.subscriptions.published(channel, message),
      onEnded: (channel, error) => this.#ended(channel, error),
    };
  }

  /** The driver. */
  get config(): Pick<
    Config<Request, Result>,
    'create' | 'destroy' | 'onClosed' | 'concurrency' | 'classifyError' | 'createTimeout'
  > {
    const { concurrency, handshakeTimeout } = this.#options;
    return {
      create: (signal) => this.#create(signal),
      destroy: (connection, reason) => this.#destroy(connection as Channel<Request, Result>, reason),
      onClosed: (connection, evict) => {
        const channel = connection as Channel<Request, Result>;
        channel.evict = evict;
        if (!channel.isOpen) evict();
      },
      concurrency: (connection) => {
        const { outbox, strays } = connection as Channel<Request, Result>;
        return outbox.isFull ? 1 : concurrency - strays;
      },
      classifyError,
      createTimeout: LONGEST_PAUSE + handshakeTimeout + SLACK,
    };
  }

  get inFlight(): number {
    return sum(this.#channels, ({ inFlight }) => inFlight);
  }

  get bufferedAmount(): number {
    return sum(this.#channels, ({ socket }) => socket.bufferedAmount);
  }

  /** Ends the sockets that are not in the pool. */
  async invalidateParked(): Promise<void> {
    const parked = [...this.#parked];
    this.#parked.clear();
    await Promise.all(parked.map((channel) => this.#retire(channel)));
  }

  /** Closes the sockets that are not in the pool, and cuts those that have not ended by the deadline. */
  async closeParked(deadline: Milliseconds = Infinity): Promise<void> {
    const parked = [...this.#parked];
    this.#parked.clear();
    const cut = (): void => {
      for (const channel of parked) channel.terminate();
    };
    const cancel = after(deadline, cut, { unref: true });
    await Promise.all(parked.map((channel) => channel.close()));
    cancel();
  }

  /** Cuts what is still open. */
  terminate(): void {
    for (const channel of this.#channels) channel.terminate();
  }

  async #create(signal: AbortSignal): Promise<Channel<Request, Result>> {
    for (const channel of this.#parked) {
      this.#parked.delete(channel);
      return channel;
    }
    await this.#reconnects.turn(signal);
    signal.throwIfAborted();
    const attempt = new AbortController();
    const { clock, handshakeTimeout } = this.#options;
    const deadline = this.#attempts.add(attempt, clock.now() + handshakeTimeout);
    const follow = (): void => attempt.abort(signal.reason);
    signal.addEventListener('abort', follow, { once: true });
    try {
      return await this.#connect(attempt.signal);
    } finally {
      this.#attempts.remove(deadline);
      signal.removeEventListener('abort', follow);
    }
  }

  /** Opens one that can be used at once. What is under way when the signal aborts is cut. */
  async #connect(signal: AbortSignal): Promise<Channel<Request, Result>> {
    let channel: Channel<Request, Result> | undefined;
    const open = async (): Promise<Channel<Request, Result>> => {
      const [url, options] = await Promise.all([this.#options.url(), this.#options.socket()]);
      signal.throwIfAborted();
      channel = this.#dial(url, options);
      await channel.open();
      await Promise.race([this.#begin(channel, signal), channel.ended.then(rethrow)]);
      return channel;
    };
    try {
      return await Promise.race([open(), aborted(signal)]);
    } catch (error) {
      channel?.terminate();
      throw error;
    }
  }

  /** The first words on a socket. */
  async #begin(channel: Channel<Request, Result>, signal: AbortSignal): Promise<void> {
    await this.#options.prepare?.(channel, signal);
    await this.subscriptions.settleOn(channel);
  }

  /** @throws WebSocketError WS_HANDSHAKE_FAILED */
  #dial(url: string | URL, options: object): Channel<Request, Result> {
    const { protocols, maxPayload, closeTimeout } = this.#options;
    const own = { maxPayload, closeTimeout, maxBufferedChunks: MAX_BUFFERED_CHUNKS };
    const socket = openSocket(url, protocols, { perMessageDeflate: false, ...own, ...options });
    const channel = new Channel<Request, Result>(socket, this.#parts);
    this.#channels.add(channel);
    return channel;
  }

  async #destroy(channel: Channel<Request, Result>, reason: DestroyReason): Promise<void> {
    channel.evict = undefined;
    const isCarrier = this.subscriptions.carries(channel);
    if (!channel.isOpen) await channel.ended;
    else if (reason === 'error' || reason === 'destroyed') channel.terminate();
    else if (reason === 'idle' && isCarrier) this.#parked.add(channel);
    else if (reason === 'shutdown' || reason === 'late') await channel.close();
    else await this.#retire(channel);
  }

  /** Others carry its subscriptions before it ends. */
  async #retire(channel: Channel<Request, Result>): Promise<void> {
    if (this.subscriptions.carries(channel)) await this.subscriptions.move(channel);
    await channel.close();
  }

  #ended(channel: Channel<Request, Result>, error: WebSocketError): void {
    const { evict, opened, isOurs } = channel;
    channel.evict = undefined;
    this.#channels.delete(channel);
    this.#parked.delete(channel);
    if (opened !== undefined && !isOurs) this.#reconnects.ended({ opened, error });
    evict?.(isPeaceful(error) ? undefined : error);
    this.subscriptions.orphan(channel);
  }
}

/** @throws WebSocketError WS_HANDSHAKE_FAILED where ws refuses what it is given */
function openSocket(url: string | URL, protocols: string[], options: object): WebSocket {
  try {
    return new WebSocket(url, protocols, options);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WebSocketError('WS_HANDSHAKE_FAILED', `Cannot open a WebSocket: ${why}`, { cause, kind: 'fatal' });
  }
}

/** What the core is to make of an error: to whom it is told, and whether creates are tried again. */
function classifyError(error: unknown): ErrorClass {
  const kind = kindOf(error);
  if (kind === 'fatal') return 'fatal';
  return kind === 'backoff' ? 'overloaded' : 'retryable';
}

/** A close without a complaint: normal closure, going away, or no code. */
function isPeaceful({ closeCode }: WebSocketError): boolean {
  return closeCode !== undefined && [1000, 1001, 1005].includes(closeCode);
}

function tooLate(timeout: Milliseconds): WebSocketError {
  const why = `Cannot open a WebSocket: it was not ready within ${timeout} ms`;
  return new WebSocketError('WS_HANDSHAKE_TIMEOUT', why, { kind: 'retry' });
}

function rethrow(error: unknown): never {
  throw error;
}

/** Rejects with the reason of the signal. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

function randomRatio(): number {
  return randomBytes(4).readUInt32LE() / 2 ** 32;
}

function sum<T>(items: Iterable<T>, value: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += value(item);
  return total;
}
