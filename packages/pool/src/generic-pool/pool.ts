import { EventEmitter } from 'node:events';
import { after, callQuietly, functionOption, monotonic, randomRatios } from '@forge/internal';
import { PoolError } from '../errors.ts';
import type { PoolEvents as CoreEvents } from '../events.ts';
import type { Milliseconds } from '../options.ts';
import { ConnectionPool } from '../pool/connection-pool.ts';
import type { Lease } from '../pool/lease.ts';
import { Creates } from './creates.ts';
import { inItsWords, translate } from './errors.ts';
import { Evictor, type Idle } from './evictor.ts';
import { resolveOptions, type Factory, type Options, type PoolOptions } from './options.ts';

/** What failed in the factory, as it was thrown. */
export interface PoolEvents {
  factoryCreateError: [error: unknown];
  factoryDestroyError: [error: unknown];
}

/** What is known about a resource; with a lease it is borrowed. */
interface Resource<T> extends Idle {
  lease: Lease<T> | undefined;
  idleSince: Milliseconds;
  evict: () => void;
}

/** Priorities of the pool beneath are 0 to this, the highest the most urgent. */
const MOST_URGENT = 7;

/** A {@link ConnectionPool} with the face of generic-pool: it hands out the resources themselves, and knows their leases. */
export class Pool<T> extends EventEmitter<PoolEvents> {
  readonly #options: PoolOptions;
  readonly #factory: Factory<T>;
  readonly #pool: ConnectionPool<T>;
  readonly #resources = new Map<T, Resource<T>>();
  readonly #creates: Creates<T>;
  readonly #destroys = new Set<Promise<void>>();
  readonly #evictor: Evictor;
  #state: 'new' | 'started' | 'draining' = 'new';

