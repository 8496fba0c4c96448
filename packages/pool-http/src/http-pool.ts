import type { EventEmitter } from 'node:events';
import { callQuietly, List, Measures } from '@forge/internal';
import { KeyedPool, type Clock, type MeasureListener } from '@forge/pool';
import { Client, Dispatcher, errors } from 'undici';
import { connect, type HttpConnection } from './connection.ts';
import { connectorsOf } from './connectors.ts';
import { destinationOf, leadsTo, type RequestOptions } from './destination.ts';
import { Exchange, type ExchangeLinks } from './exchange.ts';
import { classifyConnect } from './failures.ts';
import { checkHandler } from './handlers.ts';
import { metricKinds, type HttpMetricKinds, type HttpPoolMetrics } from './metrics.ts';
import { resolveOptions, type HttpPoolOptions, type ResolvedOptions } from './options.ts';
import type { Origin } from './origin.ts';
import { Origins } from './origins.ts';

type Callback = () => void;

/** A connection that waits for its first request is closed after this, if not by its server; later undici's time-outs hold. */
const LONGEST_IDLE = 600_000;

/** Of undici. */
const CONNECT_TIMEOUT = 10_000;

/** For a connector that keeps no time. */
const GRACE = 5_000;

/**
 * A dispatcher whose requests, to any origin, share pools of connections.
 *
 * @example
 * const dispatcher = new HttpPool({ connections: 20 });
 * const { body } = await request('https://example.com/', { dispatcher });
 */
