/**
 * The tags of each slot and the slots of each tag. A tag is forgotten with its last slot, so that tags which are made up
 * per request leave nothing behind.
 *
 * mnemonist's MultiMap does the second half, but the package's root brings its heaps, vectors and suffix arrays along.
 */
export class TagIndex {
  readonly #slots = new Map<string, Set<number>>();
  readonly #tags = new Map<number, readonly string[]>();

  /** Replaces what the slot had. */
  assign(slot: number, given: readonly string[] | undefined): void {
    this.release(slot);
    if (given === undefined) return;
    // A copy, for it decides later what is released.
    const tags = Object.freeze([...new Set(given)]);
    this.#tags.set(slot, tags);
    for (const tag of tags) {
      const slots = this.#slots.get(tag);
      if (slots === undefined) this.#slots.set(tag, new Set([slot]));
      else slots.add(slot);
    }
  }

  release(slot: number): void {
    // An untagged cache must not pay a lookup per removal.
    const tags = this.#tags.size === 0 ? undefined : this.#tags.get(slot);
    if (tags === undefined) return;
    this.#tags.delete(slot);
    for (const tag of tags) {
      const slots = this.#slots.get(tag);
      slots?.delete(slot);
      if (slots?.size === 0) this.#slots.delete(tag);
    }
  }

  tagsOf(slot: number): readonly string[] {
    return this.#tags.get(slot) ?? [];
  }

  /** A copy, since removing an entry changes the index. */
  slotsOf(tag: string): readonly number[] {
    return [...(this.#slots.get(tag) ?? [])];
  }

  /** How many different tags are in use. */
  get size(): number {
    return this.#slots.size;
  }

  clear(): void {
    this.#slots.clear();
    this.#tags.clear();
  }
}
