/**
 * The tags of each slot and the slots of each tag, where all that carries a tag is withdrawn in O(1).
 *
 * A tag has versions. Entries are filed under the present one; `end` closes it, and whatever is filed there is withdrawn
 * from that moment on, while an entry that is set later opens the next version. Taking the withdrawn entries out of the
 * table may then be spread over as many turns as it takes. A version is an object and no number: an entry holds its
 * versions themselves, so that there is nothing to compare and nothing that could wrap around.
 *
 * A tag is forgotten with its last slot, so that tags which are made up per request leave nothing behind. Each pair of slot
 * and tag is a number, its filing, with links in typed arrays: 20 bytes and no object, and a tag of a million entries
 * grows without the stall of a Set.
 */
import { NO_TAGS } from './memory-options.ts';
import { PagedArray } from './paged-array.ts';

/** One generation of a tag, from the first entry that is filed under it until it ends. */
export interface TagVersion {
  readonly tag: string;
  /** How many slots are filed here. */
  readonly size: number;
}

class Version implements TagVersion {
  readonly tag: string;
  size = 0;
  ended = false;
  /** The last that was filed; 0 when there is none. */
  latest = 0;

  constructor(tag: string) {
    this.tag = tag;
  }
}

const FIRST_LENGTH = 64;

export class TagIndex {
  readonly #present = new Map<string, Version>();
  /** Those that ended and still have slots. */
  readonly #ended = new Set<Version>();

  /** By slot, its first filing; 0 for none. */
  #filings = new Int32Array(FIRST_LENGTH);

  // By filing, from 1; 0 ends every list.
  #slots = new Int32Array(FIRST_LENGTH);
  /** The next tag of the same slot; of a filing that is free, the next free one. */
  #others = new Int32Array(FIRST_LENGTH);
  /** Neighbours in the version. */
  #earlier = new Int32Array(FIRST_LENGTH);
  #later = new Int32Array(FIRST_LENGTH);
  readonly #versions = new PagedArray<Version | undefined>(undefined);
  #free = 0;

  /** Whether anything is withdrawn and not yet released. */
  get withdrawing(): boolean {
    return this.#ended.size > 0;
  }

  /** Replaces what the slot had. The tags differ from each other. */
  assign(slot: number, tags: readonly string[]): void {
    this.release(slot);
    if (tags.length === 0) return;
    if (slot >= this.#filings.length) this.#filings = extended(this.#filings, slot);
    // From the last to the first: each goes to the head of the slot's list.
    for (let index = tags.length - 1; index >= 0; index--) this.#file(slot, this.#versionOf(tags[index]!));
  }

  release(slot: number): void {
    let filing = this.#filings[slot] ?? 0;
    if (filing === 0) return;
    this.#filings[slot] = 0;
    while (filing !== 0) {
      const other = this.#others[filing]!;
      this.#withdraw(filing);
      filing = other;
    }
  }

  tagsOf(slot: number): readonly string[] {
    let filing = this.#filings[slot] ?? 0;
    if (filing === 0) return NO_TAGS;
    const tags: string[] = [];
    for (; filing !== 0; filing = this.#others[filing]!) tags.push(this.#versions.at(filing)!.tag);
    return Object.freeze(tags);
  }

  /** How many slots carry the tag. */
  countOf(tag: string): number {
    return this.#present.get(tag)?.size ?? 0;
  }

  /** Ends the tag's present version and returns it; undefined when no slot carries the tag. */
  end(tag: string): TagVersion | undefined {
    const version = this.#present.get(tag);
    if (version === undefined) return undefined;
    this.#present.delete(tag);
    version.ended = true;
    this.#ended.add(version);
    return version;
  }

  /** Whether a version that the slot is filed under has ended. */
  isWithdrawn(slot: number): boolean {
    if (this.#ended.size === 0) return false;
    for (let filing = this.#filings[slot] ?? 0; filing !== 0; filing = this.#others[filing]!) {
      if (this.#versions.at(filing)!.ended) return true;
    }
    return false;
  }

  /** A slot that is to be released: of this version, or of any that has ended; undefined when there is none. */
  withdrawnSlot(of?: TagVersion): number | undefined {
    const version = (of as Version | undefined) ?? this.#ended.values().next().value;
    return version === undefined || version.size === 0 ? undefined : this.#slots[version.latest]!;
  }

  #versionOf(tag: string): Version {
    const present = this.#present.get(tag);
    if (present !== undefined) return present;
    const version = new Version(tag);
    this.#present.set(tag, version);
    return version;
  }

  #file(slot: number, version: Version): void {
    const filing = this.#take(version);
    this.#slots[filing] = slot;
    this.#others[filing] = this.#filings[slot]!;
    this.#filings[slot] = filing;
    this.#earlier[filing] = version.latest;
    this.#later[filing] = 0;
    if (version.latest !== 0) this.#later[version.latest] = filing;
    version.latest = filing;
    version.size++;
  }

  #withdraw(filing: number): void {
    const version = this.#versions.at(filing)!;
    const earlier = this.#earlier[filing]!;
    const later = this.#later[filing]!;
    if (earlier !== 0) this.#later[earlier] = later;
    if (later === 0) version.latest = earlier;
    else this.#earlier[later] = earlier;
    this.#versions.set(filing, undefined);
    this.#others[filing] = this.#free;
    this.#free = filing;
    version.size--;
    if (version.size > 0) return;
    if (version.ended) this.#ended.delete(version);
    else this.#present.delete(version.tag);
  }

  #take(version: Version): number {
    const filing = this.#free === 0 ? this.#versions.length : this.#free;
    if (filing === this.#free) this.#free = this.#others[filing]!;
    else if (filing >= this.#slots.length) this.#grow(filing);
    this.#versions.set(filing, version);
    return filing;
  }

  #grow(filing: number): void {
    this.#slots = extended(this.#slots, filing);
    this.#others = extended(this.#others, filing);
    this.#earlier = extended(this.#earlier, filing);
    this.#later = extended(this.#later, filing);
  }
}

/** A copy that has room for the index, and for as many again as it had. */
function extended(numbers: Int32Array<ArrayBuffer>, index: number): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(Math.max(index + 1, 2 * numbers.length));
  longer.set(numbers);
  return longer;
}
