import { ttlOption } from '../../memory/memory-options.ts';
import type { Milliseconds } from '../../units.ts';
import { checkEntryOptions, type EntryOptions } from '../cache-config.ts';

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

const NO_OPTIONS: EntryOptions = Object.freeze({});

/** The load, as far as its loader may see it. */
export type ObservedLoad = Pick<LoaderContext, 'key' | 'signal'>;

/** The context of one load, and what its loader has said. Many loaders look at nothing of it. */
export class LoadContext<V> implements LoaderContext<V> {
  readonly previous: Previous<V> | undefined;
  readonly #load: ObservedLoad;
  #options: EntryOptions = NO_OPTIONS;

  constructor(load: ObservedLoad, previous: Previous<V> | undefined) {
    this.#load = load;
    this.previous = previous;
  }

  get key(): string {
    return this.#load.key;
  }

  get signal(): AbortSignal {
    return this.#load.signal;
  }

  get notModified(): NotModified {
    return NOT_MODIFIED;
  }

  /** A function of its own, so that a loader may take it out of the context. */
  get setOptions(): (options: EntryOptions) => void {
    return (options) => {
      const subject = 'set the options of a loaded value';
      checkEntryOptions(subject, options);
      ttlOption(subject, options.ttl);
      this.#options = { ...this.#options, ...options };
    };
  }

  get options(): EntryOptions {
    return this.#options;
  }
}
