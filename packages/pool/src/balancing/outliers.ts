/**
 * Which endpoints get no calls for a while, by what became of those that they got ("outlier detection", [1]): passive, so
 * that it costs no request of its own and judges what callers see.
 *
 * An endpoint is an outlier after five failures in a row, or when of twenty uses or more in ten seconds more than half
 * failed. It is ejected for 1 s, then 2 s … 60 s (up to a quarter shorter, at random, so that many callers do not return
 * together); each ten seconds in which it did well take one step back, so that one that flaps is ejected for longer each
 * time. After its pause the next use is a probe: success restores it, failure ejects it again. A probe of which nothing is
 * heard for ten seconds makes room for another one.
 *
 * Never more than half are ejected: where most fail, the cause is more likely here or in what they share, and the others
 * would drown in what all had. An outlier beyond that is `suspect`: it stays in use, at the cost that its failures give
 * it, and is ejected as soon as another is restored. Where those in use are suspects all, the ejected ones are used like
 * them ("panic", [2]): whichever comes back is found by the next callers and not at the end of its pause, and its success
 * draws the load from the dead.
 *
 * What began before an endpoint was ejected or restored says nothing about it afterwards and is not counted.
 *
 * [1] Envoy, "Outlier detection", architecture overview
 * [2] Envoy, "Panic threshold"
 *
 * @module
 */
import type { Clock, Milliseconds } from '../units.ts';
import { Window } from './window.ts';

const FAILURES = 5;
const SHARE = 0.5;
const USES = 20;
const SECONDS = 10;
const SHORTEST: Milliseconds = 1_000;
const LONGEST: Milliseconds = 60_000;
const JITTER = 1 / 4;
const FORGIVEN: Milliseconds = 10_000;
const PROBE_PATIENCE: Milliseconds = 10_000;

/** `suspect`: fails, but stays in use; `probing`: ejected, and one call is to find out whether it is back. */
export type EndpointState = 'healthy' | 'suspect' | 'ejected' | 'probing';

/** What is known of one endpoint; only {@link Outliers} writes it. */
export class Standing {
  isOutlier = false;
  isEjected = false;
  /** Grows when it is ejected or restored. To be kept with a use that begins. */
  round = 0;
  /** How often it was ejected, less what is forgiven. */
  ejections = 0;
  ejectedUntil: Milliseconds = -Infinity;
  probedUntil: Milliseconds = -Infinity;
  restoredAt: Milliseconds = -Infinity;
  failuresInARow = 0;
  readonly uses: Window = new Window(SECONDS);
  readonly failures: Window = new Window(SECONDS);
}

/** A group of endpoints, by their standings. */
export class Outliers<S extends Standing> {
  readonly #members = new Set<S>();
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #changed: (member: S) => void;
  #ejected = 0;
  #suspects = 0;

  /** @param changed is told of each ejection and of each restoration of one that was ejected */
  constructor(clock: Clock, random: () => number, changed: (member: S) => void) {
    this.#clock = clock;
    this.#random = random;
    this.#changed = changed;
  }

  /** Of those who are ejected; only then anything is due. */
  get ejected(): number {
    return this.#ejected;
  }

  /** Whether all that are in use fail. */
  get inPanic(): boolean {
    return this.#ejected + this.#suspects === this.#members.size;
  }

  add(member: S): void {
    this.#members.add(member);
  }

  /** Fewer members restore none: those who are ejected by now stay so. */
  remove(member: S): void {
    if (!this.#members.delete(member)) return;
    if (member.isEjected) this.#ejected -= 1;
    else if (member.isOutlier) this.#suspects -= 1;
  }

  stateOf(member: S): EndpointState {
    if (member.isEjected) return this.#clock.now() < member.probedUntil ? 'probing' : 'ejected';
    return member.isOutlier ? 'suspect' : 'healthy';
  }

  /** When somebody is to find out if it is back. */
  dueAt({ isEjected, ejectedUntil, probedUntil }: S): Milliseconds {
    return isEjected ? Math.max(ejectedUntil, probedUntil) : Infinity;
  }

  /** A use begins; of one that is ejected it is the probe. */
  began(member: S): void {
    if (member.isEjected) member.probedUntil = this.#clock.now() + PROBE_PATIENCE;
  }

  /** A use ended that says nothing. */
  cancelled(member: S, round: number): void {
    if (this.#counts(member, round)) member.probedUntil = -Infinity;
  }

  succeeded(member: S, round: number): void {
    if (!this.#counts(member, round)) return;
    member.failuresInARow = 0;
    if (member.isOutlier) this.#restore(member);
    else member.uses.add(this.#clock.now());
  }

  failed(member: S, round: number): void {
    if (!this.#counts(member, round)) return;
    const now = this.#clock.now();
    if (member.isEjected) {
      member.probedUntil = -Infinity;
      // Sooner it was no probe but a use in panic.
      if (now >= member.ejectedUntil) this.#eject(member);
      return;
    }
    member.uses.add(now);
    member.failures.add(now);
    member.failuresInARow += 1;
    if (!member.isOutlier && isOutlier(member, now)) this.#condemn(member);
  }

  #counts(member: S, round: number): boolean {
    return round === member.round && this.#members.has(member);
  }

  #condemn(member: S): void {
    member.isOutlier = true;
    this.#suspects += 1;
    if (this.#mayEject) this.#eject(member);
  }

  get #mayEject(): boolean {
    return this.#ejected + 1 <= this.#members.size / 2;
  }

  #eject(member: S): void {
    const now = this.#clock.now();
    if (!member.isEjected) {
      member.isEjected = true;
      this.#ejected += 1;
      this.#suspects -= 1;
      member.ejections = Math.max(0, member.ejections - Math.floor((now - member.restoredAt) / FORGIVEN));
    }
    const pause = Math.min(LONGEST, SHORTEST * 2 ** member.ejections);
    member.ejections += 1;
    member.ejectedUntil = now + pause * (1 - JITTER * this.#random());
    member.round += 1;
    this.#changed(member);
  }

  #restore(member: S): void {
    const wasEjected = member.isEjected;
    if (wasEjected) this.#ejected -= 1;
    else this.#suspects -= 1;
    member.isEjected = false;
    member.isOutlier = false;
    member.round += 1;
    member.restoredAt = this.#clock.now();
    member.probedUntil = -Infinity;
    member.uses.clear();
    member.failures.clear();
    if (wasEjected) this.#changed(member);
    for (const other of this.#members) {
      if (other.isOutlier && !other.isEjected && this.#mayEject) this.#eject(other);
    }
  }
}

function isOutlier({ failuresInARow, uses, failures }: Standing, now: Milliseconds): boolean {
  if (failuresInARow >= FAILURES) return true;
  const count = uses.sum(now);
  return count >= USES && failures.sum(now) > SHARE * count;
}
