/** The key and the value of each slot. Slot 0 holds nothing, nor does one that is free; slots come in order. */
export interface Slots<V> {
  /** One more than the last slot that was ever taken. */
  readonly length: number;
  keyOf(slot: number): string | undefined;
  valueOf(slot: number): V | undefined;
  /** Of a slot up to `length`, which then grows. */
  put(slot: number, key: string | undefined, value: V | undefined): void;
  replace(slot: number, value: V): void;
}

/** Up to so many entries a plain array is copied within some 10 ms when it outgrows its room. */
export const LONGEST_FLAT: number = 2 ** 19;

/** A plain array where that cannot stall, for it is a tenth faster; else pages. */
export function slotsFor<V>(maxSize: number): Slots<V> {
  return maxSize <= LONGEST_FLAT ? new FlatSlots<V>() : new PagedSlots<V>();
}

/** Two arrays, for a hit looks at the value alone, and few values fit into the processor's cache. */
class FlatSlots<V> implements Slots<V> {
  readonly #keys: (string | undefined)[] = [undefined];
  readonly #values: (V | undefined)[] = [undefined];

  get length(): number {
    return this.#keys.length;
  }

  keyOf(slot: number): string | undefined {
    return this.#keys[slot];
  }

  valueOf(slot: number): V | undefined {
    return this.#values[slot];
  }

  put(slot: number, key: string | undefined, value: V | undefined): void {
    this.#keys[slot] = key;
    this.#values[slot] = value;
  }

  replace(slot: number, value: V): void {
    this.#values[slot] = value;
  }
}

const PAGE_BITS = 16;
const OFFSET = 2 ** PAGE_BITS - 1;

/**
 * Pages, for an array of ten million is copied as a whole whenever it outgrows its room. Key and value stand side by side:
 * whoever comes from an index of many keys looks at both, and nothing is in the processor's cache.
 */
class PagedSlots<V> implements Slots<V> {
  readonly #pages: (string | V | undefined)[][] = [];
  #length = 0;

  constructor() {
    this.put(0, undefined, undefined);
  }

  get length(): number {
    return this.#length;
  }

  keyOf(slot: number): string | undefined {
    return this.#pages[slot >>> PAGE_BITS]?.[2 * (slot & OFFSET)] as string | undefined;
  }

  valueOf(slot: number): V | undefined {
    return this.#pages[slot >>> PAGE_BITS]?.[2 * (slot & OFFSET) + 1] as V | undefined;
  }

  put(slot: number, key: string | undefined, value: V | undefined): void {
    const offset = 2 * (slot & OFFSET);
    if (slot === this.#length) {
      this.#length++;
      if (offset === 0) {
        // A page grows by itself, so that a short table is small.
        this.#pages.push([key, value]);
        return;
      }
    }
    const page = this.#pages[slot >>> PAGE_BITS]!;
    page[offset] = key;
    page[offset + 1] = value;
  }

  replace(slot: number, value: V): void {
    this.#pages[slot >>> PAGE_BITS]![2 * (slot & OFFSET) + 1] = value;
  }
}
