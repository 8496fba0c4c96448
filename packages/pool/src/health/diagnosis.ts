import { callQuietly } from '@forge/internal';
import { PoolError } from '../errors.ts';
import type { ErrorClass, ErrorPhase } from '../events.ts';
import type { News } from '../news.ts';
import type { PoolOptions } from '../options.ts';
import type { Tally } from '../tally.ts';
import type { Slot } from '../connections/slot.ts';

/** What the errors of connections mean. Each is counted and told, whoever met it. */
export class Diagnosis<C> {
  readonly #ask: PoolOptions<C>['classifyError'];
  readonly #news: News;
  readonly #tally: Tally;
  /** An error has told of an outage that is not yet heeded. */
  outage = false;

  constructor({ classifyError }: PoolOptions<C>, news: News, tally: Tally) {
    this.#ask = classifyError;
    this.#news = news;
    this.#tally = tally;
  }

  /** `slot` is undefined in the phase `create`. */
  of(error: unknown, phase: ErrorPhase, slot?: Slot<C>): ErrorClass {
    this.#tally.errors += 1;
    this.#news.event('connectionError', slot, { error, phase });
    const kind = this.#classify(error, phase);
    if (kind === 'outage') this.outage = true;
    return kind;
  }

  /** Asks the user, about his own error and not the pool's around it; what the pool itself found may be tried again. */
  #classify(error: unknown, phase: ErrorPhase): ErrorClass {
    let kind: ErrorClass = 'retryable';
    const ask = this.#ask;
    const own = error instanceof PoolError ? error.cause : error;
    if (ask === undefined || own === undefined) return kind;
    callQuietly(() => {
      kind = ask(own, phase);
    });
    return kind;
  }
}
