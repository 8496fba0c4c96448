/**
 * A `Map` for keys of 2^14 units or more.
 *
 * V8 takes the length of such a string for its hash [1]: a `Map` compares all that are equally long one by one, and among
 * a thousand keys of a megabyte each lookup stops the process for a tenth of a second. Here they go by their SHA-256,
 * which takes 2 ms for a megabyte, however many there are. They have a `Map` of their own, where no other key can look
 * like a digest.
 *
 * 1. V8, src/objects/string.h, `String::kMaxHashCalcLength`.
 */
export class LongKeys<T> {
  readonly #values = new Map<string, T>();
  /** The last key that was asked for, for it is often set or removed then. */
  #last = '';
  #digest = '';

  get(key: string): T | undefined {
    return this.#values.get(this.#nameOf(key));
  }

  set(key: string, value: T): void {
    this.#values.set(this.#nameOf(key), value);
  }

  delete(key: string): void {
    this.#values.delete(this.#nameOf(key));
    this.#last = '';
  }

  #nameOf(key: string): string {
    // The same object as a rule, so that the two are not compared unit by unit.
    if (key !== this.#last) {
      // Of UTF-16, for in UTF-8 all lone surrogates are one. Loaded here, for it takes as long to load as all the rest.
      const { createHash } = process.getBuiltinModule('node:crypto');
      this.#digest = createHash('sha256').update(Buffer.from(key, 'utf16le')).digest('base64');
      this.#last = key;
    }
    return this.#digest;
  }
}

/** From key to value, however long keys are. */
export class KeyMap<T> {
  readonly #short = new Map<string, T>();
  #long: LongKeys<T> | undefined;

  get(key: string): T | undefined {
    return key.length > LONGEST_HASHED ? this.#long?.get(key) : this.#short.get(key);
  }

  set(key: string, value: T): void {
    if (key.length > LONGEST_HASHED) (this.#long ??= new LongKeys()).set(key, value);
    else this.#short.set(key, value);
  }

  delete(key: string): void {
    if (key.length > LONGEST_HASHED) this.#long?.delete(key);
    else this.#short.delete(key);
  }
}

/** The longest key that a `Map` hashes as a whole. */
export const LONGEST_HASHED: number = 2 ** 14 - 1;
