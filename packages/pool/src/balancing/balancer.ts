/**
 * Which of several endpoints gets the next use: of two chosen at random the one that costs less. To choose the best of all
 * sends every caller to the same one until more is known of it (a herd); to choose at random leaves the longest queue at
 * O(log n / log log n), and the better of two leaves it at O(log log n) [1]. The cost is the uses under way, this one
 * among them, times what a use takes there, times a penalty for failures: see `cost.ts`.
 *
 * An endpoint that fails is ejected for a while and then probed by one use: see `outliers.ts`. There is no slow start
 * beside it: of one that is restored the penalty fades over half a minute, and one that is new is chosen by load alone.
 *
 * A choice is O(1) while no endpoint is ejected or refused, else O(endpoints). No timer is set.
 *
 * [1] M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12 (2001)
 *
 * @module
 */
import { callQuietly, clockOption, functionOption, objectOption, randomRatios } from '@forge/internal';
import type { Clock, Milliseconds } from '../units.ts';
import { Cost } from './cost.ts';
import { Outliers, Standing, type EndpointState } from './outliers.ts';
import { Turn, type Outcome } from './turn.ts';

/** Between what a {@link Balancer} chooses, and how it knows of it. */
export interface BalancerOptions<E> {
  /** Equal ones, as a `Map` sees it, are one. */
  readonly endpoints: Iterable<E>;
  /** Uses of an endpoint that are under way. @default the turns that have not ended */
  readonly inFlight?: (endpoint: E) => number;
  /** Told when an endpoint is `ejected`, for each time, and when it is `healthy` again. */
  readonly onChange?: (endpoint: E, state: EndpointState) => void;
  /** A monotonic clock. @default performance.now() */
  readonly clock?: Clock;
  /** Random ratios from 0 to below 1. @default a generator with a seed of the system's */
  readonly random?: () => number;
}

/** What is known of an endpoint. */
export interface EndpointStatus {
  readonly state: EndpointState;
  readonly inFlight: number;
  /** What a use takes on average; undefined before the first that succeeded. */
  readonly latency: Milliseconds | undefined;
}

/** Which endpoints a choice is among. */
export interface PickOptions<E> {
  /** Refuses endpoints, for this choice. */
  readonly accepts?: (endpoint: E) => boolean;
  /** Takes an ejected endpoint rather than none, of several the one whose ejection ends first. @default false */
  readonly lastResort?: boolean;
}

/**
 * Chooses between endpoints by load, latency and failures.
 *
 * @example
 * const balancer = new Balancer({ endpoints: ['10.0.0.1', '10.0.0.2'] });
 * const turn = balancer.pick();
 * await call(turn.endpoint).then(() => turn.succeeded(), () => turn.failed());
 */
export class Balancer<E> {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #inFlight: (member: Member<E>) => number;
  readonly #outliers: Outliers<Member<E>>;
  #members: ReadonlyMap<E, Member<E>> = new Map();
  /** The same, for a choice at random. */
  #list: readonly Member<E>[] = [];

  /** @throws TypeError when an option is wrong */
  constructor(options: BalancerOptions<E>) {
    const subject = 'create a Balancer';
    objectOption(subject, 'the options', options);
    const { endpoints, inFlight, onChange, clock, random = randomRatios() } = options;
    functionOption(subject, 'random', random);
    functionOption(subject, 'inFlight', inFlight, true);
    functionOption(subject, 'onChange', onChange, true);
    this.#clock = clockOption(subject, clock);
    this.#random = random;
    this.#inFlight = inFlight === undefined ? ({ turns }) => turns : ({ endpoint }) => inFlight(endpoint);
    this.#outliers = new Outliers(this.#clock, random, (member) => {
      callQuietly(() => onChange?.(member.endpoint, this.#outliers.stateOf(member)));
    });
    this.setEndpoints(endpoints);
  }

