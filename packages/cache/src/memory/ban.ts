/** What a ban needs of the table that it walks. */
export interface Banned {
  /** Slots from 1 up to, not with, this. */
  readonly end: number;
  /** Undefined for a slot that is free. */
  keyOf(slot: number): string | undefined;
  remove(slot: number): void;
  /** The ban is over. */
  lift(ban: Ban): void;
}

/**
 * Withdraws the entries whose key passes a test, as of now: until `advance` has walked the table, whoever reads asks the
 * ban, and what is set from now on is spared. (Varnish has the name, and calls the walk its lurker.)
 *
 * A mark for each slot keeps what the test said, so that it is called once for a key, by the walk or by the first read.
 * While it is called, the entry is still there: the test may read it, delete it, or give its slot to another.
 */
export class Ban {
  readonly #test: (key: string) => boolean;
  readonly #banned: Banned;
  readonly #marks: Uint8Array<ArrayBuffer>;
  #cursor = 1;
  #over = false;
  #deleted = 0;

  constructor(test: (key: string) => boolean, banned: Banned) {
    this.#test = test;
    this.#banned = banned;
    this.#marks = new Uint8Array(banned.end);
  }

  /** Entries that left by it so far. */
  get deleted(): number {
    return this.#deleted;
  }

  /** Walks the next `limit` slots, and returns whether it came to the end, where the ban is over. */
  advance(limit: number): boolean {
    const { end } = this.#banned;
    const stop = Math.min(this.#cursor + limit, end);
    while (this.#cursor < stop && !this.#over) {
      const slot = this.#cursor++;
      const key = this.#banned.keyOf(slot);
      if (key !== undefined && this.covers(slot, key)) this.#banned.remove(slot);
    }
    if (this.#cursor >= end) this.lift();
    return this.#over;
  }

  /** Whether the entry in the slot is withdrawn. */
  covers(slot: number, key: string): boolean {
    if (this.#marks[slot] === UNSEEN) {
      this.#marks[slot] = IN_TEST;
      const passes = this.#test(key);
      if (this.#marks[slot] === IN_TEST) this.#marks[slot] = passes ? CONDEMNED : SPARED;
    }
    return this.#marks[slot] === CONDEMNED && !this.#over;
  }

  /** The slot has a new entry, or none. */
  spare(slot: number): void {
    this.#marks[slot] = SPARED;
  }

  /** An entry left by it. */
  count(): void {
    this.#deleted++;
  }

  lift(): void {
    if (this.#over) return;
    this.#over = true;
    this.#banned.lift(this);
  }
}

const UNSEEN = 0;
const IN_TEST = 1;
const SPARED = 2;
const CONDEMNED = 3;
