import type { Bytes } from '../units.ts';
import { Column } from './column.ts';

/** The bytes and the cost of each slot's entry, and the sum of the bytes. */
export class Weights {
  /** 0 where bytes are not counted. */
  readonly #sizes = new Column(0);
  readonly #costs = new Column(1);
  #bytes: Bytes = 0;

  get bytes(): Bytes {
    return this.#bytes;
  }

  sizeOf(slot: number): Bytes {
    return this.#sizes.at(slot);
  }

  costOf(slot: number): number {
    return this.#costs.at(slot);
  }

  put(slot: number, size: Bytes, cost: number): void {
    this.#bytes += size - this.#sizes.at(slot);
    this.#sizes.put(slot, size);
    this.#costs.put(slot, cost);
  }

  end(slot: number): void {
    this.put(slot, 0, 1);
  }
}
