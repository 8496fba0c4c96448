import type { Milliseconds } from '../../units.ts';
import type { Entry } from './entry.ts';
import { InvalidationLog, Marks, type Mark } from './invalidation-log.ts';

/**
 * What was heard since an entry was last checked that makes it stale before its time: a tag of it was expired, or frames
 * of the bus may have been missed. It is then stale since that moment: served and renewed as any stale entry is, so that
 * no doubt ever empties a cache at once.
 */
export class Doubts {
  readonly #softened = new InvalidationLog();
  readonly #suspicions = new Marks();
  #isEmpty = true;

  /** Nothing was heard yet. */
  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** Entries with the tag that were checked before are stale. */
  soften(tag: string, mark: Mark): void {
    this.#isEmpty = false;
    this.#softened.add(tag, mark);
  }

  /** Every entry that was checked before is suspect. */
  suspect(mark: Mark): void {
    this.#isEmpty = false;
    this.#suspicions.add(mark);
  }

  isSuspect({ checkedAt }: Entry): boolean {
    return (this.#suspicions.latest?.sequence ?? 0) > checkedAt;
  }

  freshUntil(entry: Entry): Milliseconds {
    const { checkedAt, freshUntil, tags } = entry;
    if (this.#isEmpty) return freshUntil;
    const suspectSince = this.#suspicions.after(checkedAt)?.at ?? Infinity;
    return Math.min(freshUntil, suspectSince, this.#softened.since(checkedAt, tags) ?? Infinity);
  }
}