export class HttpPool extends Dispatcher implements AsyncDisposable {
  readonly metricKinds: HttpMetricKinds = metricKinds;
  /** Limits that a WebSocket of undici takes from its dispatcher. */
  readonly webSocketOptions: Readonly<Client.WebSocketOptions>;
  /** Limits that an EventSource of undici takes from its dispatcher. */
  readonly eventSourceOptions: Readonly<Client.EventSourceOptions>;
  readonly #clock: Clock;
  readonly #origins: Origins;
  readonly #pool: KeyedPool<string, HttpConnection>;
  readonly #links: ExchangeLinks;
  readonly #measures = new Measures();
  readonly #waiting = new List<Exchange>();
  /** Sockets that are closing. */
  readonly #ending = new Set<Promise<void>>();
  #moved = 0;
  /** What requests fail with that the end of the pool concerns. */
  #end: Error | undefined;
  #isDestroyed = false;
  /** Told when nobody waits any more. */
  #served: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  /** @throws TypeError, RangeError when an option is wrong; undici's InvalidArgumentError when one of its own is */
  constructor(options: HttpPoolOptions = {}) {
    super();
    const resolved = resolveOptions(options);
    this.webSocketOptions = { ...resolved.client.webSocket };
    this.eventSourceOptions = { ...resolved.client.eventSource };
    this.#clock = resolved.clock;
    this.#pool = this.#open(resolved);
    this.#origins = new Origins(resolved.maxOrigins, {
      ...resolved,
      removed: (origin, endpoint) => {
        for (const key of this.#pool.keys()) if (leadsTo(key, endpoint, origin)) this.#pool.invalidate(key);
      },
    });
    this.#links = this.#link(resolved);
  }

  /** Whether it accepts no more requests. */
  get closed(): boolean {
    return this.#end !== undefined;
  }

  /** Whether no request is left. */
  get destroyed(): boolean {
    return this.#isDestroyed;
  }

  /** @returns false when the request had to queue: then wait for `drain` before the next one */
  override dispatch(options: RequestOptions, handler: Dispatcher.DispatchHandler): boolean {
    checkHandler(handler, options);
    try {
      const origin = this.#originOf(options);
      if (this.#end !== undefined)
        throw this.#isDestroyed ? new errors.ClientDestroyedError() : new errors.ClientClosedError();
      const isSent = new Exchange(this.#links, origin, options, handler).start();
      if (!isSent && origin.waiting > 0) origin.needsDrain = true;
      return isSent;
    } catch (error) {
      // There is no controller of a request that never was one.
      handler.onResponseError?.(null as unknown as Dispatcher.DispatchController, error as Error);
      return false;
    }
  }

  /**
   * Refuses new requests, serves those that wait, and resolves when all have ended; it waits for responses that nobody
   * reads, too, until `destroy` is called.
   */
  override close(callback: Callback): void;
  override close(): Promise<void>;
  override close(callback?: Callback): Promise<void> | void {
    this.#end ??= new errors.ClientClosedError();
    this.#closing ??= this.#drain();
    return callback === undefined ? this.#closing : void tell(this.#closing, callback);
  }

  /** Fails all requests with the error, those that wait and those that are under way, and closes all connections. */
  override destroy(error: Error | null, callback: Callback): void;
  override destroy(callback: Callback): void;
  override destroy(error: Error | null): Promise<void>;
  override destroy(): Promise<void>;
  override destroy(error: Error | Callback | null = null, callback?: Callback): Promise<void> | void {
    if (typeof error === 'function') return this.destroy(null, error);
    if (!this.#isDestroyed) this.#end = error ?? new errors.ClientDestroyedError();
    this.#isDestroyed = true;
    // Each leaves the list.
    const waiting = Array.from(this.#waiting);
    for (const exchange of waiting) exchange.cancel(this.#end!);
    return callback === undefined ? this.#force() : void tell(this.#force(), callback);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** As a frozen snapshot. */
  getMetrics(): HttpPoolMetrics {
    const origins = Array.from(this.#origins.all);
    return Object.freeze({
      ...this.#pool.getMetrics(),
      origins: origins.length,
      endpoints: origins.reduce((sum, { endpoints }) => sum + endpoints, 0),
      ejected: origins.reduce((sum, { ejected }) => sum + ejected, 0),
      moved: this.#moved,
    });
  }

  /**
   * Adds a listener for `wait` (of each request, for a connection), `create` and `connection` (how long one took to open,
   * and how long it lived) and `use` (of a connection by a request), in ms, and returns the function that removes it.
   */
  onMeasure(listener: MeasureListener): () => void {
    const remove = [this.#pool.onMeasure(listener), this.#measures.add(listener)];
    return () => {
      for (const each of remove) each();
    };
  }

  #open({ client, clock, connections, random, ...options }: ResolvedOptions): KeyedPool<string, HttpConnection> {
    const partsOf = connectorsOf(client);
    return new KeyedPool<string, HttpConnection>({
      create: (key, signal) => this.#connect(key, partsOf, signal),
      destroy: (connection) => this.#disconnect(connection),
      onClosed: (connection, evict) => {
        connection.onLeft((error) => {
          evict();
          announce(this, 'disconnect', connection.destination.origin, [this, connection.client], error);
        });
      },
      concurrency: (connection) => connection.places,
      classifyError: classifyConnect,
      max: connections,
      maxTotal: options.maxTotal,
      maxKeys: options.maxOrigins,
      maxPending: options.maxPending,
      maxLifetime: options.maxLifetime,
      acquireTimeout: options.acquireTimeout,
      idleTimeout: client.keepAliveMaxTimeout ?? LONGEST_IDLE,
      // undici's connector has a time-out of its own, with an error that its users know.
      createTimeout: (client.connectTimeout ?? CONNECT_TIMEOUT) + GRACE,
      // Whoever waits has other endpoints to try, or is told at once, as by undici.
      createRetries: 0,
      clock,
      ...(random === undefined ? undefined : { random }),
    });
  }

  #link({ clock, acquireTimeout }: ResolvedOptions): ExchangeLinks {
    return {
      clock,
      acquireTimeout,
      acquire: (key, how) => this.#pool.acquire(key, how),
      tryAcquire: (key) => this.#pool.tryAcquire(key),
      closed: () => this.#end,
      moved: () => {
        this.#moved += 1;
      },
      queued: (exchange) => this.#waiting.push(exchange),
      left: (exchange, origin) => this.#left(exchange, origin),
    };
  }

  async #connect(key: string, partsOf: ReturnType<typeof connectorsOf>, signal: AbortSignal): Promise<HttpConnection> {
    const destination = destinationOf(key);
    try {
      const connection = await connect(destination, partsOf(destination.allowsH2), signal);
      connection.openedAt = this.#clock.now();
      announce(this, 'connect', destination.origin, [this, connection.client]);
      return connection;
    } catch (error) {
      announce(this, 'connectionError', destination.origin, [this], error);
      throw error;
    }
  }

  #disconnect(connection: HttpConnection): Promise<void> {
    this.#measures.record('connection', this.#clock.now() - connection.openedAt);
    const ending = connection.destroy(this.#end ?? null).finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
    return ending;
  }

  /** The pool refuses newcomers as soon as it drains, and who waits may have to queue there once more. */
  async #drain(): Promise<void> {
    if (this.#waiting.size > 0) {
      await new Promise<void>((resolve) => {
        this.#served = resolve;
      });
    }
    await this.#pool.drain({ deadline: Infinity });
    await this.#ended();
  }

  async #force(): Promise<void> {
    await this.#pool.close({ deadline: 0 });
    await this.#ended();
  }

  async #ended(): Promise<void> {
    this.#isDestroyed = true;
    await Promise.all(this.#ending);
  }

  #originOf(options: RequestOptions): Origin {
    if (Object(options) !== options) throw new errors.InvalidArgumentError('opts must be an object.');
    const { origin } = options;
    if (typeof origin === 'string' || origin instanceof URL) return this.#origins.get(origin);
    throw new errors.InvalidArgumentError('opts.origin must be a non-empty string or URL.');
  }

  #left(exchange: Exchange, origin: Origin): void {
    this.#waiting.remove(exchange);
    if (this.#waiting.size === 0) this.#served?.();
    if (!origin.needsDrain || origin.waiting > 0) return;
    origin.needsDrain = false;
    announce(this, 'drain', origin.url, [this]);
  }
}

/** A listener that throws breaks no request. */
function announce(emitter: EventEmitter, name: string, ...event: unknown[]): void {
  callQuietly(() => emitter.emit(name, ...event));
}

async function tell(ended: Promise<void>, callback: Callback): Promise<void> {
  await ended;
  callback();
}
