/**
 * Keys in one Map. V8's ends at 2^24 cells, and half of them must be free or deleted for it to rehash in place while keys
 * come and go.
 */
const MOST_IN_PART = 2 ** 23;

/**
 * From key to slot: one `Map`, and for more than 2^23 keys a further one for every 2^23.
 *
 * What is not in the first is looked for in the next. At ten million keys one in six costs a second lookup; at the most
 * that a cache may hold, 2^26, a key costs four and a half on average. Shards that a hash of the key chooses would need one
 * lookup always, but the hash costs as much as the lookup, and every key pays for it.
 */
export class KeyIndex {
  readonly #mostInPart: number;
  readonly #first = new Map<string, number>();
  /** Further parts; undefined as long as there is none, so that a miss does not go to look. */
  #others: Map<string, number>[] | undefined;
  #size = 0;
  /** The last key that was missed. */
  #absent: string | undefined;

  /** @param mostInPart fewer for a test */
  constructor(mostInPart: number = MOST_IN_PART) {
    this.#mostInPart = mostInPart;
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): number | undefined {
    const slot = this.#first.get(key);
    return slot === undefined ? this.#miss(key) : slot;
  }

  /** The same, for nothing where `get` has just missed the key, as it has before most sets of a new one. */
  getToSet(key: string): number | undefined {
    return key === this.#absent ? undefined : this.get(key);
  }

  /** The key must be new. */
  add(key: string, slot: number): void {
    const part = this.#first.size < this.#mostInPart ? this.#first : this.#partWithRoom();
    part.set(key, slot);
    this.#absent = undefined;
    this.#size++;
  }

  /** The key must be there. */
  remove(key: string): void {
    this.#size--;
    if (this.#first.delete(key)) return;
    this.#others?.find((part) => part.delete(key));
  }

  #miss(key: string): number | undefined {
    const slot = this.#others === undefined ? undefined : find(this.#others, key);
    if (slot === undefined) this.#absent = key;
    return slot;
  }

  #partWithRoom(): Map<string, number> {
    this.#others ??= [];
    const part = this.#others.find(({ size }) => size < this.#mostInPart) ?? new Map<string, number>();
    if (part.size === 0 && !this.#others.includes(part)) this.#others.push(part);
    return part;
  }
}

function find(parts: readonly Map<string, number>[], key: string): number | undefined {
  for (const part of parts) {
    const slot = part.get(key);
    if (slot !== undefined) return slot;
  }
  return undefined;
}
