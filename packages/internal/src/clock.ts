/** Monotonic time in milliseconds. */
export interface Clock {
  now(): number;
}

/** The process's clock, looked up at each call so that fake timers drive it too. */
export const monotonic: Clock = { now: () => performance.now() };