  get endpoints(): readonly E[] {
    return [...this.#members.keys()];
  }

  /**
   * Chooses among these from now on. What is known of those that stay is kept; turns of those that leave may still end.
   *
   * @throws TypeError when they cannot be iterated
   */
  setEndpoints(endpoints: Iterable<E>): void {
    const isIterable = typeof (Object(endpoints) as Partial<Iterable<E>>)[Symbol.iterator] === 'function';
    if (!isIterable) throw new TypeError(`Cannot set the endpoints: they must be iterable, got ${typeof endpoints}`);
    const before = this.#members;
    const members = new Map(Array.from(endpoints, (each) => [each, before.get(each) ?? new Member(each)]));
    for (const [endpoint, member] of before) if (!members.has(endpoint)) this.#outliers.remove(member);
    for (const [endpoint, member] of members) if (!before.has(endpoint)) this.#outliers.add(member);
    this.#members = members;
    this.#list = [...members.values()];
  }

  /** Chooses an endpoint and begins a turn of it; undefined when none is in use and accepted. */
  pick({ accepts, lastResort = false }: PickOptions<E> = {}): Turn<E> | undefined {
    const accepted = accepts === undefined ? this.#list : this.#list.filter(({ endpoint }) => accepts(endpoint));
    const member = this.#probe(accepted) ?? this.#cheapest(accepted) ?? (lastResort ? firstBack(accepted) : undefined);
    return member === undefined ? undefined : this.#begin(member);
  }

  /** Begins a turn of an endpoint that was not chosen but is used nevertheless; undefined for one that is none. */
  begin(endpoint: E): Turn<E> | undefined {
    const member = this.#members.get(endpoint);
    return member && this.#begin(member);
  }

  /** When the next ejected endpoint is to be probed: a `pick` from then on may take it. Infinity when none is ejected. */
  get probeAt(): Milliseconds {
    if (this.#outliers.ejected === 0) return Infinity;
    return Math.min(...this.#list.map((member) => this.#outliers.dueAt(member)));
  }

  /** What is known of an endpoint; undefined for one that is none. */
  statusOf(endpoint: E): EndpointStatus | undefined {
    const member = this.#members.get(endpoint);
    if (member === undefined) return undefined;
    const { latency } = member.cost;
    return Object.freeze({ state: this.#outliers.stateOf(member), inFlight: this.#inFlight(member), latency });
  }

  /** One that is to be probed comes first: else nobody would find out that it is back. */
  #probe(members: readonly Member<E>[]): Member<E> | undefined {
    if (this.#outliers.ejected === 0) return undefined;
    const now = this.#clock.now();
    return members.find((member) => this.#outliers.dueAt(member) <= now);
  }

  #cheapest(members: readonly Member<E>[]): Member<E> | undefined {
    const allInUse = this.#outliers.ejected === 0 || this.#outliers.inPanic;
    const inUse = allInUse ? members : members.filter(({ isEjected }) => !isEjected);
    if (inUse.length < 2) return inUse[0];
    const first = Math.floor(this.#random() * inUse.length);
    const offset = 1 + Math.floor(this.#random() * (inUse.length - 1));
    return this.#cheaper(inUse[first]!, inUse[(first + offset) % inUse.length]!);
  }

  #cheaper(one: Member<E>, two: Member<E>): Member<E> {
    const now = this.#clock.now();
    const first = one.cost.expected(now);
    const second = two.cost.expected(now);
    // What is known of only one says nothing about which is better.
    const [a, b] = first === undefined || second === undefined ? [1, 1] : [first, second];
    // Where all fail, the penalties say only which failed last, and not which may be back.
    const [p, q] = this.#outliers.inPanic ? [1, 1] : [one.cost.penalty(now), two.cost.penalty(now)];
    return (this.#inFlight(two) + 1) * b * q < (this.#inFlight(one) + 1) * a * p ? two : one;
  }

  #begin(member: Member<E>): Turn<E> {
    const since = this.#clock.now();
    this.#outliers.began(member);
    const { round } = member;
    member.turns += 1;
    return new Turn(member.endpoint, (outcome, took) => {
      member.turns -= 1;
      this.#end(member, round, outcome, took ?? this.#clock.now() - since);
    });
  }

  #end(member: Member<E>, round: number, outcome: Outcome, took: Milliseconds): void {
    if (outcome === 'succeeded') member.cost.succeeded(took, this.#clock.now());
    if (outcome === 'failed') member.cost.failed(this.#clock.now());
    this.#outliers[outcome](member, round);
  }
}

class Member<E> extends Standing {
  readonly endpoint: E;
  readonly cost: Cost = new Cost();
  /** Those that have not ended. */
  turns = 0;

  constructor(endpoint: E) {
    super();
    this.endpoint = endpoint;
  }
}

function firstBack<E>(members: readonly Member<E>[]): Member<E> | undefined {
  const [first] = [...members].sort((one, two) => one.ejectedUntil - two.ejectedUntil);
  return first;
}
