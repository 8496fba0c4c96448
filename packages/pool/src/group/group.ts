import type { EventEmitter } from 'node:events';
import { emit, Measures } from '@forge/internal';
import type { PoolEvents } from '../events.ts';
import { metricKinds, type MeasureListener, type PoolMetrics } from '../metrics.ts';
import type { CloseResult } from '../pool/closing.ts';
import { measure } from '../pool/parts.ts';
import type { Milliseconds } from '../units.ts';
import type { Member } from './member.ts';

/** The events of pools in a group: those of each, with what tells it from the others. */
export type GroupEvents<L extends object> = {
  readonly [Event in Exclude<keyof PoolEvents, 'drain'>]: [event: PoolEvents[Event][0] & Readonly<L>];
};

const EVENTS: ReadonlySet<unknown> = new Set<Exclude<keyof PoolEvents, 'drain'>>([
  'connectionCreated',
  'connectionAcquired',
  'connectionReleased',
  'connectionDestroyed',
  'connectionError',
  'leaseLeaked',
]);

type Name = Exclude<keyof PoolEvents, 'drain'>;
type Numbers = Record<keyof PoolMetrics, number>;

/**
 * Pools that are seen as one: their events, measures, metrics and end. A pool that has left is still counted, so that no
 * counter of the group ever falls.
 */
export class Group<C, L extends object> {
  readonly #emitter: EventEmitter;
  readonly #labels = new Map<Member<C>, L>();
  readonly #measures = new Measures();
  /** The events that somebody has listened to, which alone are passed on. */
  readonly #heard = new Set<Name>();
  /** Counters of pools that have left, and as of when, for the little that may still happen in them. */
  readonly #past: Numbers = zero();
  readonly #counted = new WeakMap<Member<C>, PoolMetrics>();
  readonly #unmeasure = new Map<Member<C>, () => void>();
  #isOpen = true;
  #ended: Promise<CloseResult> | undefined;

  /** @param emitter of the events of all */
  constructor(emitter: EventEmitter) {
    this.#emitter = emitter;
    emitter.on('newListener', (name: unknown) => {
      if (EVENTS.has(name) && !this.#heard.has(name as Name)) this.#hear(name as Name);
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  add(member: Member<C>, label: L): void {
    this.#labels.set(member, label);
    for (const name of this.#heard) this.#pass(name, member, label);
    if (this.#measures.active) this.#measure(member);
  }

  /** To be called again when a pool has changed after it left. */
  remove(member: Member<C>): void {
    this.#labels.delete(member);
    this.#unmeasure.delete(member);
    const now = measure(member.parts);
    add(this.#past, now, 1);
    const before = this.#counted.get(member);
    if (before !== undefined) add(this.#past, before, -1);
    this.#counted.set(member, now);
  }

  onMeasure(listener: MeasureListener): () => void {
    const remove = this.#measures.add(listener);
    for (const member of this.#labels.keys()) this.#measure(member);
    return () => {
      remove();
      if (this.#measures.active) return;
      for (const end of this.#unmeasure.values()) end();
      this.#unmeasure.clear();
    };
  }

  getMetrics(): PoolMetrics {
    const sum: Numbers = { ...this.#past };
    let busy = 0;
    for (const member of this.#labels.keys()) {
      const metrics = measure(member.parts);
      busy += metrics.utilizationRate * metrics.totalConnections;
      add(sum, metrics, 1, true);
    }
    sum.utilizationRate = sum.totalConnections === 0 ? 0 : busy / sum.totalConnections;
    return sum;
  }

  /** Of all who are in it now. Further calls return the same promise, and only the first `drain` may be hastened by `close`. */
  end(how: 'drain' | 'close', patience: Milliseconds): Promise<CloseResult> {
    this.#isOpen = false;
    const results = Array.from(this.#labels.keys(), ({ parts }) => parts.closing[how](patience));
    this.#ended ??= Promise.all(results).then(join);
    return this.#ended;
  }

  #hear(name: Name): void {
    this.#heard.add(name);
    for (const [member, label] of this.#labels) this.#pass(name, member, label);
  }

  #pass(name: Name, member: Member<C>, label: L): void {
    const emitter = this.#emitter;
    (member as EventEmitter).on(name, (event: object) => emit(emitter, name, () => ({ ...event, ...label })));
  }

  #measure(member: Member<C>): void {
    if (this.#unmeasure.has(member)) return;
    const end = member.parts.news.measures.add((name, value) => this.#measures.record(name, value));
    this.#unmeasure.set(member, end);
  }
}

function zero(): Numbers {
  return Object.fromEntries(Object.keys(metricKinds).map((name) => [name, 0])) as Numbers;
}

/** Adds up counters, and gauges only if told so. */
function add(sum: Numbers, metrics: PoolMetrics, sign: 1 | -1, gauges = false): void {
  for (const name of Object.keys(metricKinds) as (keyof PoolMetrics)[]) {
    if (gauges || metricKinds[name] === 'counter') sum[name] += sign * metrics[name];
  }
}

function join(results: readonly CloseResult[]): CloseResult {
  const leases = results.flatMap((result) => result.leases);
  return Object.freeze({ leaked: leases.length, leases: Object.freeze(leases) });
}
