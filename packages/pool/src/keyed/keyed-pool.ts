import { AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { emit, functionOption, stringOption } from '@forge/internal';
import { PoolError, type PoolErrorCode } from '../errors.ts';
import { Group, type GroupEvents } from '../group/group.ts';
import type { MeasureListener, PoolMetrics } from '../metrics.ts';
import type { AcquireOptions, CloseOptions } from '../options.ts';
import { deadlineOf, type CloseResult } from '../pool/closing.ts';
import type { Lease } from '../pool/lease.ts';
import { measure } from '../pool/parts.ts';
import { patienceOf, type Patience } from '../pool/waiters.ts';
import { Budget } from './budget.ts';
import { KeyPool } from './key-pool.ts';
import { resolveKeyed, type KeyedOptions, type KeyedPoolOptions } from './options.ts';

const LONGEST_KEY = 4096;
const ACQUIRE = 'acquire a connection';

/** Those of a ConnectionPool, each with the `key`. */
export interface KeyedPoolEvents<K extends string> extends GroupEvents<{ readonly key: K }> {
  /** The queue, which had refused a caller with POOL_QUEUE_FULL, is half empty: it takes callers again. */
  drain: [event: { readonly pending: number }];
}

/** The sums of the metrics of all keys, of those that are forgotten too; `utilizationRate` is the mean over connections. */
export interface KeyedPoolMetrics extends PoolMetrics {
  readonly keys: number;
  /** Keys that wait for their part of `maxTotal`. */
  readonly waitingKeys: number;
}

/**
 * A pool of connections for each of many keys (hosts, sessions, users), under one bound. A connection that was made for
 * one key serves no other, ever.
 *
 * @example
 * const pool = new KeyedPool({ create: (host: string, signal) => connect(host, { signal }), max: 5, maxTotal: 100 });
 * const answer = await pool.use('a.example', (connection) => connection.ask());
 */
export class KeyedPool<K extends string, C> extends EventEmitter<KeyedPoolEvents<K>> implements AsyncDisposable {
  readonly #options: KeyedOptions<K, C>;
  readonly #budget: Budget<C, KeyPool<K, C>>;
  readonly #pools = new Map<K, KeyPool<K, C>>();
  readonly #group: Group<C, { readonly key: K }>;
  /** Of the pool, not of the caller who comes first with a key. */
  readonly #scope = new AsyncResource('forge.KeyedPool');
  /** Of a caller who says nothing. */
  readonly #patience: Patience;
  #rejected = 0;
  /** A caller was refused since the queue was half empty. */
  #wasFull = false;

  /** @throws TypeError, RangeError when an option is wrong */
  constructor(options: KeyedPoolOptions<K, C>) {
    super();
    this.#options = resolveKeyed(options);
    const { common, maxTotal } = this.#options;
    this.#budget = new Budget(common.clock, maxTotal);
    this.#group = new Group(this);
    this.#patience = { timeout: common.acquireTimeout, signal: undefined, priority: 0 };
  }

  /**
   * Leases a connection of this key, as a ConnectionPool does. Where `maxTotal` leaves no room for one, the idle connection
   * of the key that has rested longest is destroyed for it, or the key waits until it is its turn.
   *
   * @throws TypeError, RangeError at once when an argument is wrong
   * @throws PoolError as a ConnectionPool, or POOL_KEYS_FULL (all as rejections)
   */
  acquire(key: K, options?: AcquireOptions): Promise<Lease<C>> {
    checkKey(key);
    const { common, maxKeys } = this.#options;
    const { maxPending } = common;
    const patience = options === undefined ? this.#patience : patienceOf(options, common.acquireTimeout);
    if (!this.#group.isOpen) return Promise.reject(this.#refusal('POOL_CLOSED', 'the pool is closed'));
    if (this.#budget.waiting >= maxPending && patience.signal?.aborted !== true) {
      const lease = this.tryAcquire(key);
      if (lease !== undefined) return Promise.resolve(lease);
      this.#wasFull = true;
      return Promise.reject(this.#refusal('POOL_QUEUE_FULL', `maxPending is ${maxPending}`));
    }
    const pool = this.#pools.get(key) ?? this.#open(key);
    if (pool === undefined) {
      return Promise.reject(this.#refusal('POOL_KEYS_FULL', `all of ${maxKeys} keys are in use`));
    }
    this.#budget.touch(pool);
    const lease = pool.parts.exchange.acquire(patience);
    pool.settled();
    return lease;
  }

  /**
   * Leases a connection of this key that is ready now, or returns undefined; it never starts a create.
   *
   * @throws TypeError, RangeError when the key is wrong; PoolError POOL_CLOSED
   */
  tryAcquire(key: K): Lease<C> | undefined {
    checkKey(key);
    if (!this.#group.isOpen) throw this.#refusal('POOL_CLOSED', 'the pool is closed');
    const pool = this.#pools.get(key);
    if (pool === undefined) return undefined;
    this.#budget.touch(pool);
    const lease = pool.parts.exchange.tryAcquire();
    pool.settled();
    return lease;
  }

  /** Runs `fn` with a connection of this key and releases it however `fn` ends, as a ConnectionPool does. */
  use<T>(key: K, fn: (connection: C, lease: Lease<C>) => T | PromiseLike<T>, options?: AcquireOptions): Promise<T> {
    functionOption('use a connection', 'fn', fn);
    return this.acquire(key, options).then(async (lease) => {
      try {
        return await fn(lease.connection, lease);
      } finally {
        lease[Symbol.dispose]();
      }
    });
  }

  /** Ends every connection of this key that exists or is being made, leased ones when they come back. */
  invalidate(key: K): void {
    this.#pools.get(key)?.invalidate();
  }

  invalidateAll(): void {
    for (const pool of this.#pools.values()) pool.invalidate();
  }

  /** Keys that have connections or callers, or whose creates fail, in the order in which they came. */
  keys(): readonly K[] {
    return [...this.#pools.keys()];
  }

  getMetrics(): KeyedPoolMetrics {
    const sum = this.#group.getMetrics();
    return Object.freeze({
      ...sum,
      rejected: sum.rejected + this.#rejected,
      keys: this.#pools.size,
      waitingKeys: this.#budget.claiming,
    });
  }

  /** Of one key since it was last forgotten; undefined when it has nothing. */
  metricsOf(key: K): PoolMetrics | undefined {
    const pool = this.#pools.get(key);
    return pool && measure(pool.parts);
  }

  /** Adds a listener for `wait`, `create` and `use` of all keys, in ms, and returns the function that removes it. */
  onMeasure(listener: MeasureListener): () => void {
    return this.#group.onMeasure(listener);
  }

  /** As of a ConnectionPool, for all keys. */
  drain(options: CloseOptions = {}): Promise<CloseResult> {
    return this.#group.end('drain', deadlineOf('drain the pool', options));
  }

  /** As of a ConnectionPool, for all keys. */
  close(options: CloseOptions = {}): Promise<CloseResult> {
    return this.#group.end('close', deadlineOf('close the pool', options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Returns undefined when there are too many keys already. */
  #open(key: K): KeyPool<K, C> | undefined {
    if (this.#pools.size >= this.#options.maxKeys && !this.#giveUp()) return undefined;
    const options = this.#options.of(key);
    const settled = (each: KeyPool<K, C>): void => this.#settled(each);
    const pool = this.#scope.runInAsyncScope(() => new KeyPool(key, options, this.#budget, settled));
    this.#pools.set(key, pool);
    this.#group.add(pool, { key });
    return pool;
  }

  /** Ends what the key has that has rested longest, or forgets one whose creates failed. */
  #giveUp(): boolean {
    for (const pool of this.#budget.idle) {
      if (!pool.isAtRest) continue;
      while (pool.idle > 0) pool.cede();
      this.#forget(pool);
      return true;
    }
    for (const pool of this.#pools.values()) {
      if (!pool.isBare) continue;
      this.#forget(pool);
      return true;
    }
    return false;
  }

  #settled(pool: KeyPool<K, C>): void {
    if (this.#wasFull) this.#relieve();
    if (this.#pools.get(pool.key) !== pool) return this.#dismiss(pool);
    // One whose creates fail is remembered: its breaker spares the upstream, and callers their wait.
    const isRemembered = this.#group.isOpen && pool.parts.failures.failing;
    if (pool.isBare && !isRemembered) this.#forget(pool);
  }

  #forget(pool: KeyPool<K, C>): void {
    this.#pools.delete(pool.key);
    this.#budget.leave(pool);
    pool.parts.demand.stop();
    this.#dismiss(pool);
  }

  /** Of a pool that is forgotten, as soon as `close` need not wait for what it destroys. */
  #dismiss(pool: KeyPool<K, C>): void {
    if (pool.parts.departures.inFlight > 0) return;
    void pool.parts.closing.close(0);
    this.#group.remove(pool);
  }

  #relieve(): void {
    const pending = this.#budget.waiting;
    if (pending > this.#options.common.maxPending / 2) return;
    this.#wasFull = false;
    emit(this, 'drain', () => ({ pending }));
  }

  #refusal(code: PoolErrorCode, why: string): PoolError {
    this.#rejected += 1;
    const { taken, waiting } = this.#budget;
    const state = `${this.#pools.size} keys, ${taken} connections and creates, ${waiting} callers waiting`;
    return new PoolError(code, `Cannot ${ACQUIRE}: ${why} (${state})`, { pending: waiting });
  }
}

function checkKey(key: unknown): void {
  stringOption(ACQUIRE, 'the key', key);
  const { length } = key as string;
  if (length > LONGEST_KEY) {
    throw new RangeError(`Cannot ${ACQUIRE}: the key must have <= ${LONGEST_KEY} characters, got ${length}`);
  }
}
