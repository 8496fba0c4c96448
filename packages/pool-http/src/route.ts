import type { Clock, Milliseconds, Turn } from '@forge/pool';
import { blames } from './failures.ts';

/** Answers of a gateway whose server is gone, or of a server that cannot take more. */
const REFUSING: ReadonlySet<number> = new Set([502, 503, 504]);

/** The way that one request takes. It is to be told what came of it; what it is told after its end is ignored. */
export interface Route {
  /** Of the connections that the request can use. */
  readonly key: string;
  /** The final status of the response. */
  answered(status: number): void;
  succeeded(): void;
  failed(error: unknown): void;
  /** The request goes another way, of which it says nothing. */
  left(): void;
}

const nothing = (): void => {};

/** Where there is one endpoint there is nothing to learn, and no look at the clock. */
export function onlyRoute(key: string): Route {
  return { key, answered: nothing, succeeded: nothing, failed: nothing, left: nothing };
}

/**
 * A turn of an endpoint among several. What it takes is the time to the head of the response: the body comes as fast as
 * its reader takes it.
 */
export class BalancedRoute implements Route {
  readonly key: string;
  /** Endpoints that had no connection for this request. */
  readonly tried: Set<string>;
  readonly #turn: Turn<string>;
  readonly #clock: Clock;
  readonly #since: Milliseconds;
  #took: Milliseconds | undefined;
  #isRefused = false;

  constructor(key: string, turn: Turn<string>, clock: Clock, tried: Set<string> = new Set()) {
    this.key = key;
    this.tried = tried.add(turn.endpoint);
    this.#turn = turn;
    this.#clock = clock;
    this.#since = clock.now();
  }

  answered(status: number): void {
    if (status < 200) return;
    this.#took = this.#clock.now() - this.#since;
    this.#isRefused = REFUSING.has(status);
  }

  succeeded(): void {
    if (this.#isRefused) this.#turn.failed();
    else this.#turn.succeeded(this.#took);
  }

  failed(error: unknown): void {
    if (this.#isRefused || blames(error)) this.#turn.failed();
    else if (this.#took === undefined) this.#turn.cancelled();
    else this.#turn.succeeded(this.#took);
  }

  left(): void {
    this.#turn.cancelled();
  }
}
