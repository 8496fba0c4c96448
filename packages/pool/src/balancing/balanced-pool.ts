import { AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { AbortWatch, after, emit, functionOption } from '@forge/internal';
import { PoolError, type PoolErrorCode } from '../errors.ts';
import { Group, type GroupEvents } from '../group/group.ts';
import { labelled } from '../group/options.ts';
import type { MeasureListener, PoolMetrics } from '../metrics.ts';
import type { AcquireOptions, CloseOptions, PoolOptions } from '../options.ts';
import { deadlineOf, type CloseResult } from '../pool/closing.ts';
import type { Lease } from '../pool/lease.ts';
import { measure } from '../pool/parts.ts';
import { patienceOf, Waiters, type Patience } from '../pool/waiters.ts';
import type { Milliseconds } from '../units.ts';
import { Balancer, type EndpointStatus } from './balancer.ts';
import { EndpointPool } from './endpoint-pool.ts';
import { resolveBalanced, type BalancedPoolOptions } from './options.ts';
import { Search, type Caller, type Chance } from './search.ts';
import type { Turn } from './turn.ts';

/** Those of a ConnectionPool, each with the `endpoint`. */
export interface BalancedPoolEvents<E> extends GroupEvents<{ readonly endpoint: E }> {
  endpointEjected: [event: { readonly endpoint: E }];
  /** One that was ejected is used again. */
  endpointRestored: [event: { readonly endpoint: E }];
  /** The queue, which had refused a caller with POOL_QUEUE_FULL, is half empty: it takes callers again. */
  drain: [event: { readonly pending: number }];
}

/**
 * The sums of the metrics of all endpoints, of those that have left too; but `timeouts`, `aborted`, `rejected` and `pending`
 * count callers, of whom one may try several endpoints.
 */
export interface BalancedPoolMetrics extends PoolMetrics {
  readonly endpoints: number;
  readonly ejectedEndpoints: number;
  /** Endpoints that callers tried beyond their first. */
  readonly detours: number;
}

const SUBJECT = 'acquire a connection';
/** Between two looks for an endpoint to probe, while callers wait and none has room. */
const SHORTEST_LOOK: Milliseconds = 100;

/**
 * Pools of connections to several endpoints that do the same, behind one queue. Each lease comes from the better of two
 * endpoints, chosen at random, by load, latency and failures; one that fails is left alone for a while, see
 * {@link Balancer}. A caller whose create fails, or takes too long, is served by another endpoint.
 *
 * @example
 * const pool = new BalancedPool({ endpoints: ['10.0.0.1', '10.0.0.2'], create: (host, signal) => connect(host, { signal }) });
 * const answer = await pool.use((connection) => connection.ask());
 */
export class BalancedPool<E, C> extends EventEmitter<BalancedPoolEvents<E>> implements AsyncDisposable {
  readonly #options: PoolOptions<C>;
  readonly #balancer: Balancer<E>;
  readonly #pools = new Map<E, EndpointPool<E, C>>();
  readonly #group: Group<C, { readonly endpoint: E }>;
  /** Callers whom no endpoint has room for; the others wait for a create, in the queue of an endpoint. */
  readonly #waiters: Waiters<Lease<C>>;
  readonly #aborts: AbortWatch<Search<E, C>>;
  /** Of the pool, not of whoever calls `setEndpoints`. */
  readonly #scope = new AsyncResource('forge.BalancedPool');
  /** Of a caller who says nothing. */
  readonly #patience: Patience;
  readonly #counts = { timeouts: 0, aborted: 0, rejected: 0, detours: 0 };
  readonly #ended: Promise<CloseResult>;
  #end!: (result: Promise<CloseResult>) => void;
  #state: 'open' | 'draining' | 'closed' = 'open';
  #searching = 0;
  /** A caller was refused since the queue was half empty. */
  #wasFull = false;
  #cancelLook: (() => void) | undefined;
  #cancelDrain: () => void = () => {};

  /** @throws TypeError, RangeError when an option is wrong */
  constructor(options: BalancedPoolOptions<E, C>) {
    super();
    this.#options = resolveBalanced(options);
    const { acquireTimeout, clock, random } = this.#options;
    this.#patience = { timeout: acquireTimeout, signal: undefined, priority: 0 };
    this.#group = new Group(this);
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#waiters = new Waiters(
      clock,
      (waited) => this.#timedOut(waited),
      () => void (this.#counts.aborted += 1),
    );
    this.#aborts = new AbortWatch((search, reason) => search.abort(reason));
    this.#balancer = new Balancer<E>({
      endpoints: [],
      inFlight: (endpoint) => this.#pools.get(endpoint)?.load ?? 0,
      onChange: (endpoint, state) => {
        emit(this, state === 'ejected' ? 'endpointEjected' : 'endpointRestored', () => ({ endpoint }));
      },
      clock,
      random,
    });
    this.setEndpoints(options.endpoints);
  }

  /**
   * Leases a connection to some endpoint: one that is ready at once, else the first that is made or becomes free. Callers
   * for whom no endpoint has room are served in order of calling within a priority.
   *
   * @throws TypeError, RangeError at once when an option is wrong
   * @throws PoolError as a ConnectionPool, with the error of the endpoint tried last (all as rejections)
   */
  acquire(options?: AcquireOptions): Promise<Lease<C>> {
    const { acquireTimeout, clock, maxPending } = this.#options;
    const patience = options === undefined ? this.#patience : patienceOf(options, acquireTimeout);
    const { timeout, signal, priority } = patience;
    if (this.#state !== 'open') return Promise.reject(this.#refusal('POOL_CLOSED', 'the pool is closed'));
    if (signal?.aborted === true) {
      this.#counts.aborted += 1;
      return Promise.reject(signal.reason as Error);
    }
    const chance = this.#waiters.size === 0 ? this.#choose() : undefined;
    const lease = chance && take(chance);
    if (lease !== undefined) return Promise.resolve(lease);
    if (this.#pending >= maxPending) {
      chance?.turn.cancelled();
      this.#wasFull = true;
      return Promise.reject(this.#refusal('POOL_QUEUE_FULL', `maxPending is ${maxPending}`));
    }
    if (chance !== undefined) return this.#search({ due: clock.now() + timeout, signal, priority }, chance);
    const served = this.#waiters.join(patience, clock.now());
    this.#watch();
    return served;
  }

  /**
   * Leases a connection that is ready now, or returns undefined; it never starts a create.
   *
   * @throws PoolError POOL_CLOSED
   */
  tryAcquire(): Lease<C> | undefined {
    if (this.#state !== 'open') throw this.#refusal('POOL_CLOSED', 'the pool is closed');
    if (this.#waiters.size > 0) return undefined;
    const chance = this.#choose();
    const lease = chance && take(chance);
    if (lease === undefined) chance?.turn.cancelled();
    return lease;
  }

  /** Runs `fn` with a connection and releases it however `fn` ends, as a ConnectionPool does. */
  use<T>(fn: (connection: C, lease: Lease<C>) => T | PromiseLike<T>, options?: AcquireOptions): Promise<T> {
    functionOption('use a connection', 'fn', fn);
    return this.acquire(options).then(async (lease) => {
      try {
        return await fn(lease.connection, lease);
      } finally {
        lease[Symbol.dispose]();
      }
    });
  }

  /**
   * Balances over these endpoints from now on. One that is new is used at once; of one that leaves, idle connections end
   * now and leased ones when they come back.
   *
   * @throws TypeError when they cannot be iterated; PoolError POOL_CLOSED
   */
  setEndpoints(endpoints: Iterable<E>): void {
    if (this.#state === 'closed') throw new PoolError('POOL_CLOSED', 'Cannot set the endpoints: the pool is closed');
    this.#balancer.setEndpoints(endpoints);
    const wanted = new Set(this.#balancer.endpoints);
    const left = [...this.#pools.values()].filter(({ endpoint }) => !wanted.has(endpoint));
    for (const endpoint of wanted) if (!this.#pools.has(endpoint)) this.#open(endpoint);
    for (const pool of left) this.#retire(pool, wanted.size > 0);
    this.#look();
  }

  /** Ends every connection of this endpoint that exists or is being made, leased ones when they come back. */
  invalidate(endpoint: E): void {
    this.#pools.get(endpoint)?.invalidate();
  }

  invalidateAll(): void {
    for (const pool of this.#pools.values()) pool.invalidate();
  }

  endpoints(): readonly E[] {
    return this.#balancer.endpoints;
  }

  getMetrics(): BalancedPoolMetrics {
    const states = this.endpoints().map((endpoint) => this.#balancer.statusOf(endpoint)?.state);
    return Object.freeze({
      ...this.#group.getMetrics(),
      ...this.#counts,
      pending: this.#pending,
      endpoints: states.length,
      ejectedEndpoints: states.filter((state) => state === 'ejected' || state === 'probing').length,
    });
  }

  /** Of the pool of one endpoint, with what the balancer knows of it; undefined for one that is none. */
  metricsOf(endpoint: E): (PoolMetrics & EndpointStatus) | undefined {
    const pool = this.#pools.get(endpoint);
    const status = this.#balancer.statusOf(endpoint);
    return pool && status && Object.freeze({ ...measure(pool.parts), ...status });
  }

  /** Adds a listener for `wait`, `create` and `use` of all endpoints, in ms, and returns the function that removes it. */
  onMeasure(listener: MeasureListener): () => void {
    return this.#group.onMeasure(listener);
  }

  /** As of a ConnectionPool, for all endpoints. */
  drain(options: CloseOptions = {}): Promise<CloseResult> {
    const patience = deadlineOf('drain the pool', options);
    if (this.#state !== 'open') return this.#ended;
    this.#state = 'draining';
    this.#cancelDrain = after(patience, () => this.#close(0));
    void this.#ended.then(this.#cancelDrain);
    this.#look();
    return this.#ended;
  }

  /** As of a ConnectionPool, for all endpoints. */
  close(options: CloseOptions = {}): Promise<CloseResult> {
    const patience = deadlineOf('close the pool', options);
    if (this.#state !== 'closed') this.#close(patience);
    return this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Callers who have no lease yet. */
  get #pending(): number {
    return this.#waiters.size + this.#searching;
  }

  #open(endpoint: E): void {
    const options = labelled(this.#options, endpoint);
    const pool = this.#scope.runInAsyncScope(() => new EndpointPool<E, C>(endpoint, options, () => this.#look()));
    // A create belongs to no caller, so that its failure is told whether or not one still waits for it.
    pool.on('connectionError', ({ phase }) => {
      if (phase === 'create') this.#balancer.begin(endpoint)?.failed();
    });
    this.#pools.set(endpoint, pool);
    this.#group.add(pool, { endpoint });
    if (pool.parts.sizing.least > 0) queueMicrotask(() => pool.parts.demand.refill());
  }

  /** Its leases end when they end; who waits for a create of it goes to another endpoint, if any is left. */
  #retire(pool: EndpointPool<E, C>, hasOthers: boolean): void {
    const { closing } = pool.parts;
    this.#pools.delete(pool.endpoint);
    void (hasOthers ? closing.close(Infinity) : closing.drain(Infinity)).then(() => this.#group.remove(pool));
  }

  /** An endpoint that has room. */
  #choose(): Chance<E, C> | undefined {
    const turn = this.#balancer.pick();
    if (turn === undefined) return undefined;
    const pool = this.#pools.get(turn.endpoint)!;
    if (pool.hasRoom) return { pool, turn };
    turn.cancelled();
    return this.#chance(this.#balancer.pick({ accepts: (endpoint) => this.#pools.get(endpoint)!.hasRoom }));
  }

  #chance(turn: Turn<E> | undefined): Chance<E, C> | undefined {
    return turn && { turn, pool: this.#pools.get(turn.endpoint)! };
  }

  /** An endpoint that is not tried: one with room, else one whose queue he joins, before those who wait for any. */
  #another(tried: ReadonlySet<E>, isLost: boolean): Chance<E, C> | undefined {
    const isLeft = (endpoint: E): boolean => !tried.has(endpoint);
    const hasRoom = (endpoint: E): boolean => isLeft(endpoint) && this.#pools.get(endpoint)!.hasRoom;
    const turn =
      this.#balancer.pick({ accepts: hasRoom }) ?? this.#balancer.pick({ accepts: isLeft, lastResort: isLost });
    return this.#chance(turn);
  }

  #search(caller: Caller, chance: Chance<E, C>): Promise<Lease<C>> {
    const search = new Search<E, C>(caller, {
      clock: this.#options.clock,
      createTimeout: this.#options.createTimeout,
      next: (tried, isLost) => this.#another(tried, isLost),
      left: (tried) => this.endpoints().filter((endpoint) => !tried.has(endpoint)).length,
      isFinal: (error) => this.#state === 'closed' || codeOf(error) === 'POOL_ACQUIRE_TIMEOUT',
      ended: (ended, error) => this.#count(ended, error),
    });
    this.#searching += 1;
    if (caller.signal !== undefined) this.#aborts.add(caller.signal, search);
    search.try(chance);
    return search.lease;
  }

  #count(search: Search<E, C>, error: unknown): void {
    const { signal } = search.caller;
    this.#searching -= 1;
    this.#counts.detours += search.detours;
    if (signal !== undefined) this.#aborts.remove(signal, search);
    if (error !== undefined) this.#counts[lossOf(error, signal)] += 1;
    this.#look();
  }

  /** After each change: serves those who wait, and goes on to what waits for them. */
  #look(): void {
    while (this.#waiters.size > 0) {
      const chance = this.#choose();
      if (chance === undefined) break;
      const { deadline, signal, resolve } = this.#waiters.shift()!;
      resolve(this.#search({ due: deadline?.at ?? Infinity, signal, priority: 0 }, chance) as never);
    }
    this.#watch();
    if (this.#wasFull && this.#pending <= this.#options.maxPending / 2) {
      this.#wasFull = false;
      emit(this, 'drain', () => ({ pending: this.#pending }));
    }
    if (this.#state === 'draining' && this.#pending === 0) this.#end(this.#group.end('drain', Infinity));
  }

  /** An endpoint that is to be probed has room for those who wait, though nothing else would tell. */
  #watch(): void {
    if (this.#waiters.size === 0) {
      this.#cancelLook?.();
      this.#cancelLook = undefined;
      return;
    }
    const { probeAt } = this.#balancer;
    if (this.#cancelLook !== undefined || probeAt === Infinity) return;
    const wake = (): void => {
      this.#cancelLook = undefined;
      this.#look();
    };
    const delay = Math.max(SHORTEST_LOOK, probeAt - this.#options.clock.now());
    this.#cancelLook = this.#scope.runInAsyncScope(() => after(delay, wake));
  }

  #close(patience: Milliseconds): void {
    this.#state = 'closed';
    this.#cancelDrain();
    const reason = this.#refusal('POOL_CLOSED', 'the pool is closed');
    for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift())
      waiter.reject(reason);
    this.#watch();
    this.#end(this.#group.end('close', patience));
  }

  #timedOut(waited: Milliseconds): PoolError {
    this.#counts.timeouts += 1;
    const why = `no endpoint had a free place in ${Math.round(waited)} ms`;
    return this.#error('POOL_ACQUIRE_TIMEOUT', why, waited);
  }

  #refusal(code: PoolErrorCode, why: string): PoolError {
    this.#counts.rejected += 1;
    return this.#error(code, why);
  }

  #error(code: PoolErrorCode, why: string, waited?: Milliseconds): PoolError {
    const pending = this.#pending;
    const state = `${this.#pools.size} endpoints, ${pending} callers waiting`;
    return new PoolError(code, `Cannot ${SUBJECT}: ${why} (${state})`, {
      pending,
      ...(waited === undefined ? {} : { waited }),
    });
  }
}

/** A lease that is there at once. */
function take<E, C>({ pool, turn }: Chance<E, C>): Lease<C> | undefined {
  const lease = pool.parts.exchange.tryAcquire();
  return lease && pool.lend(lease, turn);
}

function codeOf(error: unknown): unknown {
  return error instanceof PoolError ? error.code : undefined;
}

/** As what a caller counts who did not get a lease. */
function lossOf(error: unknown, signal: AbortSignal | undefined): 'timeouts' | 'aborted' | 'rejected' {
  if (signal?.aborted === true && error === signal.reason) return 'aborted';
  return codeOf(error) === 'POOL_ACQUIRE_TIMEOUT' ? 'timeouts' : 'rejected';
}
