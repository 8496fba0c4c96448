import { COLUMNS, KEYS, ROWS, type Target } from './messages.ts';
import type { Random } from './random.ts';

/** What loading takes, in ms: long enough that invalidations come meanwhile. */
const LEAST_LOAD = 5;
const LONGEST_LOAD = 40;

/** The keys that one invalidation concerns, with their versions since. */
export type Change = readonly { readonly key: number; readonly version: number }[];

/** Holds a version of each key, which only grows, and knows since when each should not be read any more. */
export class Origin {
  readonly #random: Random;
  /** By key and version: when the invalidation had resolved that followed the change to this version. */
  readonly #toldAt: number[][] = Array.from({ length: KEYS }, () => [-Infinity]);
  readonly #held = new Map<number, number[]>();
  loads = 0;
  /** Keys invalidated, as often as they were. */
  changes = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The version of the key. It is that of the begin, so that it may have been replaced when it arrives. */
  async load(worker: number, key: number): Promise<number> {
    this.loads += 1;
    const held = this.#held.get(worker);
    if (held !== undefined) {
      held.push(key);
      return new Promise(() => {});
    }
    const version = this.#toldAt[key]!.length - 1;
    const delay = LEAST_LOAD + this.#random() * (LONGEST_LOAD - LEAST_LOAD);
    await new Promise((resolve) => setTimeout(resolve, delay));
    return version;
  }

  /** From now on what this worker loads never arrives; returns the keys of what it asks for, which become more. */
  hold(worker: number): readonly number[] {
    const held: number[] = [];
    this.#held.set(worker, held);
    return held;
  }

  change(target: Target): Change {
    const keys = keysOf(target);
    this.changes += keys.length;
    return keys.map((key) => ({ key, version: this.#toldAt[key]!.push(Infinity) - 1 }));
  }

  /** The invalidation of what has changed has resolved. */
  told(change: Change, at: number): void {
    for (const { key, version } of change) this.#toldAt[key]![version] = at;
  }

  /** The first moment in which an invalidation of something newer had resolved; Infinity if none has. */
  staleSince(key: number, version: number): number {
    const toldAt = this.#toldAt[key]!;
    let since = Infinity;
    for (let newer = version + 1; newer < toldAt.length; newer++) since = Math.min(since, toldAt[newer]!);
    return since;
  }
}

function keysOf(target: Target): number[] {
  if (target.kind === 'key') return [target.key];
  if (target.kind === 'tag') return Array.from({ length: ROWS }, (_, row) => row * COLUMNS + target.column);
  return Array.from({ length: COLUMNS }, (_, column) => target.row * COLUMNS + column);
}
