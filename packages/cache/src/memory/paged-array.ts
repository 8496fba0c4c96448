const PAGE_BITS = 16;
const PAGE = 2 ** PAGE_BITS;
const OFFSET = PAGE - 1;

/**
 * An array that grows without a stall: a plain one of ten million elements is copied as a whole whenever it outgrows its
 * room, for a quarter of a second in all, and this one adds a page. A page grows by itself, so that a short array is
 * small. Elements must come in order of index.
 */
export class PagedArray<T> {
  readonly #pages: T[][] = [];
  readonly #filler: T;
  #length = 0;

  /** @param filler what `length` starts from: the element 0, which tables of slots leave empty */
  constructor(filler: T) {
    this.#filler = filler;
    this.set(0, filler);
  }

  get length(): number {
    return this.#length;
  }

  /** Only below `length`. */
  at(index: number): T {
    return this.#pages[index >>> PAGE_BITS]![index & OFFSET]!;
  }

  /** Up to `length`, which then grows. */
  set(index: number, element: T): void {
    if (index === this.#length) {
      // Each page begins with the filler, so that all are arrays of one kind to the compiler.
      if ((index & OFFSET) === 0) this.#pages.push([this.#filler]);
      this.#length++;
    }
    this.#pages[index >>> PAGE_BITS]![index & OFFSET] = element;
  }
}
