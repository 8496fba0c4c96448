import type { Connections } from '../connections/connections.ts';
import type { Failures } from '../creating/failures.ts';
import { PoolError, type PoolErrorCode, type PoolErrorDetails } from '../errors.ts';
import type { News } from '../news.ts';
import type { Milliseconds, PoolOptions } from '../options.ts';
import type { Tally } from '../tally.ts';

const CLOSED = 'the pool is closed';

/** What tells the state of the pool, and who can be refused. */
export interface RefusalParts<C> {
  readonly options: PoolOptions<C>;
  readonly connections: Connections<C>;
  readonly creator: { readonly size: number };
  readonly failures: Failures;
  readonly news: News;
  readonly tally: Tally;
  readonly waiters: { readonly size: number; shift(): { readonly reject: (reason: unknown) => void } | undefined };
}

/** Callers who get no lease: each is counted, and learns what the pool was doing instead. */
export class Refusals<C> {
  readonly #parts: RefusalParts<C>;
  /** A caller was refused since the queue was half empty: those who came for nothing want to be told. */
  wasFull = false;

  constructor(parts: RefusalParts<C>) {
    this.#parts = parts;
  }

  /** Of a caller who comes too late. */
  closed(): PoolError {
    this.#parts.tally.rejected += 1;
    return this.closing();
  }

  /** Of those who are there as the pool closes. */
  closing(): PoolError {
    return this.#error('POOL_CLOSED', CLOSED);
  }

  queueFull(): PoolError {
    const { options, tally } = this.#parts;
    this.wasFull = true;
    tally.rejected += 1;
    return this.#error('POOL_QUEUE_FULL', `maxPending is ${options.maxPending}`);
  }

  timedOut(waited: Milliseconds): PoolError {
    const { failures, tally } = this.#parts;
    tally.timeouts += 1;
    const why = `no place became free in ${Math.round(waited)} ms`;
    return this.#error('POOL_ACQUIRE_TIMEOUT', why, { waited, cause: failures.last });
  }

  unavailable(): PoolError {
    const { last: cause } = this.#parts.failures;
    return this.#error('POOL_UNAVAILABLE', 'too many creates have failed, none is tried for a while', { cause });
  }

  /** Sends away those who wait longest. */
  refuse(reason: PoolError, count: number = this.#parts.waiters.size): void {
    const { tally, waiters } = this.#parts;
    for (let refused = 0; refused < count; refused += 1) {
      const waiter = waiters.shift();
      if (waiter === undefined) return;
      tally.rejected += 1;
      waiter.reject(reason);
    }
  }

  /** Tells once that the queue, which was full, takes callers again, when it does. */
  relieve(): void {
    const { news, options, waiters } = this.#parts;
    if (waiters.size > options.maxPending / 2) return;
    this.wasFull = false;
    news.note('drain', { pending: waiters.size });
  }

  #error(code: PoolErrorCode, why: string, details?: PoolErrorDetails): PoolError {
    const { connections, creator, waiters } = this.#parts;
    const [total, leased, pending] = [connections.all.size, connections.inUse, waiters.size];
    const state = `${leased} of ${total} connections leased, ${creator.size} creating, ${pending} callers waiting`;
    const message = `Cannot acquire a connection: ${why} (${state})`;
    return new PoolError(code, message, { ...details, pending, total, leased });
  }
}
