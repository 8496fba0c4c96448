import { AsyncLocalStorage } from 'node:async_hooks';
import { Deadlines, after, type Deadline } from '@forge/internal';
import { PoolError } from './errors.ts';
import type { Milliseconds, PoolOptions } from './options.ts';

/**
 * A lost minimum is refilled at most once in this time. Upstreams take seconds to restart, so faster only hammers one
 * that is down; callers who wait do not depend on it, for they start creates of their own.
 */
const REFILL_DELAY: Milliseconds = 1_000;

/** What tells how many creates are needed, and where they end. */
export interface CreatorLinks<C> {
  readonly connections: { readonly size: number };
  readonly waiters: { readonly size: number };
  /** `wanted` is false for a connection that nobody counts on any more: after its time-out, or after `abandon`. */
  readonly created: (connection: C, took: Milliseconds, wanted: boolean) => void;
  /** Without an error it failed because it was aborted. */
  readonly failed: (error: PoolError | undefined) => void;
}

/**
 * The creates in flight, and when to start one. It belongs to the pool, not to the caller whose need started it; it ends
 * when `create` settles or at its deadline, whichever is first, so that a `create` that hangs holds its room for no longer.
 */
export class Creator<C> {
  readonly #options: PoolOptions<C>;
  readonly #links: CreatorLinks<C>;
  readonly #deadlines: Deadlines<AbortController>;
  readonly #inFlight = new Map<AbortController, Deadline<AbortController>>();
  /** Bound, for a timer keeps alive the async context that sets it. */
  readonly #after = AsyncLocalStorage.bind(after);
  #cancelRefill: (() => void) | undefined;
  #stopped = false;

  constructor(options: PoolOptions<C>, links: CreatorLinks<C>) {
    this.#options = options;
    this.#links = links;
    this.#deadlines = new Deadlines(options.clock, (controller) => this.#timeOut(controller));
  }

  get size(): number {
    return this.#inFlight.size;
  }

  /** Whether `max` allows one more. */
  get room(): boolean {
    return this.#total < this.#options.max;
  }

  /** Starts what the callers who wait need beyond the creates in flight. */
  grow(): void {
    while (this.#links.waiters.size > this.size * this.#options.concurrency && this.room) this.#start();
  }

  /** Starts what `min` lacks. */
  refill(): void {
    this.#cancelRefill = undefined;
    while (!this.#stopped && this.#total < this.#options.min) this.#start();
  }

  /** After a loss: at once what callers need, later what `min` lacks. */
  replace(): void {
    if (this.#stopped) return;
    this.grow();
    if (this.#total >= this.#options.min) return;
    this.#cancelRefill ??= this.#after(REFILL_DELAY, () => this.refill(), { unref: true });
  }

  /** Starts no more and aborts all; they still count until they settle or time out. */
  stop(reason: Error): void {
    this.#stopped = true;
    this.#cancelRefill?.();
    for (const controller of this.#inFlight.keys()) controller.abort(reason);
  }

  /** Forgets all: whatever still arrives is not wanted. */
  abandon(): void {
    for (const controller of this.#inFlight.keys()) this.#end(controller);
  }

  get #total(): number {
    return this.#links.connections.size + this.size;
  }

  #start(): void {
    const { create, clock, createTimeout } = this.#options;
    const since = clock.now();
    const controller = new AbortController();
    const { signal } = controller;
    // Counted before `create` runs, which may call the pool.
    this.#inFlight.set(controller, this.#deadlines.add(controller, since + createTimeout));
    // Inside the promise a synchronous throw is a rejection like any other: failures never recurse.
    void new Promise<C>((resolve) => {
      resolve(create(signal));
    }).then(
      (connection) => {
        const wanted = this.#end(controller);
        this.#links.created(connection, clock.now() - since, wanted);
      },
      (cause: unknown) => {
        if (!this.#end(controller)) return;
        const message = `Cannot create a connection: ${cause instanceof Error ? cause.message : String(cause)}`;
        this.#links.failed(obeys(signal, cause) ? undefined : new PoolError('POOL_CREATE_FAILED', message, { cause }));
      },
    );
  }

  #timeOut(controller: AbortController): void {
    const { createTimeout } = this.#options;
    const error = new PoolError('POOL_CREATE_TIMEOUT', `Cannot create a connection: no answer in ${createTimeout} ms`);
    this.#end(controller);
    this.#links.failed(error);
    controller.abort(error);
  }

  /** Returns false for one that had already ended. */
  #end(controller: AbortController): boolean {
    const deadline = this.#inFlight.get(controller);
    if (deadline !== undefined) this.#deadlines.remove(deadline);
    return this.#inFlight.delete(controller);
  }
}

/** Whether a create failed by its signal and not by itself: with the reason, or with the AbortError that Node makes of it. */
function obeys(signal: AbortSignal, cause: unknown): boolean {
  return signal.aborted && (cause === signal.reason || (cause instanceof Error && cause.name === 'AbortError'));
}
