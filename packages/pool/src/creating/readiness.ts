interface Waiting {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Those who wait until the pool has its minimum. */
export class Readiness {
  #waiting: Waiting[] = [];

  wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  reach(): void {
    for (const { resolve } of this.#take()) resolve();
  }

  fail(reason: unknown): void {
    for (const { reject } of this.#take()) reject(reason);
  }

  #take(): Waiting[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }
}
