import { AsyncLocalStorage } from 'node:async_hooks';
import { after } from '@forge/internal';
import type { Connections } from '../connections/connections.ts';
import type { Share } from '../connections/share.ts';
import type { Slot } from '../connections/slot.ts';
import type { Health } from '../health/health.ts';
import type { Clock, Limits, Milliseconds, PoolOptions } from '../options.ts';
import type { GrowGate } from '../sizing/grow-gate.ts';
import type { Sizing } from '../sizing/sizing.ts';
import type { Creator } from './creator.ts';
import type { Failures } from './failures.ts';

/**
 * A lost minimum is refilled at most once in this time. Upstreams take seconds to restart, so faster only hammers one
 * that is down; callers who wait do not depend on it, for they start creates of their own.
 */
const REFILL_DELAY: Milliseconds = 1_000;

/** What tells how many creates are needed, and what starts them. */
export interface DemandParts<C> {
  readonly closing: { readonly state: string };
  readonly options: PoolOptions<C>;
  readonly connections: Connections<C>;
  readonly creator: Creator<C>;
  readonly failures: Failures;
  readonly health: Health<C>;
  readonly share: Share<C> | undefined;
  readonly sizing: Sizing;
  readonly waiters: { readonly size: number };
}

/**
 * When to start a create: at once what the grow gate says that callers need, a second after a loss what `min` lacks, and
 * while creates fail one at a time, after a pause. One timer looks again; it runs only while something is needed, there is
 * room for it and no create is awaited that would look again by itself.
 */
export class Demand<C> {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #gate: GrowGate;
  readonly #parts: DemandParts<C>;
  /** Bound, for a timer keeps alive the async context that sets it. */
  readonly #after = AsyncLocalStorage.bind(after);
  #refillAt: Milliseconds | undefined;
  #armedFor: Milliseconds = Infinity;
  #holdsProcess = false;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(parts: DemandParts<C>) {
    const { options, sizing } = parts;
    this.#clock = options.clock;
    this.#limits = sizing.limits;
    this.#gate = sizing.gate;
    this.#parts = parts;
  }

  /** To be called whenever more may be needed, or what is needed may be started. */
  look(): void {
    const { room } = this;
    if (this.#stopped) return;
    const lacking = Math.min(room, this.#lacking);
    if (lacking <= 0) this.#refillAt = undefined;
    // A gate that lets callers wait has to be told that nobody waits any more.
    if (room <= 0 && !this.#gate.watching) return this.#rest();
    const waiters = this.#waiters;
    if (waiters <= 0 && lacking <= 0 && !this.#gate.watching) return this.#rest();
    const now = this.#clock.now();
    if (lacking > 0) this.#refillAt ??= now + REFILL_DELAY;
    if (this.#parts.failures.failing && room > 0) this.#probe(now, waiters);
    else this.#grow(now, waiters);
  }

  /** Starts what `min` lacks without delay, unless creates fail. */
  refill(): void {
    this.#refillAt = -Infinity;
    this.look();
  }

  /** Makes a connection for one that is to go or has gone; false when there is no room or creates fail. */
  replace(slot?: Slot<C>): boolean {
    if (this.#stopped || !this.#mayStart || this.#parts.failures.failing) return false;
    return this.#start(slot);
  }

  /** Starts no more. */
  stop(): void {
    this.#stopped = true;
    this.#rest();
  }

  /** How many more `max` allows; negative after it was lowered. */
  get room(): number {
    return this.#limits.max - this.#total;
  }

  /** Callers whom nothing under way but creates can serve. */
  get #waiters(): number {
    const { connections, health, waiters } = this.#parts;
    return waiters.size - health.checks.promising * connections.expected;
  }

  /** What the minima lack; one that drains needs none. */
  get #lacking(): number {
    const { closing, connections, creator } = this.#parts;
    if (closing.state !== 'open') return 0;
    const spare = connections.idle.size + Math.max(creator.size - Math.max(this.#waiters, 0), 0);
    return Math.max(this.#limits.min - this.#total, this.#limits.minIdle - spare);
  }

  get #mayStart(): boolean {
    const { creator, options } = this.#parts;
    return this.room > 0 && creator.size < options.maxConcurrentCreates;
  }

  get #total(): number {
    return this.#parts.connections.all.size + this.#parts.creator.size;
  }

  #start(replaces?: Slot<C>): boolean {
    const { creator, failures, share, waiters } = this.#parts;
    if (share !== undefined && !share.take(waiters.size > 0)) return false;
    creator.start(failures.round, replaces);
    return true;
  }

  #grow(now: Milliseconds, waiters: number): void {
    const { connections, creator, options } = this.#parts;
    const busy = connections.all.size - connections.idle.size;
    const room = Math.max(Math.min(this.room, options.maxConcurrentCreates - creator.size), 0);
    const count = this.#gate.startable({
      waiters: Math.max(waiters, 0),
      busy,
      creating: creator.size,
      room,
      concurrency: connections.expected,
    });
    const isRefill = this.#refillAt !== undefined && now >= this.#refillAt;
    const starts = Math.max(count, isRefill ? this.#lacking : 0);
    let started = 0;
    // A create may call the pool: what it takes of the room counts.
    while (started < starts && this.#mayStart && this.#start()) started += 1;
    // The next create that ends looks again, and goes on with the refill.
    if (creator.size >= options.maxConcurrentCreates) return this.#rest();
    if (isRefill) this.#refillAt = undefined;
    this.#arm(Math.min(this.#refillAt ?? Infinity, this.#gate.nextLookAt()), waiters > 0);
  }

  /** Only one create is in flight at a time; it tells whether there will be others. */
  #probe(now: Milliseconds, waiters: number): void {
    const { creator, failures } = this.#parts;
    if (creator.size > 0) return this.#rest();
    const due = Math.max(failures.next, waiters > 0 ? -Infinity : (this.#refillAt ?? Infinity));
    if (now < due) return this.#arm(due, waiters > 0);
    this.#refillAt = undefined;
    this.#rest();
    this.#start();
  }

  #rest(): void {
    if (this.#armedFor === Infinity) return;
    this.#cancel?.();
    this.#armedFor = Infinity;
  }

  /**
   * Looks again at that time or before: a timer that is early finds nothing to do and is set again, which is cheaper than
   * to set it with every look. It holds the process while somebody waits.
   */
  #arm(at: Milliseconds, holdsProcess: boolean): void {
    if (at === Infinity) return this.#rest();
    if (this.#armedFor <= at && (this.#holdsProcess || !holdsProcess)) return;
    this.#cancel?.();
    this.#armedFor = at;
    this.#holdsProcess = holdsProcess;
    const wake = (): void => {
      this.#armedFor = Infinity;
      this.look();
    };
    this.#cancel = this.#after(at - this.#clock.now(), wake, { unref: !holdsProcess });
  }
}
