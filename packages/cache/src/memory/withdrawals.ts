import { Ban } from './ban.ts';
import { NO_TAGS } from './memory-options.ts';
import type { Slots } from './slots.ts';
import { TagIndex, type TagVersion } from './tag-index.ts';

/**
 * What withdraws entries before they leave: tags that ended, and bans whose walk is not over. Whoever reads asks here, and
 * the entries leave in slices.
 */
export class Withdrawals {
  readonly #slots: Slots<unknown>;
  readonly #remove: (slot: number) => void;
  /** Made for the first tag. */
  #tags: TagIndex | undefined;
  #bans: readonly Ban[] = [];
  /** Whether there are entries that are withdrawn and still here, so that nobody else needs to look. */
  #pending = false;

  /** @param remove takes the entry in the slot out of the table */
  constructor(slots: Slots<unknown>, remove: (slot: number) => void) {
    this.#slots = slots;
    this.#remove = remove;
  }

  /** Whether entries wait that a tag withdrew; those of a ban leave by its own walk. */
  get tagPending(): boolean {
    return this.#tags?.withdrawing === true;
  }

  covers(slot: number): boolean {
    return this.#pending && (this.#tags?.isWithdrawn(slot) === true || this.banOf(slot) !== undefined);
  }

  /** The same where the entry leaves now, which the ban that withdrew it counts. */
  take(slot: number): boolean {
    if (!this.#pending) return false;
    const ban = this.banOf(slot);
    ban?.count();
    return ban !== undefined || this.#tags?.isWithdrawn(slot) === true;
  }

  banOf(slot: number): Ban | undefined {
    const key = this.#slots.keyOf(slot);
    return key === undefined ? undefined : this.#bans.find((ban) => ban.covers(slot, key));
  }

  /** The slot has a new entry, which nothing withdraws. */
  begin(slot: number, tags: readonly string[]): void {
    if (tags.length > 0 || this.#tags !== undefined) (this.#tags ??= new TagIndex()).assign(slot, tags);
    if (this.#pending) this.#spare(slot);
  }

  /** The slot has no entry. */
  end(slot: number): void {
    this.#tags?.release(slot);
    if (this.#pending) this.#spare(slot);
  }

  tagsOf(slot: number): readonly string[] {
    return this.#tags?.tagsOf(slot) ?? NO_TAGS;
  }

  countTag(tag: string): number {
    return this.#tags?.countOf(tag) ?? 0;
  }

  /** Withdraws what carries the tag; undefined when nothing does. */
  endTag(tag: string): TagVersion | undefined {
    const version = this.#tags?.end(tag);
    this.#notePending();
    return version;
  }

  /** A slot that a tag withdrew: this version of it, or any. */
  nextTagged(version?: TagVersion): number | undefined {
    return this.#tags?.withdrawnSlot(version);
  }

  /** Withdraws the entries whose key passes the test, until its walk is over. */
  ban(test: (key: string) => boolean): Ban {
    const ban = new Ban(test, {
      end: this.#slots.length,
      keyOf: (slot) => this.#slots.keyOf(slot),
      remove: this.#remove,
      lift: (lifted) => {
        this.#bans = this.#bans.filter((other) => other !== lifted);
        this.#notePending();
      },
    });
    this.#bans = [...this.#bans, ban];
    this.#notePending();
    return ban;
  }

  liftBans(): void {
    for (const ban of this.#bans) ban.lift();
  }

  #spare(slot: number): void {
    for (const ban of this.#bans) ban.spare(slot);
    this.#notePending();
  }

  #notePending(): void {
    this.#pending = this.#bans.length > 0 || this.tagPending;
  }
}
