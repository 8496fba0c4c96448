import { callQuietly, functionOption } from '@forge/internal';
import { ConnectionPool, type AcquireOptions, type CloseOptions, type CloseResult, type Lease } from '@forge/pool';
import type { Channel } from './channel.ts';
import type { ConnectionRequestOptions, WebSocketConnection } from './connection.ts';
import { isWebSocketError } from './errors.ts';
import type { Call } from './in-flight.ts';
import type { JsonRpcCall } from './json-rpc.ts';
import { ADDED_KINDS, type WebSocketMetricKinds, type WebSocketPoolMetrics } from './metrics.ts';
import type { Permit } from './outbox.ts';
import { resolveOptions, type ResolvedOptions, type WebSocketPoolOptions } from './options.ts';
import { Sockets } from './sockets.ts';
import { subscribed, Subscription, type SubscribeOptions } from './subscription.ts';

/** How one message waits. */
export interface NotifyOptions extends ConnectionRequestOptions {
  /** 0 to 7, higher is sooner, of the wait for a socket, as of {@link AcquireOptions}. @default 0 */
  readonly priority?: number;
}

/** How one request waits, and whether it may be sent again. */
export interface RequestOptions extends NotifyOptions {
  /** Whether the server may get it twice: then it is sent again when its socket ends before the answer. @default false */
  readonly idempotent?: boolean;
}

/** How often an idempotent request is sent again: a socket that ends each time may end because of it. */
const MOST_RETRIES = 2;

type LeaseOf<Request, Result> = Lease<WebSocketConnection<Request, Result>>;

/** What to do with a channel that is leased for a call. */
type Send<Request, Result, T> = (channel: Channel<Request, Result>, permit: Permit) => Promise<T>;

/**
 * Requests over pooled WebSockets: many in flight on one socket, and subscriptions that outlive it.
 *
 * @example
 * const pool = new WebSocketPool({ url: 'wss://api.example/rpc' });
 * const sum = await pool.request({ method: 'add', params: [1, 2] }, { timeout: 500, idempotent: true });
 */
export class WebSocketPool<Request = JsonRpcCall, Result = unknown> extends ConnectionPool<
  WebSocketConnection<Request, Result>
