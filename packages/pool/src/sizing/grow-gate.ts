/**
 * When a caller has to wait: start a create, or let him have a connection that is about to come back?
 *
 * A create for each caller who waits opens 45 connections for a spike of 50 short calls, and finds that the five that it
 * had have served them all meanwhile. One create at a time [1] opens one there and falls seconds behind a load that has
 * really grown. The gate compares what is at hand: how many wait, how long a connection is held, what a create costs.
 *
 * - Drain rule: connections return to q callers at a rate of (connections / hold). Creates are started until those that
 *   exist and those on their way would end the queue in a quarter of a create's time. The whole time would do for those
 *   who wait now; but they are a sample of those who come before a create is done, which a load that has just grown brings
 *   in numbers. A shorter share hardly gains any more and opens connections for spikes that are over when they come.
 * - Regret rule: what callers wait for whom no create is under way is added up, and each time it amounts to the price of
 *   two creates one is started. This is ski rental [2]: whoever buys once the rent has come to the price never pays more
 *   than twice what he would have, had he known the future. It is what finds out a load that is only just too large,
 *   where the queue is short each time. What was waited is not forgotten as a queue ends: a connection opened too many
 *   costs an idle timeout, once for each two creates' worth of waiting.
 *
 * Cold, without a create that was timed, it starts one for each caller: it has nothing to compare. So it does while a
 * create costs nothing. A hold is known before the first one ends: those that last are at least as long as no connection
 * has come back. The same shows that a backend has become slow before any of its answers.
 *
 * Each look judges the demand of now (so a queue that has ended meanwhile starts nothing) and starts no more than there
 * are callers without a create. A look that comes late, for the event loop was blocked, does not count the time that it
 * is late: connections may have come back in it and not been heard.
 *
 * It runs no timer and starts nothing. The pool calls `startable` after each change of its demand while callers wait or
 * the gate is `watching`, and at `nextLookAt`; it starts what is returned before the next call. Each call is O(1).
 *
 * [1] HikariCP, `HikariPool.PoolEntryCreator`
 * [2] A. R. Karlin, M. S. Manasse, L. Rudolph, D. D. Sleator, "Competitive Snoopy Caching", Algorithmica 3 (1988)
 *
 * @module
 */
import type { Clock, Milliseconds } from '../units.ts';
import { Mean } from './estimates.ts';

/** Of a create's time, in which the queue shall end. */
const DRAIN_SHARE = 1 / 4;
/** Waiting that buys a create, in creates. */
const PRICE = 2;
/** Creates of less cost nothing, and dividing by it would give no number. */
const FREE: Milliseconds = 0.01;
/** Timers know whole milliseconds. */
const SHORTEST_LOOK: Milliseconds = 1;
/** A look that is later than this speaks of a blocked event loop. */
const STALL: Milliseconds = 20;

/** What the pool has and lacks. */
export interface Demand {
  /** Callers in the queue. */
  readonly waiters: number;
  /** Connections that exist: while callers wait they are all in use. */
  readonly busy: number;
  /** Creates in flight, those that will be tried again included. */
  readonly creating: number;
  /** Creates that `max` still allows. */
  readonly room: number;
  /** Leases that may share one connection. */
  readonly concurrency: number;
}

export class GrowGate {
  readonly #clock: Clock;
  readonly #create = new Mean();
  readonly #hold = new Mean();
  /** Callers for whom no create is under way, as of the last look. */
  #uncovered = 0;
  /** Of the callers who were uncovered, since the last create that it bought. */
  #waited: Milliseconds = 0;
  #lookedAt: Milliseconds = 0;
  /** When a lease ended last, or when the callers began to wait. */
  #returnedAt: Milliseconds = 0;
  #nextLook: Milliseconds = Infinity;

  constructor({ clock }: { readonly clock: Clock }) {
    this.#clock = clock;
  }

  /** Mean time of a lease; undefined before the first. */
  get hold(): Milliseconds | undefined {
    return this.#hold.value;
  }

  /** Mean time of a create that succeeded; undefined before the first. */
  get create(): Milliseconds | undefined {
    return this.#create.value;
  }

  /** Whether callers are waiting that it has let wait: it must be told when they do no more. */
  get watching(): boolean {
    return this.#uncovered > 0;
  }

  /** To be called with each create that succeeded. */
  createTook(took: Milliseconds): void {
    this.#create.add(took);
  }

  /** To be called with each lease that ends while it is watching (NaN for one that was not timed), else with a sample. */
  heldFor(held: Milliseconds): void {
    this.#hold.add(held);
    if (this.watching) this.#returnedAt = this.#clock.now();
  }

  /** On the clock, when to call `startable` though nothing has changed; Infinity for never. */
  nextLookAt(): Milliseconds {
    return this.#nextLook;
  }

  /** How many creates to start now. */
  startable(demand: Demand): number {
    const now = this.#clock.now();
    this.#passTo(now);
    const { waiters, busy, creating, room } = demand;
    // Infinity places are enough for all, and no number to calculate with.
    const concurrency = Math.min(Math.max(demand.concurrency, 1), Number.MAX_SAFE_INTEGER);
    const most = Math.min(room, Math.ceil(waiters / concurrency) - creating);
    if (most <= 0) return 0;
    const cost = this.#create.value ?? 0;
    if (cost < FREE) return most;
    const connections = busy + creating;
    const price = PRICE * cost;
    const hold = Math.max(this.#hold.value ?? 0, now - this.#returnedAt);
    /** Connections needed for each millisecond of hold. */
    const needed = waiters / (DRAIN_SHARE * cost * concurrency);
    const missing = Math.max(0, Math.ceil(needed * hold - connections));
    const bought = Math.floor(this.#waited / price);
    const started = Math.min(most, Math.max(missing + bought, connections === 0 ? 1 : 0));
    this.#waited -= bought * price;
    if (started === most) return started;
    this.#uncovered = waiters - (creating + started) * concurrency;
    const byWaiting = now + (price - this.#waited) / this.#uncovered;
    const byHold = this.#returnedAt + (connections + started) / needed;
    this.#nextLook = Math.max(now + SHORTEST_LOOK, Math.min(byWaiting, byHold));
    return started;
  }

  /** Adds up what was waited since the last look, and forgets what that look expected. */
  #passTo(now: Milliseconds): void {
    const late = now - this.#nextLook > STALL ? now - this.#nextLook : 0;
    this.#waited += this.#uncovered * (now - this.#lookedAt - late);
    this.#returnedAt = this.watching ? Math.min(now, this.#returnedAt + late) : now;
    this.#lookedAt = now;
    this.#uncovered = 0;
    this.#nextLook = Infinity;
  }
}
