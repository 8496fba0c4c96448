/** A duration, or a time on the pool's clock, in milliseconds. */
export type Milliseconds = number;

/** Monotonic time. */
export interface Clock {
  now(): Milliseconds;
}
