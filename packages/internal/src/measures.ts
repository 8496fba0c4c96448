/** Called with each measured value: a duration in ms, a size in bytes or a count, as the name says. */
export type MeasureListener = (name: string, value: number) => void;

/** The listeners behind a core's `onMeasure`. `active` lets the core skip the clock reads when nobody listens. */
export class Measures {
  readonly #listeners = new Set<MeasureListener>();

  get active(): boolean {
    return this.#listeners.size > 0;
  }

  /** Adds a listener and returns the function that removes it. */
  add(listener: MeasureListener): () => void {
    // One object for each call, so that a function added twice is heard twice and removed once.
    const own: MeasureListener = (name, value) => {
      listener(name, value);
    };
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  record(name: string, value: number): void {
    for (const listener of this.#listeners) {
      try {
        listener(name, value);
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : new Error(`An onMeasure listener threw ${String(error)}`));
      }
    }
  }
}
