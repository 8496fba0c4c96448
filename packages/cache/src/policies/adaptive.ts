import { randomRatios } from '@forge/internal';
import type { Admission, EvictionPolicy } from './eviction-policy.ts';
import { aged, EvictedUses, MOST_USES } from './evicted-uses.ts';
import { lengthened } from './lengthened.ts';
import { SlotRing } from './slot-ring.ts';

/**
 * A small window for what is new, a main part for what proved useful, and a memory of what left: near to the best policy
 * for a load, whether it repeats itself by recency, by frequency or in loops, and whatever scans sweep over it.
 *
 * Newcomers queue in the window, first in, first out. Who comes to its end duels with the victim of the main part, which
 * is a queue with second chances [1]: a use earns an entry another round. The one with the lower count leaves, and its
 * count is remembered for three times as many evictions as there are entries, so that a key which is wanted again and
 * again gets in although each of its visits was short. This is the admission of W-TinyLFU [2], with queues for its lists
 * and an exact memory of the evicted for its sketch: a sketch needs a hash on each read, which JavaScript cannot get
 * cheaply, and lets keys collide. S3-FIFO [3] has such queues, too, but remembers of a key only that it was there.
 *
 * A hit writes one byte: no order is kept up, nothing is hashed, no clock is read.
 *
 * - A newcomer wins by two, not by one. It has just been read, and a loop may be about to read the incumbent: at a
 *   difference of one, each round of a loop that is larger than the cache could replace what the next one needs.
 * - What was won with is spent: uses in the window are not counted once more in the main part.
 * - A loser that is often used comes in with a chance of 1/128 anyway [2]: else somebody who has read a set of keys often
 *   enough could keep all others out.
 * - Counts end at 15 and lose half of their worth whenever ten times as many were evicted as there are entries.
 * - Until something must leave, everything enters the main part, and nothing of the above is done.
 *
 * How large the window should be, and whether to duel at all, depends on the load. A tuner finds out from a sample of the
 * keys: the highest bit of an entry's byte says that it is one of them, so that the others pay nothing. 15 bytes for each
 * entry and 13 for the memory of the evicted; every operation is O(1).
 *
 * 1. F. J. Corbató, A paging experiment with the Multics system, MIT Project MAC report MAC-M-384, 1968 (CLOCK).
 * 2. G. Einziger, R. Friedman, B. Manes, TinyLFU: a highly efficient cache admission policy, ACM TOS 13(4), 2017; the
 *    chance of losers is from its implementation, Caffeine.
 * 3. J. Yang et al., FIFO queues are all you need for cache eviction, SOSP 2023.
 */
export class AdaptivePolicy implements EvictionPolicy {
  readonly #stance: Stance;
  readonly #tuner: Tuner | undefined;
  readonly #fingerprintOf: (slot: number) => number;
  #random: (() => number) | undefined;
  readonly #evicted = new EvictedUses();

  // One ring for both: the main part from its oldest on, then the window, whose oldest is `#firstInWindow`, 0 if it is empty. To
  // move from the end of the window to the start of the main part is to move this boundary.
  readonly #ring = new SlotRing();
  #firstInWindow = 0;
  #inWindow = 0;
  #inMain = 0;

  /** Uses since the slot was filled or last passed by, 0 … 3, and `SAMPLED`. */
  #uses = new Uint8Array(1);
  /** Uses counted before, the place and the epoch of the count. */
  #records = new Uint16Array(1);
  #fingerprints = new Int32Array(1);

  #epoch = 0;
  #evictionsInEpoch = 0;
  #full = false;

  constructor({ stance = DEFAULT_STANCE, tuner, fingerprintOf, random }: AdaptiveOptions = {}) {
    this.#stance = stance;
    this.#tuner = tuner;
    this.#fingerprintOf = fingerprintOf ?? (() => 0);
    this.#random = random;
  }

  grow(capacity: number): void {
    this.#ring.grow(capacity);
    this.#uses = lengthened(this.#uses, capacity + 1);
    this.#records = lengthened(this.#records, capacity + 1);
    this.#fingerprints = lengthened(this.#fingerprints, capacity + 1);
  }

  insert(slot: number, { fingerprint }: Admission): void {
    this.#fingerprints[slot] = fingerprint;
    this.#uses[slot] = 0;
    this.#ring.insert(slot);
    if (this.#full) {
      this.#insertInWindow(slot);
    } else {
      this.#inMain += 1;
      this.#records[slot] = 0;
    }
  }

  touch(slot: number): void {
    const uses = this.#uses[slot]!;
    if (uses < MOST_RECENT_USES) this.#uses[slot] = uses + 1;
    else if (uses >= SAMPLED) this.#touchSampled(slot, uses);
  }

  update(slot: number): void {
    this.touch(slot);
  }

