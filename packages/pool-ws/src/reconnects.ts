import { after, type Clock } from '@forge/internal';
import type { Milliseconds } from '@forge/pool';
import type { WebSocketError } from './errors.ts';

/** A connection that has lived for so long shows that the server is well. */
export const STABLE: Milliseconds = 5_000;
/** Of the first pause, by what the server said. */
const FIRST: Milliseconds = 100;
const FIRST_ASKED_FOR: Milliseconds = 1_000;
/** Of all pauses: whoever waits for a connection waits for it too. */
export const LONGEST_PAUSE: Milliseconds = 10_000;
/** After so long without an end, some connection has been stable or none was wanted. */
const QUIET: Milliseconds = STABLE + LONGEST_PAUSE;

/** An end of a connection, as the next connect sees it. */
interface End {
  readonly opened: Milliseconds;
  readonly error: WebSocketError;
}

/**
 * When to connect again after connections have ended.
 *
 * The pool counts creates that fail, and forgets them with the first that succeeds. But a server that is ill accepts a
 * WebSocket and then closes it, so that every create succeeds and none is of use: here an end counts until a connection
 * has lived for a while. After the n-th end in a row a connect waits for a random time up to 100 ms · 2ⁿ⁻¹, or 1 s · 2ⁿ⁻¹
 * where the server asked for a pause, 10 s at most (full jitter: clients that were cut off together do not come back
 * together). Ends of connections that lived side by side have one cause and count as one.
 *
 * After a fatal end there is nothing to wait for: during the pause each connect fails at once with what the server said.
 */
export class Reconnects {
  readonly #clock: Clock;
  readonly #random: () => number;
  #failures = 0;
  #last: Milliseconds = -Infinity;
  #ceiling: Milliseconds = 0;
  #until: Milliseconds = -Infinity;
  #fatal: WebSocketError | undefined;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** A connection has ended that nobody here wanted to end. */
  ended({ opened, error }: End): void {
    // It lived beside one whose end is counted already.
    if (opened <= this.#last && error.kind !== 'fatal') return;
    const now = this.#clock.now();
    if (now - opened >= STABLE || now - this.#last >= QUIET) this.#failures = 0;
    this.#last = now;
    const first = error.kind === 'backoff' || error.kind === 'fatal' ? FIRST_ASKED_FOR : FIRST;
    this.#ceiling = Math.min(LONGEST_PAUSE, first * 2 ** this.#failures);
    this.#failures += 1;
    this.#until = now + this.#ceiling;
    this.#fatal = error.kind === 'fatal' ? error : undefined;
  }

  /**
   * Resolves when a connect may start.
   *
   * @throws WebSocketError of a fatal end; the reason of the signal
   */
  async turn(signal: AbortSignal): Promise<void> {
    const left = this.#until - this.#clock.now();
    if (left <= 0) return;
    if (this.#fatal !== undefined) throw this.#fatal;
    await pause(Math.min(left, this.#random() * this.#ceiling), signal);
  }
}

/** @throws the reason of the signal */
export function pause(delay: Milliseconds, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const abort = (): void => {
      cancel();
      reject(signal.reason as Error);
    };
    const cancel = after(delay, () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
    signal.addEventListener('abort', abort, { once: true });
  });
}
