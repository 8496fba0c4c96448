import type { Milliseconds } from '../../units.ts';

/** A place in the order of a cache's invalidations, from 1; never a time, for two things may happen in one millisecond. */
export type Sequence = number;

/** One invalidation, by its place and its moment. */
export interface Mark {
  readonly sequence: Sequence;
  readonly at: Milliseconds;
}

/** Invalidations of one thing that are told apart. */
const MOST_MARKS = 16;
/** Tags that are remembered one by one. */
const MOST_TAGS = 10_000;

/**
 * The invalidations of one thing, in order. Bounded: of more than sixteen the two oldest become one, at the place of the
 * later and the time of the earlier, so that what they concern seems older than it is and never younger.
 */
export class Marks {
  readonly #marks: Mark[] = [];

  /** Undefined when there is none. */
  get latest(): Mark | undefined {
    return this.#marks.at(-1);
  }

  add(mark: Mark): void {
    this.#marks.push(mark);
    if (this.#marks.length > MOST_MARKS) this.#marks.splice(0, 2, merged(this.#marks[0]!, this.#marks[1]!));
  }

  /** The first that came after that place. */
  after(sequence: Sequence): Mark | undefined {
    return this.#marks.find((mark) => mark.sequence > sequence);
  }

  /** All of them as one. */
  merged(): Mark {
    return merged(this.#marks[0]!, this.#marks.at(-1)!);
  }
}

/**
 * Remembers which tags were invalidated, and after what, so that a value which was on its way then is known to be older,
 * even if it learns its tags only at the end.
 *
 * Bounded: beyond 10,000 tags the one that was invalidated longest ago is forgotten, and its invalidation becomes one of
 * every tag. That errs on the safe side: a value may be taken for older than an invalidation that did not concern it.
 */
export class InvalidationLog {
  readonly #tags = new Map<string, Marks>();
  #anyTag: Marks | undefined;

  get isEmpty(): boolean {
    return this.#tags.size === 0;
  }

  add(tag: string, mark: Mark): void {
    const marks = this.#tags.get(tag) ?? new Marks();
    marks.add(mark);
    // Deleted first, so that the Map's order is that of the invalidations.
    this.#tags.delete(tag);
    this.#tags.set(tag, marks);
    if (this.#tags.size <= MOST_TAGS) return;
    const [oldest, forgotten] = this.#tags.entries().next().value!;
    this.#tags.delete(oldest);
    (this.#anyTag ??= new Marks()).add(forgotten.merged());
  }

  /** When one of the tags was first invalidated after that place; undefined if none was. */
  since(sequence: Sequence, tags: Iterable<string>): Milliseconds | undefined {
    let first = Infinity;
    let isTagged = false;
    for (const tag of tags) {
      isTagged = true;
      first = Math.min(first, this.#tags.get(tag)?.after(sequence)?.at ?? Infinity);
    }
    if (isTagged) first = Math.min(first, this.#anyTag?.after(sequence)?.at ?? Infinity);
    return first === Infinity ? undefined : first;
  }

  clear(): void {
    this.#tags.clear();
    this.#anyTag = undefined;
  }
}

function merged(earlier: Mark, later: Mark): Mark {
  return { sequence: later.sequence, at: earlier.at };
}
