import { isExcused, LEASE_LIFE, type Fault } from './faults.ts';
import { keyName, READ_FIELDS, type Batch } from './messages.ts';
import type { Origin } from './origin.ts';
import { impliedFaults, type Outage } from './outages.ts';

export interface Terms {
  readonly ttl: number;
  readonly staleWhileRevalidate: number;
}

/** What came of one phase. Durations are in ms. */
export interface Report {
  readonly faults: readonly Fault[];
  readonly reads: number;
  /** Whatever failed: a read, an invalidation, a process. */
  readonly errors: readonly string[];
  /** Reads of what had been invalidated for longer than the faults explain. */
  readonly stale: readonly string[];
  /** Reads of what had been loaded longer ago than its ttl. */
  readonly outlived: readonly string[];
  /** Invalidations that are not in force at the end: here or in the store. */
  lost: readonly string[];
  /** How long after its invalidation a value was read, at the longest. */
  readonly latest: number;
  readonly p99: number;
  readonly longest: number;
  /** The same of reads of keys whose lease a dead process had. */
  readonly longestOrphaned: number;
  readonly longestLoad: number;
  /** For so long a process did not come to its work. */
  readonly stall: number;
  readonly loads: number;
  /** Of these, ones of a process that took the store to be out. */
  readonly loneLoads: number;
  /** Keys invalidated, as often as they were. */
  readonly changes: number;
  readonly duration: number;
}

type Counts = Pick<Report, 'loads' | 'changes' | 'duration'>;

/** What all processes have seen in one phase. */
export class History {
  /** Those that were played. */
  readonly played: Fault[] = [];
  readonly errors: string[] = [];
  /** Keys whose lease a process had when it was killed. */
  readonly orphans: Set<number> = new Set();
  readonly #batches: { readonly worker: number; readonly reads: Float64Array }[] = [];
  readonly #outages: Outage[] = [];
  #loneLoads = 0;
  #longestLoad = 0;
  #stall = 0;
  /** In earlier phases too, for what was loaded then is read now. */
  #worstStall: number;

  constructor(earlier?: History) {
    this.#worstStall = earlier === undefined ? 0 : earlier.#worstStall;
  }

  add(worker: number, { reads, errors, loneLoads, longestLoad, stall, outages }: Batch): void {
    this.#batches.push({ worker, reads });
    this.errors.push(...errors);
    this.#loneLoads += loneLoads;
    this.#longestLoad = Math.max(this.#longestLoad, longestLoad);
    for (const [from, to] of outages) this.#outages.push({ worker, from, to });
    this.addStall(stall);
  }

  /** For so long a process did not come to its work: a worker, or the one that carries what passes between them. */
  addStall(stall: number): void {
    this.#stall = Math.max(this.#stall, stall);
    this.#worstStall = Math.max(this.#worstStall, stall);
  }

  /** The played, and those that the machine made so far. */
  faults(): readonly Fault[] {
    return [...this.played, ...impliedFaults(this.#outages, this.played)];
  }

  report(origin: Origin, { ttl, staleWhileRevalidate }: Terms, counts: Counts): Report {
    const faults = this.faults();
    const durations: number[] = [];
    const stale: string[] = [];
    const outlived: string[] = [];
    // Longer on a clock that is slow by a hundredth.
    const oldest = (ttl + staleWhileRevalidate) / 0.99 + this.#worstStall;
    let latest = 0;
    let longestOrphaned = 0;
    for (const { worker, key, version, loadedAt, began, ended } of this.#reads()) {
      const took = ended - began;
      if (this.#isOrphaned(key, began, ended)) longestOrphaned = Math.max(longestOrphaned, took);
      else durations.push(took);
      const since = origin.staleSince(key, version);
      const place = `worker ${worker}, ${keyName(key)}, version ${version}`;
      if (since < began) {
        latest = Math.max(latest, began - since);
        if (!isExcused({ worker, began, ended, since }, faults, staleWhileRevalidate + this.#stall)) {
          stale.push(`${place}: ${this.#moment(began)}, ${Math.round(began - since)} ms after its invalidation`);
        }
      }
      const age = began - loadedAt;
      if (age > oldest) outlived.push(`${place}: ${Math.round(age)} ms old`);
    }
    durations.sort((a, b) => a - b);
    return {
      ...counts,
      faults,
      reads: durations.length,
      errors: this.errors,
      stale,
      outlived,
      lost: [],
      latest,
      p99: durations[Math.floor(0.99 * durations.length)] ?? 0,
      longest: durations.at(-1) ?? 0,
      longestOrphaned,
      loneLoads: this.#loneLoads,
      longestLoad: this.#longestLoad,
      stall: this.#stall,
    };
  }

  *#reads(): Iterable<Read> {
    for (const { worker, reads } of this.#batches) {
      for (let i = 0; i < reads.length; i += READ_FIELDS) {
        const [key, version, loadedAt, began, ended] = reads.subarray(i, i + READ_FIELDS) as unknown as Fields;
        yield { worker, key, version, loadedAt, began, ended };
      }
    }
  }

  /** Whether the read may have waited for the lease of a process that is no more. */
  #isOrphaned(key: number, began: number, ended: number): boolean {
    if (!this.orphans.has(key)) return false;
    return this.played.some(({ kind, from, to }) => kind === 'worker' && ended >= from && began <= to + LEASE_LIFE);
  }

  /** When it was, told from the faults that were played. */
  #moment(at: number): string {
    if (this.played.length === 0) return 'without a fault';
    const [{ kind, to }] = this.played as [Fault];
    return `${Math.round(at - to)} ms after the end of the fault (${kind})`;
  }
}

type Fields = [key: number, version: number, loadedAt: number, began: number, ended: number];

interface Read {
  readonly worker: number;
  readonly key: number;
  readonly version: number;
  readonly loadedAt: number;
  readonly began: number;
  readonly ended: number;
}
