/**
 * What is remembered of entries that left: how often each was used, by its fingerprint, for about as many of the last
 * evictions as asked for.
 *
 * One table of 32-bit cells in sets of sixteen, which is one cache line: fifteen entries and a cursor, so little more than
 * 4 bytes for each entry. The high bits of a fingerprint choose the set and its low 20 bits are kept in the cell, so that
 * two keys are mistaken for each other about once in 70,000 looks. Each set is a ring of its own, where a newcomer takes
 * the place of the oldest, and the whole comes near to one that forgets in order of eviction. A queue with a hash index
 * beside it would be exact, for five times the memory and with tombstones to sweep.
 *
 * Counts are at most 15 and age by halves: what was counted in an epoch is worth half in the next one [1]. No sweep halves
 * them; the epoch stands in the cell and the reader shifts.
 *
 * 1. G. Einziger, R. Friedman, B. Manes, TinyLFU: a highly efficient cache admission policy, ACM TOS 13(4), 2017 (reset).
 */
export class EvictedUses {
  #cells = new Uint32Array(0);
  #sets = 0;

  /** Whether nothing can be remembered yet, for no room was made. */
  get isEmpty(): boolean {
    return this.#sets === 0;
  }

  /** Makes room for at least `count` entries. What was remembered in a table that is too small goes. */
  fit(count: number): void {
    if (count <= this.#sets * ENTRIES) return;
    // Twofold, so that a cache that grows while it evicts does not start over each time.
    this.#sets = Math.ceil(count / ENTRIES) * (this.#sets === 0 ? 1 : 2);
    this.#cells = new Uint32Array(this.#sets * SET);
  }

  /** Remembers 1 … 15 uses, counted up to the epoch; once `fit` has made room. */
  put(fingerprint: number, uses: number, epoch: number): void {
    const cells = this.#cells;
    const start = this.#startOf(fingerprint);
    const cursor = cells[start]!;
    cells[start] = (cursor + 1) % ENTRIES;
    cells[start + 1 + cursor] = (fingerprint << TAG_SHIFT) | ((epoch & EPOCH_MASK) << EPOCH_SHIFT) | uses;
  }

  /** The uses as they count in this epoch, 0 if nothing is remembered; forgets them, for the entry is back. */
  take(fingerprint: number, epoch: number): number {
    if (this.#sets === 0) return 0;
    const cells = this.#cells;
    const tag = (fingerprint << TAG_SHIFT) >>> TAG_SHIFT;
    const start = this.#startOf(fingerprint);
    for (let index = start + 1; index < start + SET; index++) {
      const cell = cells[index]!;
      if (cell >>> TAG_SHIFT === tag && cell !== 0) {
        cells[index] = 0;
        return aged(cell & MOST_USES, cell >>> EPOCH_SHIFT, epoch);
      }
    }
    return 0;
  }

  /** Where the set begins: with its cursor. */
  #startOf(fingerprint: number): number {
    return Math.floor(((fingerprint >>> 0) / 2 ** 32) * this.#sets) * SET;
  }
}

/** What uses that were counted up to one epoch are worth in a later one; both are known by their low 8 bits. */
export function aged(uses: number, counted: number, epoch: number): number {
  return uses >>> Math.min(31, (epoch - counted) & EPOCH_MASK);
}

/** Also the mask of the bits in which uses are kept. */
export const MOST_USES = 15;
const SET = 16;
const ENTRIES = SET - 1;
const EPOCH_SHIFT = 4;
const EPOCH_MASK = 255;
const TAG_SHIFT = 12;
