import { PagedArray } from './paged-array.ts';

/** What each slot holds; slot 0 is empty. Slots come in order. */
export interface SlotArray<T> {
  readonly length: number;
  at(slot: number): T | undefined;
  set(slot: number, element: T | undefined): void;
}

/** Up to so many elements a plain array is copied within some 10 ms when it outgrows its room. */
const LONGEST_FLAT = 2 ** 20;

/** A plain array where that cannot stall, for it is a tenth faster; else pages. */
export function slotArray<T>(maxSize: number): SlotArray<T> {
  return maxSize < LONGEST_FLAT ? new FlatArray<T>() : new PagedArray<T | undefined>(undefined);
}

class FlatArray<T> implements SlotArray<T> {
  readonly #elements: (T | undefined)[] = [undefined];

  get length(): number {
    return this.#elements.length;
  }

  at(slot: number): T | undefined {
    return this.#elements[slot];
  }

  set(slot: number, element: T | undefined): void {
    this.#elements[slot] = element;
  }
}
