import { AsyncLocalStorage } from 'node:async_hooks';
import { after, monotonic } from '@forge/internal';
import type { Milliseconds } from '../options.ts';
import type { PoolOptions } from './options.ts';

/** A resource that nobody has borrowed. */
export interface Idle {
  readonly idleSince: Milliseconds;
  readonly evict: () => void;
}

/**
 * Ends what is idle for too long, in runs, of which each looks at a few. The longest idle come first: those who came later
 * are not due before them. Not the idle timeout of the pool beneath, which keeps `min` however idle they are.
 */
export class Evictor {
  readonly #options: PoolOptions;
  readonly #idle: () => readonly Idle[];
  /** Bound, for a timer keeps alive the async context that sets it. */
  readonly #after = AsyncLocalStorage.bind(after);
  #cancel: (() => void) | undefined;

  constructor(options: PoolOptions, idle: () => readonly Idle[]) {
    this.#options = options;
    this.#idle = idle;
  }

  start(): void {
    const run = (): void => {
      this.#run();
      this.start();
    };
    this.#cancel = this.#after(this.#options.evictionRunIntervalMillis, run, { unref: true });
  }

  stop(): void {
    this.#cancel?.();
  }

  #run(): void {
    const { numTestsPerEvictionRun, softIdleTimeoutMillis, idleTimeoutMillis, min } = this.#options;
    const now = monotonic.now();
    const idle = this.#idle().toSorted((one, two) => one.idleSince - two.idleSince);
    let left = idle.length;
    for (const { idleSince, evict } of idle.slice(0, numTestsPerEvictionRun)) {
      const timeout = left > min ? Math.min(softIdleTimeoutMillis, idleTimeoutMillis) : idleTimeoutMillis;
      if (now - idleSince <= timeout) continue;
      left -= 1;
      evict();
    }
  }
}
