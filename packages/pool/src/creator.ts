import { Deadlines, type Deadline } from '@forge/internal';
import { PoolError } from './errors.ts';
import type { Milliseconds, PoolOptions } from './options.ts';

interface Creation {
  readonly controller: AbortController;
  deadline: Deadline<Creation> | undefined;
}

/** Where creations end: each calls exactly one of `created` and `failed`, and `late` may follow a time-out. */
export interface CreatorOwner<C> {
  created(connection: C, took: Milliseconds): void;
  failed(error: PoolError): void;
  /** A connection came although nobody counts on it any more: after its time-out, or after `abandon`. */
  late(connection: C): void;
}

/**
 * The creations in flight. One belongs to the pool, not to the caller whose need started it; it ends when `create`
 * settles or at its deadline, whichever is first, so that a `create` that hangs holds its room for no longer.
 */
export class Creator<C> {
  readonly #creations = new Set<Creation>();
  readonly #options: PoolOptions<C>;
  readonly #owner: CreatorOwner<C>;
  readonly #deadlines: Deadlines<Creation>;

  constructor(options: PoolOptions<C>, owner: CreatorOwner<C>) {
    this.#options = options;
    this.#owner = owner;
    this.#deadlines = new Deadlines(options.clock, (creation) => this.#timeOut(creation));
  }

  get size(): number {
    return this.#creations.size;
  }

  start(): void {
    const { create, clock, createTimeout } = this.#options;
    const since = clock.now();
    const creation: Creation = { controller: new AbortController(), deadline: undefined };
    if (createTimeout !== Infinity) creation.deadline = this.#deadlines.add(creation, since + createTimeout);
    // Counted before `create` runs, which may call the pool.
    this.#creations.add(creation);
    // Inside the promise a synchronous throw is a rejection like any other: failures never recurse.
    void new Promise<C>((resolve) => {
      resolve(create(creation.controller.signal));
    }).then(
      (connection) => {
        if (this.#end(creation)) this.#owner.created(connection, clock.now() - since);
        else this.#owner.late(connection);
      },
      (cause: unknown) => {
        if (!this.#end(creation)) return;
        this.#owner.failed(
          new PoolError('POOL_CREATE_FAILED', `Cannot create a connection: ${told(cause)}`, { cause }),
        );
      },
    );
  }

  /** Aborts all; they still count until they settle or time out. */
  abort(reason: Error): void {
    for (const { controller } of this.#creations) controller.abort(reason);
  }

  /** Forgets all: whatever still arrives is late. */
  abandon(): void {
    for (const creation of this.#creations) this.#end(creation);
  }

  #timeOut(creation: Creation): void {
    const { createTimeout } = this.#options;
    const error = new PoolError('POOL_CREATE_TIMEOUT', `Cannot create a connection: no answer in ${createTimeout} ms`);
    this.#end(creation);
    this.#owner.failed(error);
    creation.controller.abort(error);
  }

  /** Returns false for one that had already ended. */
  #end(creation: Creation): boolean {
    if (creation.deadline !== undefined) this.#deadlines.remove(creation.deadline);
    return this.#creations.delete(creation);
  }
}

function told(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
