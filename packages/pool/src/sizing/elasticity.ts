/**
 * `max: 'auto'`: how many connections can the backend stand?
 *
 * Past some number a backend does less in all the more connections work at once [1], and no rule about demand can see it.
 * The controller climbs by the elasticity of throughput, e = d ln X / d ln n: 1 while connections add what they should, 0
 * at the peak, negative beyond. An epoch is 200 leases that ended, or a second with at least 20; its throughput X and its
 * mean size n are one point, and e is the slope of the line through the latest 8 points, each weighing 0.8 of the next
 * (weighted least squares, by their logarithms). Each epoch moves the limit by up to 12 %, in proportion to e - 0.2; when
 * all points have one size nothing can be learnt from them, and it moves to see. It settles where a tenth more
 * connections give two hundredths more throughput: somewhat below the peak, where the answers are faster and the climb is
 * not yet lost in noise. In simulation it holds 0.88 to 1 of the best throughput over peaks from 4 to 64 connections and
 * holds that are fixed, exponential, lognormal (σ = 1) or Pareto (α = 1.5).
 *
 * - Frozen unless saturated: an epoch counts only when for 80 % of its time callers waited while the limit was reached.
 *   Else throughput is the callers' and tells nothing of the backend.
 * - A backend that refuses a connection because it has too many is believed at once: the limit falls to 0.7 of what was
 *   open, and stays within what was open then for a minute.
 *
 * What it is not: Gradient and Vegas limits [2] read a queue in the backend from a rise of latency over a best latency of
 * the past. A pool's callers queue in front of it and fill any limit at once, which hides that rise from the one and,
 * with heavy-tailed holds, feigns it to the other.
 * Two blind spots: a change of the mix of calls during a few epochs looks like the work of the limit until it has passed;
 * and each process sees itself alone: n pools on one server share its capacity in no fair way.
 *
 * [1] N. J. Gunther, "Guerrilla Capacity Planning", Springer 2007 (universal scalability law)
 * [2] Netflix, concurrency-limits; L. S. Brakmo, L. L. Peterson, "TCP Vegas", IEEE JSAC 13 (1995)
 *
 * @module
 */
import type { Clock, Milliseconds } from '../units.ts';

/** Leases of an epoch: their count varies by some 7 %, which eight epochs make small enough. */
const ENOUGH = 200;
/** So that a fast backend's epoch is longer than one pause of the event loop. */
const SHORTEST: Milliseconds = 100;
/** After this long a few leases will do. */
const LONGEST: Milliseconds = 1_000;
const FEW = 20;

const SATURATED = 0.8;
const POINTS = 8;
const FADING = 0.8;
/** The elasticity at which the limit rests. */
const REST = 0.2;
/** At this distance from the rest and farther, a step is the largest. */
const FAR = 0.3;
const LARGEST_STEP = 0.12;
/** For limits so small that 12 % is nothing; a whole one would be wild there. */
const LEAST_STEP = 0.5;

const CUT = 0.7;
/** Creates that were under way at a refusal are refused too: all that within this time is one refusal. */
const ONE_REFUSAL: Milliseconds = 1_000;
const PENANCE: Milliseconds = 60_000;
/** After as long without a saturated epoch, the points are of another day. */
const STALE: Milliseconds = 60_000;

/** What an epoch has shown, in logarithms. */
interface Point {
  readonly size: number;
  readonly throughput: number;
}

export interface ElasticLimitOptions {
  readonly clock: Clock;
  /** @default 1 */
  readonly min?: number;
  /** A bound for a backend that never saturates. @default 1000 */
  readonly max?: number;
  /** @default 10 */
  readonly start?: number;
}

/** The pool as a lease ends, that lease included. */
export interface Moment {
  /** Callers in the queue. */
  readonly waiters: number;
  /** Connections that exist. */
  readonly size: number;
}

