/**
 * One caller's way to a lease, over the endpoints. He waits at one endpoint for a create; when it fails he goes to another
 * that he has not tried, and when it takes too long he waits at another as well, and takes what comes first ("happy
 * eyeballs", [1]). So an endpoint that is dead or silent costs him time and never the lease, as long as any other answers.
 *
 * How long is too long follows from his patience: what is left of it, or of `createTimeout`, is shared out over those that
 * he has not tried, so that the last of them gets its part too.
 *
 * [1] RFC 8305, "Happy Eyeballs Version 2: Better Connectivity Using Concurrency"
 *
 * @module
 */
import { after, type Watched } from '@forge/internal';
import type { Lease } from '../pool/lease.ts';
import type { Clock, Milliseconds } from '../units.ts';
import type { EndpointPool } from './endpoint-pool.ts';
import type { Turn } from './turn.ts';

/** Who searches, and until when. */
export interface Caller {
  readonly due: Milliseconds;
  readonly signal: AbortSignal | undefined;
  readonly priority: number;
}

/** An endpoint that was chosen for a caller. */
export interface Chance<E, C> {
  readonly pool: EndpointPool<E, C>;
  readonly turn: Turn<E>;
}

/** What a search asks of those around it. */
export interface SearchLinks<E, C> {
  readonly clock: Clock;
  readonly createTimeout: Milliseconds;
  /** Chooses among endpoints that are not tried; `isLost`: there is nothing else left to wait for. */
  readonly next: (tried: ReadonlySet<E>, isLost: boolean) => Chance<E, C> | undefined;
  /** How many there are beside these. */
  readonly left: (tried: ReadonlySet<E>) => number;
  /** Whether an error ends it though others are left. */
  readonly isFinal: (error: unknown) => boolean;
  /** It is over; `error` is undefined when it brought a lease. */
  readonly ended: (search: Search<E, C>, error: unknown) => void;
}

export class Search<E, C> {
  readonly lease: Promise<Lease<C>>;
  readonly caller: Caller;
  /** By the caller's signal, if he has one. */
  watched: Watched<Search<E, C>> | undefined;
  readonly #links: SearchLinks<E, C>;
  readonly #tried = new Set<E>();
  /** Of all its waits, once one of them has brought a lease or the caller has left. */
  readonly #controller = new AbortController();
  #resolve!: (lease: Lease<C>) => void;
  #reject!: (error: unknown) => void;
  #running = 0;
  #isOver = false;
  #cancel: () => void = () => {};

  constructor(caller: Caller, links: SearchLinks<E, C>) {
    this.caller = caller;
    this.#links = links;
    this.lease = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Endpoints that it tried beyond the first. */
  detours = -1;

  /** Waits at one endpoint more. */
  try({ pool, turn }: Chance<E, C>): void {
    const { due, priority } = this.caller;
    const timeout = Math.max(0, due - this.#links.clock.now());
    this.#tried.add(pool.endpoint);
    this.detours += 1;
    this.#running += 1;
    this.#hedge(timeout);
    pool.parts.exchange.acquire({ timeout, priority, signal: this.#controller.signal }).then(
      (lease) => {
        this.#running -= 1;
        if (this.#isOver) {
          turn.cancelled();
          lease.release();
          return;
        }
        this.#end(undefined);
        this.#resolve(pool.lend(lease, turn));
      },
      (error: unknown) => {
        this.#running -= 1;
        pool.refuse(turn, error);
        // It left, which is no failure: what was tried before it may be all that there is now.
        if (pool.parts.closing.state !== 'open' && this.#running === 0) this.#tried.clear();
        if (!this.#isOver) this.#missed(error);
      },
    );
  }

  /** The caller has left. */
  abort(reason: unknown): void {
    this.#end(reason);
    this.#reject(reason);
  }

  #missed(error: unknown): void {
    const goesOn = !this.#links.isFinal(error) && (this.#advance(this.#running === 0) || this.#running > 0);
    if (goesOn) return;
    this.#end(error);
    this.#reject(error);
  }

  /** Goes to another endpoint; false when there is none. */
  #advance(isLost: boolean): boolean {
    const chance = this.#links.next(this.#tried, isLost);
    if (chance !== undefined) this.try(chance);
    return chance !== undefined;
  }

  #hedge(timeout: Milliseconds): void {
    this.#cancel();
    const left = this.#links.left(this.#tried);
    if (left === 0) return;
    const patience = Math.min(timeout, this.#links.createTimeout) / (left + 1);
    this.#cancel = after(patience, () => void this.#advance(false));
  }

  #end(error: unknown): void {
    this.#isOver = true;
    this.#cancel();
    this.#controller.abort(error);
    this.#links.ended(this, error);
  }
}
