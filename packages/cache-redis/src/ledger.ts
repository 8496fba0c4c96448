import { randomBytes } from 'node:crypto';
import { globMatcher, type Invalidation } from '@forge/cache';
import { unavailable, type Commands } from './commands.ts';
import type { Names } from './names.ts';
import type { Stamp } from './record.ts';
import { ledgerScript, MOST_BANS, type Script } from './scripts.ts';

/** A pattern of more characters invalidates all: it can be neither shortened nor kept for every read to compare. */
const LONGEST_PATTERN = 512;

interface Ban {
  readonly at: number;
  readonly matches: (key: string) => boolean;
}

interface Bans {
  /** Names this state of the list, so that Redis sends the list only to whom it is news. */
  readonly state: string;
  readonly list: readonly Ban[];
}

/** What the ledger says at one moment. */
export interface LedgerPage extends Stamp {
  /** Whether nothing that was invalidated after `stamp` concerns this key and these tags, all of them asked for. */
  admits(stamp: Stamp, key: string, tags: readonly string[]): boolean;
}

/**
 * The record of what has been invalidated in a namespace, kept in one slot of Redis.
 *
 * It is a logical clock, which each invalidation moves on, and what happened when: for each tag that is in use the clock
 * at its last invalidation, for each of the last patterns the clock at which it was banned, and a floor, the clock up to
 * which everything is invalid. Whoever may write a record stamps it with the clock at the moment when the right was
 * given. A record can be read if its stamp is not older than anything that concerns it. That is the one rule; nothing is
 * looked for and deleted, so that no invalidation takes longer the more it concerns, and no set of a tag's keys exists.
 *
 * All of it may vanish without harm, as when Redis evicts it:
 * - A tag that is missing is put at the present clock by the next who wants to write with it. Whatever was written with
 *   it before is then at most as new as that, and if it is just as new, nothing at all was invalidated in between.
 * - A ledger that is missing is begun anew under another random epoch, and no stamp of another epoch is admitted.
 * - A tag's key lives at least as long as the longest record that was written with it; its version names the epoch too.
 * - The list of patterns is bounded: the oldest gives way to the floor, which invalidates more, never less.
 *
 * The list is Varnish's of bans [1], the versions are those of Memcached's namespaces [2] with a common clock, which
 * saves to store a version with every tag of every record.
 *
 * 1. Varnish Cache, "Purging and banning", https://varnish-cache.org/docs/trunk/users-guide/purging.html
 * 2. Memcached, "Namespaces", https://github.com/memcached/memcached/wiki/ProgrammingTricks
 */
export class Ledger {
  readonly #commands: Commands;
  readonly #names: Names;
  readonly #script: Script;
  #bans: Bans = { state: '', list: [] };

  constructor(commands: Commands, names: Names) {
    this.#commands = commands;
    this.#names = names;
    this.#script = ledgerScript(names.namespace);
  }

  /** The present page; undefined where there is none, so that no record can be valid. */
  read(tags: readonly string[]): Promise<LedgerPage | undefined> {
    return this.#ask(tags, (known) => ['read', known]);
  }

  /** The present page, made where there is none, with these tags kept for `life` at least. */
  async open(tags: readonly string[], life: number): Promise<LedgerPage> {
    const page = await this.#ask(tags, (known) => ['open', known, newEpoch(), String(life)]);
    if (page === undefined) throw unavailable('it does not answer as our script does');
    return page;
  }

  /** Moves the clock on for tags, patterns and "all"; keys have no place in the ledger. */
  async invalidate(invalidations: readonly Invalidation[]): Promise<void> {
    const tags = new Set<string>();
    const patterns = new Set<string>();
    let all = false;
    for (const each of invalidations) {
      if (each.kind === 'tag') tags.add(this.#names.tag(each.tag));
      else if (each.kind === 'pattern') patterns.add(JSON.stringify([each.prefix, each.glob]));
      else if (each.kind === 'all') all = true;
    }
    all ||= patterns.size > MOST_BANS || [...patterns].some((pattern) => pattern.length > LONGEST_PATTERN);
    if (!all && tags.size + patterns.size === 0) return;
    const bans = all ? [] : patterns;
    await this.#commands.run(this.#script, [this.#names.ledger, ...tags], ['bump', all ? 'all' : '', ...bans]);
  }

  /**
   * Teaches Redis the script. Begins a new epoch, in which nothing is valid yet, unless the ledger's server and the one of
   * `run` have been running since the present one began; tells whether it did.
   */
  async renew(run = ''): Promise<boolean> {
    return (await this.#commands.teach(this.#script, [this.#names.ledger], ['renew', newEpoch(), run])) === 1;
  }

  async #ask(tags: readonly string[], args: (known: string) => string[]): Promise<LedgerPage | undefined> {
    const distinct = [...new Set(tags)];
    const keys = [this.#names.ledger, ...distinct.map((tag) => this.#names.tag(tag))];
    const known = this.#bans;
    const reply = await this.#commands.run(this.#script, keys, args(known.state));
    if (!Array.isArray(reply)) return undefined;
    const [epoch, clock, floor, state, versions, bans] = reply as [
      Buffer,
      number,
      number,
      Buffer,
      number[],
      Buffer[] | null,
    ];
    // Kept aside rather than read again: a later answer to another call may have replaced it by now.
    const present = bans === null ? known : { state: String(state), list: parseBans(bans) };
    this.#bans = present;
    const versionOf = new Map(distinct.map((tag, i) => [tag, versions[i]]));
    return pageOf({ epoch: String(epoch), clock }, floor, present.list, versionOf);
  }
}

function pageOf(
  { epoch, clock }: Stamp,
  floor: number,
  bans: readonly Ban[],
  versionOf: ReadonlyMap<string, number | undefined>,
): LedgerPage {
  const holds = (stamp: Stamp, tag: string): boolean => {
    const version = versionOf.get(tag) ?? -1;
    return version >= 0 && version <= stamp.clock;
  };
  return {
    epoch,
    clock,
    admits: (stamp, key, tags) =>
      stamp.epoch === epoch &&
      stamp.clock >= floor &&
      tags.every((tag) => holds(stamp, tag)) &&
      !bans.some((ban) => ban.at > stamp.clock && ban.matches(key)),
  };
}

/** Clock and pattern by turns. */
function parseBans(flat: readonly Buffer[]): Ban[] {
  const bans: Ban[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    bans.push({ at: Number(flat[i]), matches: patternMatcher(String(flat[i + 1])) });
  }
  return bans;
}

/** A pattern that cannot be understood was put there by a stranger; it matches everything, to be safe. */
function patternMatcher(json: string): (key: string) => boolean {
  try {
    const [prefix, glob] = JSON.parse(json) as [string, string];
    const matches = globMatcher(glob);
    return (key) => key.startsWith(prefix) && matches(key.slice(prefix.length));
  } catch {
    return () => true;
  }
}

function newEpoch(): string {
  return randomBytes(12).toString('base64url');
}
