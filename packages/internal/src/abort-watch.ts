/**
 * Tells when the signal of an item aborts, with one listener for each signal whatever the number of its items: an
 * EventTarget compares each new listener with all that it has, so that n listeners on one signal cost O(n²).
 */
export class AbortWatch<T> {
  readonly #onAbort: (item: T, reason: unknown) => void;
  readonly #watched = new Map<AbortSignal, { readonly items: Set<T>; readonly listener: () => void }>();

  /** @param onAbort must remove the item */
  constructor(onAbort: (item: T, reason: unknown) => void) {
    this.#onAbort = onAbort;
  }

  /** `signal` must not be aborted yet. */
  add(signal: AbortSignal, item: T): void {
    let watched = this.#watched.get(signal);
    if (watched === undefined) {
      const items = new Set<T>();
      const listener = (): void => {
        for (const each of items) this.#onAbort(each, signal.reason);
      };
      watched = { items, listener };
      this.#watched.set(signal, watched);
      signal.addEventListener('abort', listener, { once: true });
    }
    watched.items.add(item);
  }

  /** Removes the listener with the last item of its signal. */
  remove(signal: AbortSignal, item: T): void {
    const watched = this.#watched.get(signal);
    if (watched === undefined) return;
    watched.items.delete(item);
    if (watched.items.size > 0) return;
    this.#watched.delete(signal);
    signal.removeEventListener('abort', watched.listener);
  }
}
