/** Monotonic time in milliseconds. */
export interface Clock {
  now(): number;
}

const systemTimers = setTimeout;
const systemTime = performance.now.bind(performance);

/** The process's clock, which goes with its timers: where these are fake, so is the time, looked up at each call. */
export const monotonic: Clock = {
  // Comparing a global that is a plain property costs nothing; `performance` is an accessor, as dear as the clock itself.
  now: () => (setTimeout === systemTimers ? systemTime() : performance.now()),
};