/** The most connections to open now, as a controller finds it. It runs no timer; each call is O(1). */
export class ElasticLimit {
  readonly #clock: Clock;
  readonly #min: number;
  readonly #max: number;
  #limit: number;
  /** The limit before it is rounded, so that it can move by less than one. */
  #exact: number;
  #points: Point[] = [];
  #pointAt: Milliseconds = -Infinity;
  /** The epoch: when it began, its leases, their sizes added up, and how long it was saturated. */
  #since: Milliseconds;
  #ended = 0;
  #sizes = 0;
  #saturatedFor: Milliseconds = 0;
  /** Since the latest lease that ended. */
  #latest: Milliseconds;
  #saturated = false;
  #refusedAt: Milliseconds = -Infinity;
  #refusedSize = Infinity;

  constructor({ clock, min = 1, max = 1000, start = 10 }: ElasticLimitOptions) {
    this.#clock = clock;
    this.#min = Math.max(1, min);
    this.#max = Math.max(this.#min, max);
    this.#limit = Math.min(this.#max, Math.max(this.#min, start));
    this.#exact = this.#limit;
    this.#since = clock.now();
    this.#latest = this.#since;
  }

  get limit(): number {
    return this.#limit;
  }

  /** To be called with each lease that ends, before its place is given on. */
  completed({ waiters, size }: Moment): void {
    const now = this.#clock.now();
    if (this.#saturated) this.#saturatedFor += now - this.#latest;
    this.#saturated = waiters > 0 && size >= this.#limit;
    this.#latest = now;
    this.#ended += 1;
    this.#sizes += size;
    const took = now - this.#since;
    const full = this.#ended >= ENOUGH && took >= SHORTEST;
    if (full || (this.#ended >= FEW && took >= LONGEST)) this.#close(now);
  }

  /** To be called when the backend refused a connection because it has too many; `size` are those that exist. */
  overloaded(size: number): void {
    const now = this.#clock.now();
    if (now - this.#refusedAt < ONE_REFUSAL) return;
    this.#refusedAt = now;
    this.#refusedSize = Math.min(size, this.#limit);
    this.#moveTo(Math.floor(this.#refusedSize * CUT), now);
    this.#begin(now);
  }

  #close(now: Milliseconds): void {
    const took = now - this.#since;
    const point = { size: Math.log(this.#sizes / this.#ended), throughput: Math.log(this.#ended / took) };
    const saturated = this.#saturatedFor >= SATURATED * took;
    this.#begin(now);
    if (!saturated) return;
    if (now - this.#pointAt > STALE + took) this.#points = [];
    this.#pointAt = now;
    this.#points.push(point);
    if (this.#points.length > POINTS) this.#points.shift();
    this.#moveTo(this.#exact + this.#step(), now);
  }

  #step(): number {
    // Points of one size show nothing; the way out is up, or down from the top.
    const elasticity = slope(this.#points) ?? (this.#limit < this.#max ? Infinity : -Infinity);
    const share = Math.min(1, Math.max(-1, (elasticity - REST) / FAR));
    return share * Math.max(LEAST_STEP, LARGEST_STEP * this.#exact);
  }

  #moveTo(limit: number, now: Milliseconds): void {
    const most = now - this.#refusedAt < PENANCE ? Math.min(this.#max, this.#refusedSize) : this.#max;
    this.#exact = Math.max(this.#min, Math.min(most, limit));
    this.#limit = Math.round(this.#exact);
  }

  #begin(now: Milliseconds): void {
    this.#since = now;
    this.#ended = 0;
    this.#sizes = 0;
    this.#saturatedFor = 0;
  }
}

/** Of the line through the points, the latest weighing most; undefined when all are of one size. */
function slope(points: readonly Point[]): number | undefined {
  const weights = points.map((_, index) => FADING ** (points.length - 1 - index));
  const total = sum(weights);
  const mean = (field: keyof Point): number =>
    sum(points.map((point, index) => point[field] * weights[index]!)) / total;
  const [size, throughput] = [mean('size'), mean('throughput')];
  const spread = sum(points.map((point, index) => weights[index]! * (point.size - size) ** 2));
  const common = sum(
    points.map((point, index) => weights[index]! * (point.size - size) * (point.throughput - throughput)),
  );
  // A spread of a hundredth of a percent is rounding.
  return spread < 1e-8 ? undefined : common / spread;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
