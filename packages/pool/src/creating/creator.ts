import { Deadlines, type Deadline } from '@forge/internal';
import { PoolError } from '../errors.ts';
import type { Milliseconds, PoolOptions } from '../options.ts';
import type { Slot } from '../connections/slot.ts';

/** One create in flight. */
export interface Flight<C> {
  readonly controller: AbortController;
  readonly since: Milliseconds;
  /** Of {@link Failures}, as it was at the start. */
  readonly round: number;
  /** The connection that it is to replace, if it has one. */
  readonly replaces: Slot<C> | undefined;
  /** Whether all that was made before some moment is invalid, and this began before. */
  isOutdated: boolean;
  deadline: Deadline<Flight<C>> | undefined;
}

/** Where creates end. */
export interface CreatorLinks<C> {
  /** `wanted` is false for a connection that nobody counts on any more: after its time-out, or after `abandon`. */
  readonly created: (connection: C, flight: Flight<C>, wanted: boolean) => void;
  /** Without an error it failed because it was aborted. */
  readonly failed: (error: PoolError | undefined, flight: Flight<C>) => void;
}

/**
 * The creates in flight. One belongs to the pool, not to the caller whose need started it; it ends when `create` settles or
 * at its deadline, whichever is first, so that a `create` that hangs holds its room for no longer.
 */
export class Creator<C> {
  readonly #options: PoolOptions<C>;
  readonly #links: CreatorLinks<C>;
  readonly #deadlines: Deadlines<Flight<C>>;
  readonly #inFlight = new Set<Flight<C>>();

  constructor(options: PoolOptions<C>, links: CreatorLinks<C>) {
    this.#options = options;
    this.#links = links;
    this.#deadlines = new Deadlines(options.clock, (flight) => this.#timeOut(flight));
  }

  get size(): number {
    return this.#inFlight.size;
  }

  start(round: number, replaces?: Slot<C>): void {
    const { create, clock, createTimeout } = this.#options;
    const since = clock.now();
    const controller = new AbortController();
    const { signal } = controller;
    const flight: Flight<C> = { controller, since, round, replaces, isOutdated: false, deadline: undefined };
    // Counted before `create` runs, which may call the pool.
    flight.deadline = this.#deadlines.add(flight, since + createTimeout);
    this.#inFlight.add(flight);
    // Inside the promise a synchronous throw is a rejection like any other: failures never recurse.
    void new Promise<C>((resolve) => {
      resolve(create(signal));
    }).then(
      (connection) => {
        const wanted = this.#end(flight);
        this.#links.created(connection, flight, wanted);
      },
      (cause: unknown) => {
        if (!this.#end(flight)) return;
        this.#links.failed(obeys(signal, cause) ? undefined : failure(describe(cause), cause), flight);
      },
    );
  }

  /** All that are in flight began before what makes them invalid. */
  outdate(): void {
    for (const flight of this.#inFlight) flight.isOutdated = true;
  }

  /** They still count until they settle or time out. */
  abort(reason: Error): void {
    for (const { controller } of this.#inFlight) controller.abort(reason);
  }

  /** Forgets all: whatever still arrives is not wanted. */
  abandon(): void {
    for (const flight of this.#inFlight) this.#end(flight);
  }

  #timeOut(flight: Flight<C>): void {
    const { createTimeout } = this.#options;
    const error = new PoolError('POOL_CREATE_TIMEOUT', `Cannot create a connection: no answer in ${createTimeout} ms`);
    this.#end(flight);
    this.#links.failed(error, flight);
    flight.controller.abort(error);
  }

  /** Returns false for one that had already ended. */
  #end(flight: Flight<C>): boolean {
    if (flight.deadline !== undefined) this.#deadlines.remove(flight.deadline);
    return this.#inFlight.delete(flight);
  }
}

/** The error of a create that brought no connection. */
export function failure(why: string, cause?: unknown): PoolError {
  return new PoolError('POOL_CREATE_FAILED', `Cannot create a connection: ${why}`, { cause });
}

function describe(cause: unknown): string {
  if (cause instanceof Error) return cause.message;
  return typeof cause === 'string' ? cause : `it rejected with ${cause === null ? 'null' : typeof cause}`;
}

/** Whether a create failed by its signal and not by itself: with the reason, or with the AbortError that Node makes of it. */
function obeys(signal: AbortSignal, cause: unknown): boolean {
  return signal.aborted && (cause === signal.reason || (cause instanceof Error && cause.name === 'AbortError'));
}
