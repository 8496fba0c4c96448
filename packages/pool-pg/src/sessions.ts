import { randomInt } from 'node:crypto';
import { after, Deadlines, monotonic, type Deadline } from '@forge/internal';
import {
  ConnectionPool,
  PoolError,
  type AcquireOptions,
  type CloseOptions,
  type DestroyReason,
  type HeldLease,
  type Lease,
} from '@forge/pool';
import { cancel } from './cancel.ts';
import type { Taken } from './checkout.ts';
import { clean } from './cleaning.ts';
import { connect } from './connecting.ts';
import { end } from './ending.ts';
import { classifyError, inWordsOfPgPool } from './errors.ts';
import type { Milliseconds, ResolvedOptions } from './options.ts';
import type { Session } from './session.ts';
import { Terms } from './terms.ts';

/** Not heard of for longer than this, a connection may have died without anybody having looked. */
const UNHEARD: Milliseconds = 1;
/** By how much at most a life is shortened, so that connections that were made together do not end together. */
const SPREAD = 0.1;
const LOGS: Readonly<Partial<Record<DestroyReason, string>>> = {
  idle: 'remove idle client',
  worn: 'remove expended client',
};

/** Who is told of what happens to sessions. */
export interface SessionLinks {
  readonly connected: (session: Session) => void;
  readonly acquired: (session: Session) => void;
  readonly released: (session: Session, error: unknown) => void;
  readonly removed: (session: Session) => void;
  readonly abandoned: (session: Session) => void;
  /** Of a session that nobody had. */
  readonly failed: (error: Error, session: Session) => void;
  readonly log: (...message: unknown[]) => void;
}

/** The sessions of a pool, from connect to end: a {@link ConnectionPool} whose connections are known to be PostgreSQL's. */
export class Sessions {
  readonly pool: ConnectionPool<Session>;
  readonly #options: ResolvedOptions;
  readonly #links: SessionLinks;
  readonly #terms: Terms;
  /** With a lifetime: those that exist, and when each is too old. */
  readonly #lives = new Map<Session, Deadline<Session>>();
  readonly #lifetimes: Deadlines<Session>;
  /** Connects under way. */
  readonly #flights = new Set<AbortController>();

  constructor(options: ResolvedOptions, links: SessionLinks) {
    this.#options = options;
    this.#links = links;
    this.#terms = new Terms(options.queryTimeout);
    this.#lifetimes = new Deadlines(monotonic, (session) => this.#expire(session), { unref: true });
    this.pool = new ConnectionPool<Session>({
      ...options.sizes,
      create: (signal) => this.#connect(signal),
      destroy: (session, reason) => this.#end(session, reason),
      validate: (session) => session.run('').then(() => true),
      reset: (session) => clean(session, options.resetOnRelease, () => links.abandoned(session)),
      onClosed: (session, evict) => this.#watch(session, evict),
      classifyError,
    });
  }

  /** Those that are too old and still in use. */
  get expired(): number {
    return Array.from(this.#lives.keys()).filter(({ isExpired }) => isExpired).length;
  }

  /**
   * Takes a connection that is alive as far as anybody can know. One that has been silent gets a look: after two turns of
   * the event loop all that the kernel had received by the call has been read, an end or a reset included. So a
   * connection that was dead by then is found so before anything is sent over it, and another one can safely be taken.
   */
  async take(options: AcquireOptions | undefined): Promise<Taken> {
    const until = monotonic.now() + (options?.timeout ?? this.#options.acquireTimeout);
    let patience = options;
    for (;;) {
      const lease = await this.#acquire(patience);
      const session = lease.connection;
      if (monotonic.now() - session.heard > UNHEARD) await polled();
      if (session.isUsable) {
        session.isLeased = true;
        if (this.#options.allowExitOnIdle) session.client.ref?.();
        this.#links.acquired(session);
        return { session, lease };
      }
      lease.destroy();
      patience = { ...options, timeout: Math.max(0, until - monotonic.now()) };
    }
  }

  /** Gives a connection back, or ends it where there is an error. */
  release(taken: Taken, error: unknown): void {
    const { session, lease } = taken;
    session.isLeased = false;
    if (this.#options.allowExitOnIdle) session.client.unref?.();
    // A query that fails says nothing about other connections: what does was heard by the session.
    if (Boolean(error) || !session.isUsable) lease.destroy();
    else if (session.isAtRest) lease.release();
    else void this.#releaseAtRest(taken);
    this.#links.released(session, error);
  }

  /** Serves those who wait, ends all, and tells what had not come back in time. */
  async close(options: CloseOptions | undefined): Promise<readonly HeldLease[]> {
    const { leases } = await this.pool.drain(options);
    return leases;
  }

  async #acquire(options: AcquireOptions | undefined): Promise<Lease<Session>> {
    try {
      return await this.pool.acquire(options);
    } catch (error) {
      const isLast = error instanceof PoolError && error.code === 'POOL_ACQUIRE_TIMEOUT' && error.pending === 0;
      // A connect that took all of a caller's time must not go on for nobody.
      if (isLast && error.total === 0 && this.#flights.size > 0) {
        for (const flight of this.#flights) flight.abort(error);
        await new Promise(setImmediate);
      }
      throw inWordsOfPgPool(error);
    }
  }

  /** What its user has not waited for runs on; with a `query_timeout` no longer than that. */
  async #releaseAtRest({ session, lease }: Taken): Promise<void> {
    const stop = after(this.#options.queryTimeout, () => void cancel(session), { unref: true });
    await session.rest();
    stop();
    if (session.isUsable) lease.release();
    else lease.destroy();
  }

  async #connect(signal: AbortSignal): Promise<Session> {
    const { connected, failed, log } = this.#links;
    const flight = new AbortController();
    this.#flights.add(flight);
    log('connecting new client');
    try {
      const links = { connected, failed, govern: (session: Session) => this.#terms.govern(session) };
      return await connect(this.#options.client, links, AbortSignal.any([signal, flight.signal]));
    } catch (error) {
      log('client failed to connect', error);
      throw error;
    } finally {
      this.#flights.delete(flight);
    }
  }

  #watch(session: Session, evict: (error?: unknown) => void): void {
    const { lifetime, allowExitOnIdle } = this.#options;
    if (lifetime !== Infinity) {
      const life = lifetime * (1 - SPREAD * (randomInt(2 ** 32) / 2 ** 32));
      this.#lives.set(session, this.#lifetimes.add(session, monotonic.now() + life));
    }
    if (allowExitOnIdle) session.client.unref?.();
    session.onClosed(evict);
  }

  #expire(session: Session): void {
    this.#links.log('ending client due to expired lifetime');
    session.isExpired = true;
    session.evict();
  }

  async #end(session: Session, reason: DestroyReason): Promise<void> {
    const life = this.#lives.get(session);
    if (life !== undefined) this.#lifetimes.remove(life);
    this.#lives.delete(session);
    this.#links.log(session.isExpired ? 'remove expired client' : (LOGS[reason] ?? `remove client: ${reason}`));
    await end(session);
    this.#links.removed(session);
  }
}

/** One turn may be that of a poll which is over already. */
function polled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });
}
