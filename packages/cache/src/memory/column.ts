const PAGE_BITS = 16;
const OFFSET = 2 ** PAGE_BITS - 1;
const FIRST_CELLS = 64;

/**
 * A number for each slot, from pages of typed arrays. It takes no memory until a slot has another number than the
 * default: a cache without ttl pays nothing for the ttl of each entry. Growing copies one page at most.
 */
export class Column {
  readonly #fallback: number;
  readonly #pages: (Float64Array<ArrayBuffer> | undefined)[] = [];

  constructor(fallback: number) {
    this.#fallback = fallback;
  }

  at(slot: number): number {
    return this.#pages[slot >>> PAGE_BITS]?.[slot & OFFSET] ?? this.#fallback;
  }

  put(slot: number, value: number): void {
    const number = slot >>> PAGE_BITS;
    const offset = slot & OFFSET;
    let page = this.#pages[number];
    if (page === undefined || offset >= page.length) {
      if (value === this.#fallback) return;
      page = this.#extend(number, offset);
    }
    page[offset] = value;
  }

  #extend(number: number, offset: number): Float64Array<ArrayBuffer> {
    // No holes among the pages: an array with holes is another, slower kind to the compiler.
    while (this.#pages.length <= number) this.#pages.push(undefined);
    const page = this.#pages[number];
    let length = page?.length ?? (number === 0 ? FIRST_CELLS : OFFSET + 1);
    while (length <= offset) length *= 2;
    const longer = new Float64Array(length).fill(this.#fallback);
    if (page !== undefined) longer.set(page);
    this.#pages[number] = longer;
    return longer;
  }
}
