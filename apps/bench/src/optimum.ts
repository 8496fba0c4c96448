/**
 * The hit ratio that no cache of this size can exceed, for it knows the future: when room is needed, what is asked for
 * last leaves, be it the newcomer itself [1].
 *
 * Entries are kept by the time of their next request, as bits in a set over all times: each time is a request, so it
 * stands for one key. The set is a tree of 32 bits a node, where the last member is found in as many steps as it has
 * levels, so that a million requests take a tenth of a second.
 *
 * 1. L. A. Belady, A study of replacement algorithms for a virtual-storage computer, IBM Systems Journal 5(2), 1966.
 */
export function optimalHitRatio(trace: Uint32Array, maxSize: number): number {
  const next = nextRequests(trace);
  const wanted = new TimeSet(trace.length);
  let hits = 0;
  for (let time = 0; time < trace.length; time++) {
    if (wanted.delete(time)) hits += 1;
    const again = next[time]!;
    // What is never asked for again is not worth its place, even for one moment.
    if (again === NEVER) continue;
    wanted.add(again);
    if (wanted.size > maxSize) wanted.delete(wanted.last());
  }
  return hits / trace.length;
}

const NEVER = 2 ** 32 - 1;

/** For each request, the time of the next one for the same key. */
function nextRequests(trace: Uint32Array): Uint32Array {
  const next = new Uint32Array(trace.length);
  const upcoming = new Map<number, number>();
  for (let time = trace.length - 1; time >= 0; time--) {
    next[time] = upcoming.get(trace[time]!) ?? NEVER;
    upcoming.set(trace[time]!, time);
  }
  return next;
}

/** A set of whole numbers below `end`; each bit of a level says whether its word of the level below holds any. */
class TimeSet {
  size = 0;
  readonly #levels: Uint32Array[] = [];

  constructor(end: number) {
    let words = end;
    do {
      words = Math.ceil(words / 32);
      this.#levels.push(new Uint32Array(words));
    } while (words > 1);
  }

  /** The number must be new. */
  add(number: number): void {
    this.size += 1;
    let index = number;
    for (const level of this.#levels) {
      level[index >>> 5]! |= 1 << (index & 31);
      index >>>= 5;
    }
  }

  /** Returns whether it was there. */
  delete(number: number): boolean {
    if (((this.#levels[0]![number >>> 5]! >>> (number & 31)) & 1) === 0) return false;
    this.size -= 1;
    let index = number;
    for (const level of this.#levels) {
      level[index >>> 5]! &= ~(1 << (index & 31));
      if (level[index >>> 5] !== 0) break;
      index >>>= 5;
    }
    return true;
  }

  /** The highest; only while there is one. */
  last(): number {
    return this.#levels.reduceRight((index, level) => index * 32 + 31 - Math.clz32(level[index]!), 0);
  }
}
