/** The counters of {@link PoolMetrics}. Whoever sees a thing happen counts it. */
export class Tally {
  created = 0;
  destroyed = 0;
  retired = 0;
  acquired = 0;
  released = 0;
  timeouts = 0;
  errors = 0;
  rejected = 0;
  aborted = 0;

  /** Leases that have not ended. */
  get leases(): number {
    return this.acquired - this.released;
  }

  /** Callers who were served or left. */
  get callers(): number {
    return this.acquired + this.timeouts + this.aborted + this.rejected;
  }
}
