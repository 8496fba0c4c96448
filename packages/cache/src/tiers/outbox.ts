import { patternMatcher } from './pattern.ts';
import type { Invalidation } from './store.ts';

/** One invalidation on its way; `number` grows in the order in which they came. */
export interface Letter {
  readonly number: number;
  /** Names the invalidation among all others. */
  readonly id: string;
  readonly invalidation: Invalidation;
  readonly matches: ((key: string) => boolean) | undefined;
  sent: boolean;
}

/** Above any of these, all that waits becomes one `{ kind: 'all' }`: to forget too much is safe, to forget one is not. */
const MAX_LETTERS = 10_000;
const MAX_CHARACTERS = 4 * 1024 * 1024;
/** Less, for each read is matched with every pattern that waits. */
const MAX_PATTERNS = 100;

/**
 * Invalidations that the store has not confirmed, in the order of their numbers, each at most once.
 *
 * A letter stays until its batch is confirmed; a batch that failed is simply sent again. One that is asked for anew while
 * it is in flight is put behind, with a new number, for what was written since it left is its concern too; one that has
 * not been sent yet stands for both.
 */
export class Outbox {
  readonly #letters = new Map<string, Letter>();
  readonly #patterns = new Set<Letter>();
  #characters = 0;
  #last = 0;
  #collapsed = 0;

  get size(): number {
    return this.#letters.size;
  }

  /** How many letters lost their own text to an `all`. */
  get collapsed(): number {
    return this.#collapsed;
  }

  /** Returns the number whose confirmation covers the invalidation. */
  add(invalidation: Invalidation): number {
    const all = this.#letters.get('all');
    const id = idOf(invalidation);
    const waiting = all?.sent === false ? all : this.#letters.get(id);
    if (waiting?.sent === false) return waiting.number;
    if (invalidation.kind === 'all') this.#clear();
    this.#remove(waiting);
    this.#last += 1;
    const matches = invalidation.kind === 'pattern' ? patternMatcher(invalidation) : undefined;
    const letter: Letter = { number: this.#last, id, invalidation, matches, sent: false };
    this.#letters.set(id, letter);
    this.#characters += id.length;
    if (matches !== undefined) this.#patterns.add(letter);
    if (!this.#isFull()) return letter.number;
    this.#collapsed += this.#letters.size;
    return this.add({ kind: 'all' });
  }

  /** The oldest letters, at most `limit`: in flight until {@link confirm} or {@link fail}. */
  take(limit: number): readonly Letter[] {
    const batch: Letter[] = [];
    for (const letter of this.#letters.values()) {
      if (batch.length >= limit) break;
      letter.sent = true;
      batch.push(letter);
    }
    return batch;
  }

  confirm(batch: readonly Letter[]): void {
    for (const letter of batch) if (this.#letters.get(letter.id) === letter) this.#remove(letter);
  }

  fail(batch: readonly Letter[]): void {
    for (const letter of batch) letter.sent = false;
  }

  /** Whether something unconfirmed makes a record under this key, with these tags, one that is not to be read. */
  concerns(key: string, tags: readonly string[]): boolean {
    if (this.#letters.size === 0) return false;
    if (this.#letters.has('all') || this.#letters.has(`key ${key}`)) return true;
    for (const tag of tags) if (this.#letters.has(`tag ${tag}`) || this.#letters.has(`soft ${tag}`)) return true;
    for (const letter of this.#patterns) if (letter.matches!(key)) return true;
    return false;
  }

  #isFull(): boolean {
    return this.#letters.size > MAX_LETTERS || this.#characters > MAX_CHARACTERS || this.#patterns.size > MAX_PATTERNS;
  }

  #remove(letter: Letter | undefined): void {
    if (letter === undefined || !this.#letters.delete(letter.id)) return;
    this.#characters -= letter.id.length;
    this.#patterns.delete(letter);
  }

  #clear(): void {
    this.#letters.clear();
    this.#patterns.clear();
    this.#characters = 0;
  }
}

/** Soft and hard ones of a tag stay apart: to a store they are one, to the first tiers that hear of them later not. */
function idOf(invalidation: Invalidation): string {
  if (invalidation.kind === 'all') return 'all';
  if (invalidation.kind === 'key') return `key ${invalidation.key}`;
  if (invalidation.kind === 'tag') return `${invalidation.soft === true ? 'soft' : 'tag'} ${invalidation.tag}`;
  return `pattern ${invalidation.prefix.length} ${invalidation.prefix}${invalidation.glob}`;
}
