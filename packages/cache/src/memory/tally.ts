import type { MemoryCacheMetrics } from '../metrics.ts';
import type { RemovalReason } from './memory-options.ts';

/** Counts what happens to a table; nothing where counting is off. */
export class Tally {
  readonly #counting: boolean;
  #hits = 0;
  #misses = 0;
  #evictions = 0;
  #expirations = 0;

  constructor(counting: boolean) {
    this.#counting = counting;
  }

  hit(): void {
    if (this.#counting) this.#hits++;
  }

  miss(): void {
    if (this.#counting) this.#misses++;
  }

  departure(reason: RemovalReason): void {
    if (!this.#counting) return;
    if (reason === 'evicted') this.#evictions++;
    else if (reason === 'expired') this.#expirations++;
  }

  /** A frozen snapshot: the counters, and what the table holds. */
  metrics(size: number, maxSize: number, bytes: number): MemoryCacheMetrics {
    return Object.freeze({
      size,
      maxSize,
      hits: this.#hits,
      misses: this.#misses,
      evictions: this.#evictions,
      expirations: this.#expirations,
      hitRate: this.#hits === 0 ? 0 : (100 * this.#hits) / (this.#hits + this.#misses),
      totalSize: bytes,
      averageSize: size === 0 ? 0 : bytes / size,
    });
  }
}
