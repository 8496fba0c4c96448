import { callQuietly } from './callbacks.ts';
import { functionOption } from './options.ts';

/** Called with each measured value: a duration in ms, a size in bytes or a count, as the name says. */
export type MeasureListener = (name: string, value: number) => void;

/** The listeners behind a core's `onMeasure`. `active` lets the core skip the clock reads when nobody listens. */
export class Measures {
  readonly #listeners = new Set<MeasureListener>();

  active = false;

  /**
   * Adds a listener and returns the function that removes it.
   *
   * @throws TypeError when it is no function
   */
  add(listener: MeasureListener): () => void {
    functionOption('listen to measures', 'the listener', listener);
    // One object for each call, so that a function added twice is heard twice and removed once.
    const own: MeasureListener = (name, value) => listener(name, value);
    this.#listeners.add(own);
    this.active = true;
    return () => {
      this.#listeners.delete(own);
      this.active = this.#listeners.size > 0;
    };
  }

  record(name: string, value: number): void {
    for (const listener of this.#listeners) callQuietly(() => listener(name, value));
  }
}
