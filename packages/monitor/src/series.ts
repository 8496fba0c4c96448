/** The label value of the series that takes what the limit refuses. */
const OVERFLOW = '__overflow__';

interface SeriesSetOptions<S> {
  /** Completes "Cannot …", such as `use "tool.calls"`. */
  readonly subject: string;
  readonly labels: readonly string[];
  readonly limit: number;
  make(labelValues: readonly string[]): S;
  /** Called each time that a combination of label values is refused a series of its own. */
  onOverflow(): void;
}

type Tree<S> = Map<string, Tree<S> | S>;

/**
 * The series of one metric, by label values.
 *
 * One Map for each label, nested: no text can make two combinations meet, as it can where values are joined to one key,
 * and a lookup makes no garbage. Above `limit` series a new combination goes to one overflow series, all of whose labels
 * are `__overflow__`, and leaves nothing behind; so memory stays flat whatever is sent.
 */
export class SeriesSet<S> implements Iterable<S> {
  readonly #options: SeriesSetOptions<S>;
  readonly #depth: number;
  readonly #all: S[] = [];
  #root: Tree<S> | S | undefined;

  constructor(options: SeriesSetOptions<S>) {
    this.#options = options;
    this.#depth = options.labels.length;
    // A metric without labels has its one series from the start, so that it is exported as 0 and not as absent.
    if (this.#depth === 0) this.#insert([]);
  }

  [Symbol.iterator](): Iterator<S> {
    return this.#all.values();
  }

  /** @throws TypeError when there is not one string for each label */
  get(labelValues: readonly string[]): S {
    return this.find(labelValues) ?? this.#admit(labelValues);
  }

  find(labelValues: readonly string[]): S | undefined {
    if (labelValues.length !== this.#depth) this.#reject(`${labelValues.length} values`);
    let node = this.#root;
    for (let i = 0; i < labelValues.length && node !== undefined; i++) node = (node as Tree<S>).get(labelValues[i]!);
    return node as S | undefined;
  }

  /** Only strings are ever inserted, so that every other value arrives here. */
  #admit(labelValues: readonly string[]): S {
    for (const value of labelValues) if (typeof value !== 'string') this.#reject(String(value));
    if (this.#all.length < this.#options.limit) return this.#insert(labelValues);
    this.#options.onOverflow();
    const overflow = labelValues.map(() => OVERFLOW);
    return this.find(overflow) ?? this.#insert(overflow);
  }

  #insert(labelValues: readonly string[]): S {
    const made = this.#options.make(Object.freeze([...labelValues]));
    this.#all.push(made);
    const last = labelValues.at(-1);
    if (last === undefined) this.#root = made;
    else {
      let node = (this.#root ??= new Map()) as Tree<S>;
      for (const value of labelValues.slice(0, -1)) {
        if (!node.has(value)) node.set(value, new Map());
        node = node.get(value) as Tree<S>;
      }
      node.set(last, made);
    }
    return made;
  }

  #reject(got: string): never {
    const { subject, labels } = this.#options;
    const wanted = labels.length === 0 ? 'no label values' : `one string for each of ${labels.join(', ')}`;
    throw new TypeError(`Cannot ${subject}: it takes ${wanted}, got ${got}`);
  }
}