  /** @throws TypeError, RangeError when the factory or an option is wrong */
  constructor(factory: Factory<T>, options?: Options) {
    super();
    this.#options = resolveOptions(factory, options);
    this.#factory = factory;
    this.#creates = new Creates({
      create: () => factory.create(),
      isAwaited: () => this.pending > 0,
      failed: (error) => this.#tell('factoryCreateError', error),
      random: randomRatios(),
    });
    this.#evictor = new Evictor(this.#options, () => this.#idle());
    this.#pool = this.#build();
    this.#pool.on('connectionError', (event) => this.#report(event));
    if (this.#options.autostart) this.start();
  }

  /** Resources that exist or are being made. */
  get size(): number {
    const { totalConnections, creating } = this.#pool.getMetrics();
    return totalConnections + creating;
  }

  /** How many more there may be. */
  get spareResourceCapacity(): number {
    return this.max - this.size;
  }

  /** Those that can be borrowed now. */
  get available(): number {
    return this.#pool.getMetrics().availableConnections;
  }

  get borrowed(): number {
    return this.#pool.getMetrics().leases;
  }

  /** Callers that wait. */
  get pending(): number {
    return this.#pool.getMetrics().pending;
  }

  get max(): number {
    return this.#options.max;
  }

  get min(): number {
    return this.#options.min;
  }

  /** Makes the minimum and starts the evictor, once; `acquire` and `ready` do it by themselves. */
  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'started';
    this.#evictor.start();
    this.#pool.resize({ min: this.min });
  }

  /** @param priority from 0, the default and the most urgent, to `priorityRange` - 1 */
  acquire(priority?: number): Promise<T> {
    return this.#promise(this.#borrow(priority).then(({ connection }) => connection));
  }

  /** Gives a borrowed resource back; rejects when it is not borrowed, and so changes nothing. */
  release(resource: T): Promise<void> {
    return this.#promise(this.#return(resource, (lease) => lease.release()));
  }

  /** Ends a borrowed resource; rejects when it is not borrowed, and so changes nothing. */
  destroy(resource: T): Promise<void> {
    return this.#promise(this.#return(resource, (lease) => lease.destroy()));
  }

  /** Lends a resource to `fn`: it is released when `fn` succeeds and destroyed when it fails, unless `fn` has done that. */
  use<U>(fn: (resource: T) => U | Promise<U>, priority?: number): Promise<U> {
    functionOption('use a resource', 'fn', fn);
    return this.#promise(this.#use(fn, priority));
  }

  isBorrowedResource(resource: T): boolean {
    return this.#resources.get(resource)?.lease !== undefined;
  }

  /** Resolves when the minimum exists; rejects when it cannot be made. */
  ready(): Promise<void> {
    this.start();
    return this.#promise(this.#pool.ready());
  }

  /** Refuses newcomers, waits for those who wait and for all that is borrowed, and ends every resource. */
  drain(): Promise<void> {
    this.#state = 'draining';
    return this.#promise(this.#pool.drain({ deadline: Infinity }).then(() => this.#evictor.stop()));
  }

  /** Ends what is idle, after the creates under way; resolves when it has ended, never rejects. */
  clear(): Promise<void> {
    return this.#promise(this.#clear());
  }

  #build(): ConnectionPool<T> {
    const { max, maxWaitingClients, acquireTimeoutMillis, fifo, testOnBorrow, testOnReturn } = this.#options;
    const validate = async (resource: T): Promise<boolean> => (await this.#factory.validate?.(resource)) !== false;
    const reset = async (resource: T): Promise<void> => {
      if (!(await validate(resource))) throw new Error('The resource is not valid');
    };
    return new ConnectionPool<T>({
      create: (signal) => this.#create(signal),
      destroy: (resource) => this.#end(resource),
      onClosed: (resource, evict) => {
        const own = this.#resources.get(resource);
        if (own !== undefined) own.evict = evict;
      },
      max,
      maxPending: maxWaitingClients,
      acquireTimeout: acquireTimeoutMillis,
      order: fifo ? 'fifo' : 'lifo',
      idleTimeout: Infinity,
      // No failure is a caller's, unless five in a row, with nobody waiting or of creates that hung, open the breaker.
      createRetries: Number.MAX_SAFE_INTEGER,
      ...(testOnBorrow && { validate, validateAfter: 0, healthCheckInterval: 0 }),
      ...(testOnReturn && { reset }),
    });
  }

  /** A resource is known by itself, so that two that are equal cannot be told apart. */
  async #create(signal: AbortSignal): Promise<T> {
    const resource = await this.#creates.make(signal);
    if (this.#resources.has(resource)) throw new Error('create returned a resource that is in the pool');
    if (resource === undefined || resource === null) return resource;
    this.#resources.set(resource, { lease: undefined, idleSince: monotonic.now(), evict: () => {} });
    return resource;
  }

  #end(resource: T): Promise<void> {
    this.#resources.delete(resource);
    const ended = within(this.#options.destroyTimeoutMillis, async () => this.#factory.destroy(resource));
    this.#destroys.add(ended);
    const forget = (): void => void this.#destroys.delete(ended);
    ended.then(forget, forget);
    return ended;
  }

  async #borrow(priority: number | undefined): Promise<Lease<T>> {
    this.start();
    try {
      const lease = await this.#pool.acquire({ priority: urgency(priority, this.#options.priorityRange) });
      const own = this.#resources.get(lease.connection);
      if (own !== undefined) own.lease = lease;
      return lease;
    } catch (error) {
      throw translate(error);
    }
  }

  async #return(resource: T, how: (lease: Lease<T>) => void): Promise<void> {
    const own = this.#resources.get(resource);
    if (own?.lease === undefined) throw inItsWords(own === undefined ? 'POOL_LEASE_FOREIGN' : 'POOL_LEASE_STALE');
    const { lease } = own;
    own.lease = undefined;
    own.idleSince = monotonic.now();
    how(lease);
  }

  async #use<U>(fn: (resource: T) => U | Promise<U>, priority: number | undefined): Promise<U> {
    const lease = await this.#borrow(priority);
    const { connection } = lease;
    const isHeld = (): boolean => this.#resources.get(connection)?.lease === lease;
    try {
      const result = await fn(connection);
      if (isHeld()) await this.release(connection);
      return result;
    } catch (error) {
      if (isHeld()) await this.destroy(connection);
      throw error;
    }
  }

  async #clear(): Promise<void> {
    if (this.#creates.inFlight.size > 0) {
      await Promise.allSettled(this.#creates.inFlight);
      // What was made is in the pool some reactions later.
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const { evict } of this.#idle()) evict();
    await Promise.allSettled(this.#destroys);
  }

  #idle(): Resource<T>[] {
    return Array.from(this.#resources.values()).filter(({ lease }) => lease === undefined);
  }

  /** Tells what the factory threw, without what the pool beneath says around it. */
  #report({ error, phase }: CoreEvents['connectionError'][0]): void {
    if (phase === 'destroy') this.#tell('factoryDestroyError', error);
    if (phase !== 'create') return;
    this.#tell('factoryCreateError', error instanceof PoolError ? (error.cause ?? error) : error);
  }

  #tell(name: keyof PoolEvents, error: unknown): void {
    callQuietly(() => this.emit(name, error));
  }

  #promise<U>(promise: Promise<U>): Promise<U> {
    const { Promise: Other } = this.#options;
    if (Other === Promise) return promise;
    return new Other<U>((resolve, reject) => void promise.then(resolve, reject)) as Promise<U>;
  }
}

/** The range over that of the pool beneath. */
function urgency(priority: number | undefined, range: number): number {
  const given = Math.trunc(Number(priority)) || 0;
  const least = range - 1;
  const last = given < 0 || given > least ? least : given;
  return least === 0 ? 0 : Math.round((1 - last / least) * MOST_URGENT);
}

async function within(timeout: Milliseconds, end: () => Promise<void>): Promise<void> {
  let cancel = (): void => {};
  const late = new Promise<never>((_, reject) => {
    cancel = after(timeout, () => reject(new Error('destroy timed out')), { unref: true });
  });
  try {
    await Promise.race([end(), late]);
  } finally {
    cancel();
  }
}
