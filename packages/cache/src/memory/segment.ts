/**
 * One segment of a {@link SegmentedIndex}: a hash table of fixed size, from the hash of a key to its slot, in one typed
 * array. It knows the keys by the slots alone.
 *
 * Linear probing, for the cells of a probe lie in one line of the processor's cache. What is removed leaves no tombstone:
 * the cells behind it move up [1, algorithm R], so that a table whose keys come and go for ever stays as it is.
 *
 * Every search ends after `MOST_PROBED` cells, which chance does not bring about, and after `MOST_TWINS` keys with the same
 * hash, for whom chance does not find either, but somebody who makes keys that collide does. `add` refuses what cannot be
 * found within both.
 *
 * 1. D. E. Knuth, The Art of Computer Programming 3, section 6.4.
 */
export class Segment {
  #depth: number;
  #size = 0;
  /** Hash and slot by turns; slot 0 is a free cell. */
  readonly #cells: Int32Array<ArrayBuffer>;
  readonly #mask: number;

  /** @param bits of the number of cells */
  constructor(depth: number, bits: number) {
    this.#depth = depth;
    this.#cells = new Int32Array(2 ** (bits + 1));
    this.#mask = 2 ** bits - 1;
  }

  /** How many of the highest bits of their hashes all keys in here share. */
  get depth(): number {
    return this.#depth;
  }

  /** Three quarters of the cells: beyond, probes become long. */
  get isFull(): boolean {
    return this.#size >= 0.75 * (this.#mask + 1);
  }

  /** The slot of the key; 0 when it is not here. */
  find(key: string, hash: number, keys: Keys): number {
    const cells = this.#cells;
    const mask = this.#mask;
    let cell = hash & mask;
    for (let probed = 0; probed < MOST_PROBED; probed++) {
      const slot = cells[2 * cell + 1]!;
      if (slot === 0) return 0;
      if (cells[2 * cell] === hash && keys.keyOf(slot) === key) return slot;
      cell = (cell + 1) & mask;
    }
    return 0;
  }

  /** Returns whether there was a place for it. The slot must be new. */
  add(hash: number, slot: number): boolean {
    const cells = this.#cells;
    let twins = 0;
    let cell = hash & this.#mask;
    for (let probed = 0; probed < MOST_PROBED && twins < MOST_TWINS; probed++) {
      if (cells[2 * cell + 1] === 0) {
        cells[2 * cell] = hash;
        cells[2 * cell + 1] = slot;
        this.#size++;
        return true;
      }
      if (cells[2 * cell] === hash) twins++;
      cell = (cell + 1) & this.#mask;
    }
    return false;
  }

  /** Returns whether it was here. */
  remove(hash: number, slot: number): boolean {
    const cells = this.#cells;
    let cell = hash & this.#mask;
    for (let probed = 0; cells[2 * cell + 1] !== slot; probed++) {
      if (probed === MOST_PROBED || cells[2 * cell + 1] === 0) return false;
      cell = (cell + 1) & this.#mask;
    }
    this.#closeGap(cell);
    this.#size--;
    return true;
  }

  /** Gives away what has a 1 behind the bits that all share; what stays has a 0, and shares one bit more. */
  split(): Segment {
    this.#depth++;
    const other = new Segment(this.#depth, 31 - Math.clz32(this.#mask + 1));
    const cells = this.#cells;
    this.#size = 0;
    // From behind a free cell on: so each finds its place where it was or before that, for what came before it did, and
    // nothing is refused.
    let cell = 0;
    while (cells[2 * cell + 1] !== 0) cell++;
    for (let left = this.#mask; left > 0; left--) {
      cell = (cell + 1) & this.#mask;
      const slot = cells[2 * cell + 1]!;
      if (slot === 0) continue;
      const hash = cells[2 * cell]!;
      cells[2 * cell + 1] = 0;
      (((hash >>> (32 - this.#depth)) & 1) === 0 ? this : other).add(hash, slot);
    }
    return other;
  }

  /** Moves up whatever behind the gap may stand in it, until a cell is free anyway. */
  #closeGap(from: number): void {
    const cells = this.#cells;
    const mask = this.#mask;
    let gap = from;
    for (let cell = (gap + 1) & mask; cells[2 * cell + 1] !== 0; cell = (cell + 1) & mask) {
      const home = cells[2 * cell]! & mask;
      // Its home is the gap or before it: the way from there leads over the gap.
      if (((cell - home) & mask) < ((cell - gap) & mask)) continue;
      cells[2 * gap] = cells[2 * cell]!;
      cells[2 * gap + 1] = cells[2 * cell + 1]!;
      gap = cell;
    }
    cells[2 * gap + 1] = 0;
  }
}

/** Who knows the key that a slot stands for. */
export interface Keys {
  keyOf(slot: number): string | undefined;
}

const MOST_PROBED = 1024;
const MOST_TWINS = 8;
