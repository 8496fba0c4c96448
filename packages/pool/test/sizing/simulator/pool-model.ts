import type { ElasticLimit } from '../../../src/sizing/elasticity.ts';
import type { Demand } from '../../../src/sizing/grow-gate.ts';
import type { Backend } from './backend.ts';
import type { Happening, VirtualTime } from './virtual-time.ts';

/** When to start creates: the shipped gate, or what another pool does in its place. */
export interface GrowPolicy {
  /** A caller who finds nothing idle gets a create of its own and takes nothing else. */
  readonly bound?: boolean;
  startable(demand: Demand): number;
  nextLookAt(): number;
  createTook(took: number): void;
  heldFor(held: number): void;
}

export interface PoolModelOptions {
  readonly time: VirtualTime;
  readonly policy: GrowPolicy;
  readonly backend: Backend;
  /** How long one try to connect takes and whether it succeeds; one that fails is tried again after `backoff`. */
  readonly create: () => { readonly took: number; readonly fails?: boolean };
  readonly backoff?: number;
  readonly min?: number;
  readonly max?: number;
  /** Decides `max` in its place. */
  readonly limit?: ElasticLimit;
  readonly idleTimeout?: number;
  readonly order?: 'lifo' | 'fifo';
}

interface Waiter {
  readonly size: number;
  readonly since: number;
  readonly done: (() => void) | undefined;
}

/**
 * The sizing of a pool and nothing else: who waits, what is idle, what is being created, in virtual time. A place that
 * comes free goes to the caller who has waited longest, whether a release or a create brought it.
 */
export class PoolModel {
  readonly waits: number[] = [];
  created = 0;
  failed = 0;
  completed = 0;
  largest = 0;
  size: number;
  readonly #options: PoolModelOptions;
  readonly #idle: number[] = [];
  #waiters: Waiter[] = [];
  #head = 0;
  #creating = 0;
  /** Connection-milliseconds that were open. */
  #openTime = 0;
  #openSince = 0;
  #look: Happening | undefined;
  #expiry: Happening | undefined;

  /** Starts with `min` connections that are warm: their creates have been timed. */
  constructor(options: PoolModelOptions) {
    this.#options = options;
    this.size = options.min ?? 0;
    for (let made = 0; made < this.size; made += 1) {
      this.#idle.push(options.time.now());
      options.policy.createTook(options.create().took);
    }
  }

  get waiting(): number {
    return this.#waiters.length - this.#head;
  }

  get busy(): number {
    return this.size - this.#idle.length;
  }

  /** Over time, from the start until now. */
  get averageSize(): number {
    this.#resize(0);
    return this.#openTime / this.#options.time.now();
  }

  /** Acquires, holds a connection for a job of `size`, releases it and calls `done`. */
  request(size: number, done?: () => void): void {
    const waiter = { size, since: this.#options.time.now(), done };
    if (this.#idle.length > 0) {
      if (this.#options.order === 'fifo') this.#idle.shift();
      else this.#idle.pop();
      this.#serve(waiter);
    } else if (this.#options.policy.bound === true && this.#room > 0) {
      this.#start(waiter);
    } else {
      this.#waiters.push(waiter);
      this.#grow();
    }
  }

  get #max(): number {
    return this.#options.limit?.limit ?? this.#options.max ?? Infinity;
  }

  get #room(): number {
    return this.#max - this.size - this.#creating;
  }

  #serve(waiter: Waiter): void {
    const { time, backend, policy, limit } = this.#options;
    const began = time.now();
    this.waits.push(began - waiter.since);
    backend.run(waiter.size, () => {
      this.completed += 1;
      policy.heldFor(time.now() - began);
      limit?.completed({ waiters: this.waiting, size: this.size });
      waiter.done?.();
      this.#free();
      this.#grow();
    });
  }

  #resize(by: number): void {
    const now = this.#options.time.now();
    this.#openTime += this.size * (now - this.#openSince);
    this.#openSince = now;
    this.size += by;
    this.largest = Math.max(this.largest, this.size);
  }

  #free(): void {
    if (this.size > this.#max) return this.#resize(-1);
    const waiter = this.#waiters[this.#head];
    if (waiter === undefined) {
      this.#idle.push(this.#options.time.now());
      this.#watch();
      return;
    }
    this.#head += 1;
    if (this.#head > 1000 && this.#head * 2 > this.#waiters.length) {
      this.#waiters = this.#waiters.slice(this.#head);
      this.#head = 0;
    }
    this.#serve(waiter);
  }

  #grow(): void {
    const { time, policy } = this.#options;
    const demand = {
      waiters: this.waiting,
      busy: this.size,
      creating: this.#creating,
      room: this.#room,
      concurrency: 1,
    };
    for (let left = policy.startable(demand); left > 0; left -= 1) this.#start();
    if (this.#look !== undefined) this.#look.run = undefined;
    const at = policy.nextLookAt();
    // Real timers fire at whole milliseconds, late rather than early.
    this.#look = at === Infinity ? undefined : time.after(Math.ceil(at - time.now()), () => this.#grow());
  }

  #start(own?: Waiter): void {
    this.#creating += 1;
    this.#connect(own);
  }

  #connect(own: Waiter | undefined): void {
    const { time, policy, create, backoff = 50 } = this.#options;
    const { took, fails = false } = create();
    time.after(took, () => {
      if (fails) {
        this.failed += 1;
        time.after(backoff, () => this.#connect(own));
        return;
      }
      this.#creating -= 1;
      this.created += 1;
      this.#resize(1);
      policy.createTook(took);
      if (own !== undefined) this.#serve(own);
      else this.#free();
      this.#grow();
    });
  }

  #watch(): void {
    const { time, idleTimeout = Infinity, min = 0 } = this.#options;
    const [oldest] = this.#idle;
    if (this.#expiry !== undefined || oldest === undefined || idleTimeout === Infinity || this.size <= min) return;
    this.#expiry = time.at(oldest + idleTimeout, () => {
      this.#expiry = undefined;
      while (this.size > min && (this.#idle[0] ?? Infinity) + idleTimeout <= time.now()) {
        this.#idle.shift();
        this.#resize(-1);
      }
      this.#watch();
    });
  }
}