> {
  declare readonly metricKinds: WebSocketMetricKinds;
  readonly #options: ResolvedOptions<Request, Result>;
  readonly #sockets: Sockets<Request, Result>;

  /** @throws TypeError, RangeError when an option is wrong */
  constructor(options: WebSocketPoolOptions<Request, Result>) {
    const resolved = resolveOptions(options);
    const sockets = new Sockets(resolved, options.random, () => this.#lease({}));
    super({ ...shared(options), max: resolved.max, ...sockets.config });
    this.metricKinds = Object.freeze({ ...this.metricKinds, ...ADDED_KINDS });
    this.#options = resolved;
    this.#sockets = sockets;
  }

  /**
   * Sends a request and resolves with its result.
   *
   * @throws TypeError, RangeError at once when an option is wrong; what the codec throws
   * @throws WebSocketError WS_REMOTE_ERROR, WS_REQUEST_TIMEOUT, and when the socket ends before the answer WS_CLOSED,
   *   WS_HEARTBEAT_LOST or WS_BAD_FRAMES; PoolError when no socket is free or can be opened, as of `acquire` (all as
   *   rejections)
   */
  request(payload: Request, options: RequestOptions = {}): Promise<Result> {
    const call = this.#sockets.writer.call(payload, options);
    return this.#deliver(call, options, (channel, permit) => channel.ask(call, permit)).then(
      ({ result }) => result as Result,
    );
  }

  /**
   * Sends a message that is not answered; resolves when it is written to a socket.
   *
   * @throws TypeError, RangeError at once when an option is wrong; what the codec throws
   * @throws PoolError as of `acquire` (as a rejection)
   */
  notify(payload: Request, options: NotifyOptions = {}): Promise<void> {
    const call = this.#sockets.writer.message(payload, options);
    return this.#deliver(call, options, (channel, permit) => channel.post(call, permit));
  }

  /**
   * Opens a subscription, and again on another socket whenever its socket ends; `onMessage` gets its messages, in order.
   * Resolves when the server has confirmed it for the first time.
   *
   * @throws TypeError, RangeError at once when an option is wrong; what the codec throws
   * @throws as of `request`, and WebSocketError WS_BAD_ANSWER, WS_OVERLOADED (all as rejections)
   */
  subscribe(
    payload: Request,
    onMessage: (message: Result) => unknown,
    options: SubscribeOptions<Request, Result> = {},
  ): Promise<Subscription> {
    const subject = 'subscribe';
    functionOption(subject, 'onMessage', onMessage);
    const { subscriptions, writer } = this.#sockets;
    const call = writer.call(payload, options);
    functionOption(subject, 'unsubscribe', options.unsubscribe, true);
    functionOption(subject, 'onResume', options.onResume, true);
    const self = subscribed(call, onMessage, options);
    const open = async (): Promise<Subscription> => {
      subscriptions.add(self);
      try {
        // With its socket the server forgets it, so that nothing is done twice.
        await this.#deliver(call, { ...options, idempotent: true }, (channel, permit) =>
          subscriptions.open(channel, self, call, permit),
        );
      } catch (error) {
        subscriptions.end(self, error);
        throw error;
      }
      return new Subscription(self.ended, () => subscriptions.unsubscribe(self));
    };
    return open();
  }

  override getMetrics(): WebSocketPoolMetrics {
    const { counts, inFlight, bufferedAmount, subscriptions } = this.#sockets;
    return Object.freeze({
      ...super.getMetrics(),
      ...counts,
      inFlight,
      bufferedAmount,
      subscriptions: subscriptions.size,
      homelessSubscriptions: subscriptions.homeless,
    });
  }

  /** As of the core; subscriptions are moved to new sockets before the old ones end. */
  override invalidateAll(): void {
    super.invalidateAll();
    callQuietly(() => this.#sockets.invalidateParked());
  }

  /** As of the core; subscriptions end at once. */
  override drain(options?: CloseOptions): Promise<CloseResult> {
    return this.#shut(super.drain(options), options);
  }

  /** As of the core; subscriptions end at once, and what is in flight at the deadline gets WS_CLOSED. */
  override close(options?: CloseOptions): Promise<CloseResult> {
    return this.#shut(super.close(options), options);
  }

  async #shut(closed: Promise<CloseResult>, { deadline }: CloseOptions = {}): Promise<CloseResult> {
    const parked = this.#sockets.closeParked(deadline);
    this.#sockets.subscriptions.close();
    const [result] = await Promise.all([closed, parked]);
    this.#sockets.terminate();
    return result;
  }

  /** Of a channel that is open: between a close frame and the end of the connection the core has not heard of it. */
  async #lease(options: AcquireOptions): Promise<LeaseOf<Request, Result>> {
    for (;;) {
      const lease = await this.acquire(options);
      if ((lease.connection as Channel<Request, Result>).isOpen) return lease;
      lease.destroy();
    }
  }

  async #deliver<T>(
    { at }: Call,
    { signal, priority, idempotent }: RequestOptions,
    send: Send<Request, Result, T>,
  ): Promise<T> {
    const { acquireTimeout, clock } = this.#options;
    for (let retries = 0; ; retries += 1) {
      const timeout = Math.min(acquireTimeout, Math.max(0, at - clock.now()));
      const lease = await this.#lease({ timeout, ...(signal && { signal }), ...(priority && { priority }) });
      const permit = permitFor(lease);
      try {
        return await send(lease.connection as Channel<Request, Result>, permit);
      } catch (error) {
        const isHarmless = idempotent === true || !permit.isSent;
        if (!isHarmless || retries >= MOST_RETRIES || clock.now() >= at || !isCurable(error)) throw error;
        this.#sockets.counts.retries += 1;
      } finally {
        permit.done();
      }
    }
  }
}

/** Ends the lease when it is ended: with its message, or when the socket that this has filled has drained. */
interface LeasePermit extends Permit {
  /** To be called when the message is done. */
  readonly done: () => void;
}

function permitFor<Request, Result>(lease: LeaseOf<Request, Result>): LeasePermit {
  const channel = lease.connection as Channel<Request, Result>;
  let isDone = false;
  let onStrayed = (): void => {};
  const permit = {
    isKept: false,
    isSent: false,
    end: () => {
      if (!isDone) onStrayed = channel.stray();
      lease[Symbol.dispose]();
    },
    done: () => {
      isDone = true;
      onStrayed();
      if (!permit.isKept) permit.end();
    },
  };
  return permit;
}

/** What an idempotent request may be sent again after: the end of its socket, unless it may be to blame. */
function isCurable(error: unknown): boolean {
  return isWebSocketError(error) && (error.kind === 'retry' || error.kind === 'backoff');
}

/** The options that the core knows itself. */
function shared<Request, Result>(
  options: WebSocketPoolOptions<Request, Result>,
): Omit<WebSocketPoolOptions<Request, Result>, 'url'> {
  const names = [
    'min',
    'idleTimeout',
    'maxLifetime',
    'acquireTimeout',
    'maxPending',
    'leakThreshold',
    'clock',
    'random',
  ] as const;
  return Object.fromEntries(names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])));
}
