import { ttlOption } from '../memory/memory-options.ts';
import type { Milliseconds } from '../units.ts';
import { checkEntryOptions, type EntryOptions } from './cache-config.ts';

/** What a loader returns instead of a value: the previous one still holds. */
export const NOT_MODIFIED: NotModified = Object.freeze({}) as NotModified;

declare const mark: unique symbol;

/** A type that nothing else has; that of a symbol would be lost where a loader takes it out of its context. */
export interface NotModified {
  readonly [mark]: true;
}

/** What was loaded before. */
export interface Previous<V> {
  readonly value: V;
  readonly etag: string | undefined;
  /** Since it was loaded. */
  readonly age: Milliseconds;
}

/** What a loader gets. */
export interface LoaderContext<V = unknown> {
  readonly key: string;
  /** Aborts when the last caller that waited for this load has aborted, or the load takes longer than `hardTimeout`. */
  readonly signal: AbortSignal;
  /** The value that is outdated or in doubt, if it is still there: what a conditional request starts from. */
  readonly previous: Previous<V> | undefined;
  /** Return this to keep the previous value, for another ttl. */
  readonly notModified: NotModified;
  /** Says of the value that is about to be returned what only its loader knows; wins over the caller's options. */
  readonly setOptions: (options: EntryOptions) => void;
}

/** Produces the value of a missing key. */
export type Loader<V> = (context: LoaderContext<V>) => V | NotModified | PromiseLike<V | NotModified>;

/** The context of one load, and what its loader has said. */
export class LoadContext<V> implements LoaderContext<V> {
  readonly key: string;
  readonly previous: Previous<V> | undefined;
  readonly notModified: NotModified = NOT_MODIFIED;
  readonly #flight: Pick<LoaderContext, 'signal'>;
  #options: EntryOptions = {};

  /** @param flight asked for its signal when the loader asks: many never do, and it is dear */
  constructor(key: string, flight: Pick<LoaderContext, 'signal'>, previous: Previous<V> | undefined) {
    this.key = key;
    this.#flight = flight;
    this.previous = previous;
  }

  get signal(): AbortSignal {
    return this.#flight.signal;
  }

  get options(): EntryOptions {
    return this.#options;
  }

  /** A field, so that a loader may take it out of the context. */
  readonly setOptions = (options: EntryOptions): void => {
    const subject = 'set the options of a loaded value';
    checkEntryOptions(subject, options);
    ttlOption(subject, options.ttl);
    this.#options = { ...this.#options, ...options };
  };
}
