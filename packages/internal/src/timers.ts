/** The longest delay that `setTimeout` takes; above it Node fires at once. */
export const LONGEST_DELAY: number = 2 ** 31 - 1;

/**
 * Calls `run` once, `delay` ms from now or, where that is longer than a timer can be set, at that longest delay; never
 * for Infinity. Returns the function that takes it back.
 * Rounded up: a timer of 4.2 ms that fired at 4.1 would find nothing due and spin.
 */
export function after(delay: number, run: () => void, options: { readonly unref?: boolean } = {}): () => void {
  if (delay === Infinity) return () => {};
  const timer = setTimeout(run, Math.min(Math.max(Math.ceil(delay), 0), LONGEST_DELAY));
  if (options.unref === true) timer.unref();
  return () => clearTimeout(timer);
}