  remove(slot: number): void {
    if ((this.#records[slot]! & IN_WINDOW) === 0) {
      this.#inMain -= 1;
    } else {
      if (slot === this.#firstInWindow) this.#firstInWindow = this.#ring.after(slot);
      this.#inWindow -= 1;
    }
    this.#ring.remove(slot);
  }

  evict(): number {
    this.#full = true;
    const held = this.#inWindow + this.#inMain;
    this.#evicted.fit(REMEMBERED * held);
    this.#tuner?.fit(held);
    this.#evictionsInEpoch += 1;
    if (this.#evictionsInEpoch > EPOCH * held) {
      this.#evictionsInEpoch = 0;
      this.#epoch = (this.#epoch + 1) % 256;
    }
    const slot = this.#choose(held);
    this.remove(slot);
    // One more for having been read when it came.
    this.#evicted.put(this.#fingerprint(slot), Math.min(this.#count(slot) + 1, MOST_USES), this.#epoch);
    return slot;
  }

  slots(): Iterable<number> {
    return this.#ring;
  }

  #insertInWindow(slot: number): void {
    const fingerprint = this.#fingerprint(slot);
    if (this.#inWindow === 0) this.#firstInWindow = slot;
    this.#inWindow += 1;
    this.#record(slot, this.#evicted.take(fingerprint, this.#epoch) | IN_WINDOW);
    if (this.#tuner?.samples(fingerprint) !== true) return;
    this.#uses[slot] = SAMPLED;
    this.#tuner.read(fingerprint, false);
  }

  #fingerprint(slot: number): number {
    let fingerprint = this.#fingerprints[slot]!;
    if (fingerprint === 0) {
      fingerprint = this.#fingerprintOf(slot);
      this.#fingerprints[slot] = fingerprint;
    }
    return fingerprint;
  }

  #touchSampled(slot: number, uses: number): void {
    if (uses < SAMPLED + MOST_RECENT_USES) this.#uses[slot] = uses + 1;
    this.#tuner!.read(this.#fingerprint(slot), true);
  }

  #choose(capacity: number): number {
    const { window, admission } = this.#tuner?.stance ?? this.#stance;
    const target = Math.max(1, Math.round(capacity * window));
    // A window that is to shrink hands over one more at each eviction; one that is to grow is left alone meanwhile.
    if (this.#inWindow > target) this.#admit();
    if (this.#inMain === 0) return this.#firstInWindow;
    const victim = this.#victim();
    if (this.#inWindow < target) return victim;
    const candidate = this.#firstInWindow;
    if (admission === 'duel') {
      if (!this.#wins(candidate, victim)) return candidate;
      this.#uses[candidate]! &= SAMPLED;
    }
    this.#admit();
    return victim;
  }

  #wins(candidate: number, victim: number): boolean {
    const count = this.#count(candidate);
    return count > this.#count(victim) + 1 || (count >= WARM && this.#isLucky());
  }

  #isLucky(): boolean {
    this.#random ??= randomRatios();
    return this.#random() < WARM_CHANCE;
  }

  /** The oldest of the window becomes the newest of the main part. */
  #admit(): void {
    const slot = this.#firstInWindow;
    this.#firstInWindow = this.#ring.after(slot);
    this.#records[slot]! &= ~IN_WINDOW;
    this.#inWindow -= 1;
    this.#inMain += 1;
  }

  /** The first in the main part that was not used since it was last passed by. */
  #victim(): number {
    for (let passed = 0; passed < MOST_PASSED; passed++) {
      const slot = this.#ring.oldest;
      const uses = this.#uses[slot]! & ~SAMPLED;
      if (uses === 0) return slot;
      // Entries that were there before the tuner, or before it chose another sample, join the sample here.
      this.#uses[slot] = (uses - 1) | this.#sampledBit(slot);
      this.#record(slot, Math.min(this.#counted(slot) + 1, MOST_USES));
      this.#ring.remove(slot);
      this.#ring.insert(slot, this.#firstInWindow);
    }
    return this.#ring.oldest;
  }

  #count(slot: number): number {
    return this.#counted(slot) + (this.#uses[slot]! & ~SAMPLED);
  }

  #counted(slot: number): number {
    const record = this.#records[slot]!;
    return aged(record & MOST_USES, record >>> EPOCH_SHIFT, this.#epoch);
  }

  #record(slot: number, countedAndPlace: number): void {
    this.#records[slot] = (this.#epoch << EPOCH_SHIFT) | countedAndPlace;
  }

  #sampledBit(slot: number): number {
    return this.#tuner?.samples(this.#fingerprint(slot)) === true ? SAMPLED : 0;
  }
}

/** How entries come to stay. */
export interface Stance {
  /** The window's share of the entries, 0 … 1; one entry at least. */
  readonly window: number;
  /** What leaves the window stays if it wins a duel, or always, which makes the policy one of recency. */
  readonly admission: 'duel' | 'always';
}

/** Chooses the stance by what it is told of some of the keys. */
export interface Tuner {
  readonly stance: Stance;
  /** Told at each eviction: so many entries fill the cache. */
  fit(capacity: number): void;
  /** Whether the reads of this key are to be told. */
  samples(fingerprint: number): boolean;
  read(fingerprint: number, hit: boolean): void;
}

export interface AdaptiveOptions {
  /** Where there is no tuner. @default a window of a tenth, with duels */
  readonly stance?: Stance;
  readonly tuner?: Tuner;
  /** Asked, when it is needed and not before, for a fingerprint of which `insert` was told 0. @default () => 0 */
  readonly fingerprintOf?: ((slot: number) => number) | undefined;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

const DEFAULT_STANCE: Stance = { window: 0.1, admission: 'duel' };

/** Evictions remembered, in entries that the cache holds. */
const REMEMBERED = 3;
/** Evictions after which counts halve, in entries that the cache holds. */
const EPOCH = 10;
/** Passing by is O(1) for each hit before; all hits together must not stall the one eviction that comes after them. */
const MOST_PASSED = 1024;
const WARM = 6;
const WARM_CHANCE = 1 / 128;

const SAMPLED = 128;
const MOST_RECENT_USES = 3;
// A record: the epoch in the high byte, then the place, then MOST_USES as a mask.
const EPOCH_SHIFT = 8;
const IN_WINDOW = 16;
