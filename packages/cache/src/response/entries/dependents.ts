import type { Sequence } from './invalidation-log.ts';

/** Keys whose last content is remembered. */
const MOST_KEYS = 1000;
/** Both begin with a character that no one types into a tag. */
const DEPENDENCY = '\u0000from:';
const INHERITED = '\u0000via:';

/** The tag of everything that was made from the key's value. */
export function dependencyTag(key: string): string {
  return DEPENDENCY + key;
}

/**
 * The tag of everything that was made from a value with the tag. It goes with it when that is invalidated, but does not
 * become stale with it: if the value comes back as it was, what was made from it still holds.
 */
export function inheritedTag(tag: string): string {
  return INHERITED + tag;
}

/** What an entry that is made from one with these tags carries because of them. */
export function heirTags(tags: readonly string[]): readonly string[] {
  return tags.map((tag) => (isDerived(tag) ? tag : inheritedTag(tag)));
}

/** Those that were given by name. */
export function ownTags(tags: readonly string[]): readonly string[] {
  return tags.some(isDerived) ? Object.freeze(tags.filter((tag) => !isDerived(tag))) : tags;
}

/** The keys that an entry with these tags was made from, also by way of others. */
export function dependenciesOf(tags: Iterable<string>): readonly string[] {
  const keys: string[] = [];
  for (const tag of tags) if (tag.startsWith(DEPENDENCY)) keys.push(tag.slice(DEPENDENCY.length));
  return keys;
}

function isDerived(tag: string): boolean {
  return tag.startsWith(DEPENDENCY) || tag.startsWith(INHERITED);
}

/** What is known of the content of a key whose entry left and is back. */
export interface Return {
  readonly differs: boolean;
  /** Who began at this place or later cannot have read what it was before. */
  readonly leftAt: Sequence;
}

interface LastContent {
  readonly name: string | undefined;
  readonly leftAt: Sequence;
  readonly tags: readonly string[];
}

/**
 * What the value was that left by time or for room while others depend on it, so that they stay valid when it comes back
 * unchanged. Bounded: what is forgotten counts as changed.
 */
export class LastContents {
  readonly #contents = new Map<string, LastContent>();

  remember(key: string, content: LastContent): void {
    this.#contents.delete(key);
    this.#contents.set(key, content);
    if (this.#contents.size > MOST_KEYS) this.#contents.delete(this.#contents.keys().next().value!);
  }

  /** Undefined when none is known to have left. */
  take(key: string, nameOf: () => string | undefined): Return | undefined {
    const last = this.#contents.get(key);
    if (last === undefined) return undefined;
    this.#contents.delete(key);
    return { differs: last.name === undefined || last.name !== nameOf(), leftAt: last.leftAt };
  }

  /** Forgets the keys that pass the test and returns them. */
  takeAll(test: (key: string, tags: readonly string[]) => boolean): string[] {
    const keys = [...this.#contents].filter(([key, { tags }]) => test(key, tags)).map(([key]) => key);
    for (const key of keys) this.#contents.delete(key);
    return keys;
  }

  clear(): void {
    this.#contents.clear();
  }
}
