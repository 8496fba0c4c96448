import { sharedNow } from './messages.ts';

/** Calls by the clock, and measures how long the process did not come to it. */
export class Ticker {
  #longest = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(every: number, onTick: () => void = () => {}) {
    let last = sharedNow();
    this.#timer = setInterval(() => {
      const now = sharedNow();
      this.#longest = Math.max(this.#longest, now - last - every);
      last = now;
      onTick();
    }, every);
  }

  /** In ms, the longest stall since this was last asked. */
  takeStall(): number {
    const longest = this.#longest;
    this.#longest = 0;
    return longest;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
