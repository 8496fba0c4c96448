/**
 * The tags of each slot and the slots of each tag. A tag is forgotten with its last slot, so that tags which are made up
 * per request leave nothing behind.
 *
 * mnemonist's MultiMap does the second half, but the package's root brings its heaps, vectors and suffix arrays along.
 */
export class TagIndex {
  readonly #slots = new Map<string, Set<number>>();
  readonly #tags = new Map<number, readonly string[]>();

  /** Replaces what the slot had. The tags differ from each other and stay as they are: they decide what is released. */
  assign(slot: number, tags: readonly string[]): void {
    this.release(slot);
    if (tags.length === 0) return;
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
      const slots = this.#slots.get(tag)!;
      slots.delete(slot);
      if (slots.size === 0) this.#slots.delete(tag);
    }
  }

  tagsOf(slot: number): readonly string[] {
    return this.#tags.get(slot) ?? [];
  }

  slotsOf(tag: string): ReadonlySet<number> | undefined {
    return this.#slots.get(tag);
  }

  clear(): void {
    this.#slots.clear();
    this.#tags.clear();
  }
}
