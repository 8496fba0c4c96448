/** The end of a connection: happens once, and is told to whoever asked before or asks later. */
export class Ending {
  readonly #listeners: ((reason: Error | undefined) => void)[] = [];
  #reason: Error | undefined;
  #happened = false;

  get happened(): boolean {
    return this.#happened;
  }

  get reason(): Error | undefined {
    return this.#reason;
  }

  /** @param reason undefined where the end was asked for */
  happen(reason: Error | undefined): void {
    if (this.#happened) return;
    this.#happened = true;
    this.#reason = reason;
    for (const listener of this.#listeners.splice(0)) listener(reason);
  }

  on(listener: (reason: Error | undefined) => void): void {
    if (this.#happened) listener(this.#reason);
    else this.#listeners.push(listener);
  }
}
