import type { IncomingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';
import { after, type Link, type List } from '@forge/internal';
import { PoolError, type AcquireOptions, type Clock, type Lease, type Milliseconds } from '@forge/pool';
import { errors, type Dispatcher } from 'undici';
import { ConnectionGone, type HttpConnection } from './connection.ts';
import type { RequestOptions } from './destination.ts';
import { isLocal, isRefusal, unwrap } from './failures.ts';
import type { Origin } from './origin.ts';
import { queueingOf } from './queueing.ts';
import { Relay } from './relay.ts';
import type { Route } from './route.ts';

/** What every exchange of a pool shares. */
export interface ExchangeLinks {
  readonly clock: Clock;
  readonly acquireTimeout: Milliseconds;
  readonly acquire: (key: string, options: AcquireOptions) => Promise<Lease<HttpConnection>>;
  /** A connection that is free now. @throws PoolError POOL_CLOSED */
  readonly tryAcquire: (key: string) => Lease<HttpConnection> | undefined;
  /** The error of a request that the end of the pool concerns; undefined while it is open. */
  readonly closed: () => Error | undefined;
  /** A request left a connection that had closed, unsent, for another. */
  readonly moved: () => void;
  /** One waits from now on. */
  readonly queued: (exchange: Exchange) => void;
  /** It waits no more, nor does its origin count it. */
  readonly left: (exchange: Exchange, origin: Origin) => void;
}

/** Connections that close one after the other under a request that was not sent, before it fails. */
const MOST_MOVES = 3;

type Controller = Dispatcher.DispatchController;

/** Settled, so that what is done behind it runs when undici has finished with the event that it is telling of. */
const NOW = Promise.resolve();

/**
 * One request on its way: to a route, to a connection, and through it. It stands before the caller's handler, to know when
 * the lease of the connection has to end, which is once, however the request does; and when the request has not been
 * written, to take it to another connection.
 *
 * Nothing of the request is touched before a connection is there. Then all that the caller's handler sees is undici's.
 */
export class Exchange implements Dispatcher.DispatchHandler, Link<Exchange> {
  /** Of those that wait. */
  list: List<Exchange> | undefined;
  previous: Exchange | undefined;
  next: Exchange | undefined;
  readonly #links: ExchangeLinks;
  readonly #origin: Origin;
  readonly #options: RequestOptions;
  readonly #handler: Dispatcher.DispatchHandler;
  #route: Route | undefined;
  #lease: Lease<HttpConnection> | undefined;
  #relay: Relay | undefined;
  #unwatch: (() => void) | undefined;
  #since: Milliseconds = -1;
  #moves = 0;
  #isWaiting = false;
  #isWritten = false;
  #isOver = false;

  constructor(links: ExchangeLinks, origin: Origin, options: RequestOptions, handler: Dispatcher.DispatchHandler) {
    this.#links = links;
    this.#origin = origin;
    this.#options = options;
    this.#handler = handler;
  }

  /** Sends the request if a connection is free; else it waits, and false is returned. */
  start(): boolean {
    try {
      this.#route = this.#origin.route(this.#options);
      const lease = this.#route && this.#links.tryAcquire(this.#route.key);
      if (lease === undefined) this.#queue();
      else this.#send(lease);
      return lease !== undefined;
    } catch (error) {
      this.#fail(unwrap(error));
      return false;
    }
  }

  /** Fails it if it waits. */
  cancel(reason: Error): void {
    if (!this.#isWaiting) return;
    this.#relay?.leave(reason);
    this.#fail(reason);
    this.#leave();
  }

  onRequestStart(controller: Controller, context: unknown): void {
    this.#isWritten = true;
    if (this.#relay === undefined) this.#handler.onRequestStart?.(controller, context);
    else this.#relay.follow(controller);
  }

  onRequestUpgrade(controller: Controller, statusCode: number, headers: IncomingHttpHeaders, socket: Duplex): void {
    // A stream needs its connection further on; a socket is all there was of it.
    if (this.#lease?.connection.isMultiplexed === true) socket.once('close', () => this.#giveBack());
    else this.#giveBack();
    this.#route?.succeeded();
    this.#handler.onRequestUpgrade?.(this.#relay ?? controller, statusCode, headers, socket);
    this.#isOver = true;
  }

  onResponseStarted(): void {
    this.#handler.onResponseStarted?.();
  }

  onResponseStart(controller: Controller, status: number, headers: IncomingHttpHeaders, message?: string): void {
    this.#route?.answered(status);
    this.#handler.onResponseStart?.(this.#relay ?? controller, status, headers, message);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    this.#handler.onResponseData?.(this.#relay ?? controller, chunk);
  }

  onResponseEnd(controller: Controller, trailers: IncomingHttpHeaders): void {
    this.#giveBack();
    // It may throw, which undici tells as an error.
    this.#handler.onResponseEnd?.(this.#relay ?? controller, trailers);
    this.#isOver = true;
    this.#route?.succeeded();
  }

  onResponseError(controller: Controller, error: Error): void {
    const isUnsent = this.#isUnsent(error);
    this.#giveBack();
    if (this.#isOver) return;
    if (isUnsent && this.#moves < MOST_MOVES && this.#links.closed() === undefined) {
      this.#moves += 1;
      this.#links.moved();
      this.#route?.left();
      this.#route = this.#origin.route(this.#options);
      this.#queue();
      return;
    }
    this.#fail(error, controller);
  }

  onBodySent(chunk: Buffer): void {
    this.#handler.onBodySent?.(chunk);
  }

  onRequestSent(): void {
    this.#handler.onRequestSent?.();
  }

  #send(lease: Lease<HttpConnection>): void {
    this.#lease = lease;
    this.#isWritten = false;
    lease.connection.client.dispatch(this.#options, this);
  }

  /** Whether its connection closed before undici wrote anything of it, or the server said that it has not looked at it. */
  #isUnsent(error: Error): boolean {
    if (error instanceof ConnectionGone) return true;
    return (
      !this.#isWritten && this.#lease?.connection.isDead === true && !(error instanceof errors.InvalidArgumentError)
    );
  }

  /** Behind the event that undici is telling of: only then it is known whether the connection outlives it. */
  #giveBack(): void {
    const lease = this.#lease;
    if (lease === undefined) return;
    this.#lease = undefined;
    void NOW.then(() => {
      const { connection } = lease;
      connection.learn();
      if (connection.isDead) lease.destroy();
      else lease.release();
    });
  }

  #fail(error: Error, controller?: Controller): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#route?.failed(error);
    this.#handler.onResponseError?.((this.#relay ?? controller) as Controller, error);
  }

  /** Waits for a connection, for the first time or again; what it sets, `#leave` takes back. */
  #queue(): void {
    this.#isWaiting = true;
    this.#origin.waiting += 1;
    this.#links.queued(this);
    this.#unwatch = watchBody(this.#options.body, this);
    try {
      this.#meet();
      if (!this.#isOver) return this.#acquire();
    } catch (error) {
      this.#fail(error as Error);
    }
    this.#leave();
  }

  /** However often it is told. */
  #leave(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#unwatch?.();
    this.#origin.waiting -= 1;
    this.#links.left(this, this.#origin);
  }

  /** Gives the caller the means to give up, which he else has only once the request is written. */
  #meet(): void {
    if (this.#relay !== undefined) return this.#relay.follow(undefined);
    this.#relay = new Relay(this);
    this.#handler.onRequestStart?.(this.#relay, null);
  }

  /** By one deadline, whatever happens on the way. */
  #acquire(): void {
    const { clock, acquireTimeout, acquire } = this.#links;
    const { priority = 0, timeout = acquireTimeout } = queueingOf(this.#options);
    const now = clock.now();
    if (this.#since < 0) this.#since = now;
    const left = Math.max(0, this.#since + timeout - now);
    if (this.#route === undefined) return this.#find(left);
    const { signal } = this.#relay!;
    let acquiring: Promise<Lease<HttpConnection>>;
    try {
      acquiring = acquire(this.#route.key, { signal, priority, timeout: left });
    } catch (error) {
      return this.#refused(error);
    }
    acquiring.then(
      (lease) => {
        this.#leave();
        if (this.#isOver) lease.release();
        else this.#send(lease);
      },
      (error: unknown) => this.#refused(error),
    );
  }

  #find(left: Milliseconds): void {
    const expire = (): void => this.#refused(new PoolError('POOL_ACQUIRE_TIMEOUT', 'Cannot find an endpoint in time'));
    const cancel = after(left, expire);
    this.#origin.find(this.#options).then(
      (route) => {
        cancel();
        this.#route = route;
        if (!this.#isOver) return this.#acquire();
        route.left();
        this.#leave();
      },
      (error: unknown) => {
        cancel();
        this.#refused(error);
      },
    );
  }

  #refused(error: unknown): void {
    // What is missing is here and not there: a connection that comes back will do.
    if (isLocal(error) && !this.#isOver) return this.#acquire();
    const other = this.#route !== undefined && isRefusal(error) && !this.#isOver;
    const route = other ? this.#origin.reroute(this.#route!, error, this.#options) : undefined;
    if (route !== undefined) {
      this.#route = route;
      this.#acquire();
      return;
    }
    this.#fail(isClosed(error) ? (this.#links.closed() ?? error) : unwrap(error));
    this.#leave();
  }
}

function isClosed(error: unknown): error is PoolError {
  return error instanceof PoolError && error.code === 'POOL_CLOSED';
}

/** A stream that fails while its request waits has no other listener yet. */
function watchBody(body: unknown, exchange: Exchange): (() => void) | undefined {
  if (typeof body !== 'object' || body === null || !('on' in body) || typeof body.on !== 'function') return undefined;
  const stream = body as Duplex;
  const failed = (error: Error): void => exchange.cancel(error);
  stream.on('error', failed);
  return () => stream.off('error', failed);
}
