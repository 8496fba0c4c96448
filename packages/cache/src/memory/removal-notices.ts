import { callQuietly } from '@forge/internal';
import type { MemorySettings, RemovalReason } from './memory-options.ts';

/** What `onRemoval` is to be told of the operation that runs: told when it is done, so that no callback sees it half-way. */
export class RemovalNotices<V> {
  readonly #onRemoval: MemorySettings<V>['onRemoval'];
  readonly #hears: (reason: RemovalReason) => boolean;
  #untold: (() => void)[] = [];

  /** @param hears whether it is to be told of such removals */
  constructor(onRemoval: MemorySettings<V>['onRemoval'], hears: (reason: RemovalReason) => boolean) {
    this.#onRemoval = onRemoval;
    this.#hears = hears;
  }

  /** Whether anybody is told: else there is no need to note it. */
  wants(reason: RemovalReason): boolean {
    return this.#onRemoval !== undefined && this.#hears(reason);
  }

  note(key: string, value: V, reason: RemovalReason): void {
    this.#untold.push(() => this.#onRemoval?.(key, value, reason));
  }

  tell(): void {
    if (this.#untold.length === 0) return;
    const untold = this.#untold;
    this.#untold = [];
    for (const tell of untold) callQuietly(tell);
  }
}
