import { callQuietly } from '@forge/internal';
import type { Changes } from '../connections/changes.ts';
import type { Connections } from '../connections/connections.ts';
import { isLive, Slot } from '../connections/slot.ts';
import type { PoolError } from '../errors.ts';
import type { Diagnosis } from '../health/diagnosis.ts';
import type { Health } from '../health/health.ts';
import type { News } from '../news.ts';
import type { PoolOptions } from '../options.ts';
import type { Sizing } from '../sizing/sizing.ts';
import type { Tally } from '../tally.ts';
import { failure, type CreatorLinks, type Flight } from './creator.ts';
import type { Demand } from './demand.ts';
import type { Failures } from './failures.ts';
import type { Readiness } from './readiness.ts';

/** What an arrival touches, and where it goes. */
export interface ArrivalParts<C> {
  readonly options: PoolOptions<C>;
  readonly connections: Connections<C>;
  readonly demand: Demand<C>;
  readonly diagnosis: Diagnosis<C>;
  readonly failures: Failures;
  readonly health: Health<C>;
  readonly news: News;
  readonly readiness: Readiness;
  readonly sizing: Sizing;
  readonly tally: Tally;
  /** Those who wait may have to pay for a create that failed. */
  readonly refusals: { refuse(reason: PoolError, count?: number): void; unavailable(): PoolError };
  readonly closing: { readonly state: string };
  readonly exchange: Changes<C> & { trim(): void };
}

/** What becomes of each create: a connection of the pool, one that nobody wants, or a failure. */
export class Arrivals<C> implements CreatorLinks<C> {
  readonly #parts: ArrivalParts<C>;

  constructor(parts: ArrivalParts<C>) {
    this.#parts = parts;
  }

  created(connection: C, flight: Flight<C>, wanted: boolean): void {
    const { closing, connections, exchange, news, options, tally } = this.#parts;
    const why = this.#flaw(connection);
    if (why !== undefined) {
      if (wanted) this.failed(failure(why), flight);
      return;
    }
    const slot = new Slot(`${(tally.created += 1)}`, connection, options.clock.now());
    news.event('connectionCreated', slot);
    if (!wanted || closing.state === 'closing') {
      exchange.retire([slot], wanted ? 'shutdown' : 'late');
      return;
    }
    connections.add(slot);
    const fault = this.#watch(slot);
    if (fault === undefined) {
      this.#welcome(slot, flight);
      return;
    }
    // Dead on arrival is a failed create: else an upstream that accepts and hangs up would be called for the same one
    // again and again.
    connections.doom(slot, 'error');
    this.#charge(fault, flight.round);
    this.#arrive(slot);
  }

  failed(error: PoolError | undefined, { round }: Flight<C>): void {
    if (error !== undefined) this.#charge(error, round);
    this.#parts.exchange.seek();
    this.#parts.exchange.finish();
  }

  #welcome(slot: Slot<C>, { since, isOutdated, replaces }: Flight<C>): void {
    const { connections, exchange, failures, health, news, sizing } = this.#parts;
    const took = slot.created - since;
    failures.succeeded();
    sizing.gate.createTook(took);
    news.measure('create', took);
    if (isOutdated) connections.doom(slot, 'invalidated');
    else if (connections.live > sizing.limits.max) connections.doom(slot, 'surplus');
    const stays = isLive(slot);
    if (stays) health.lifetimes.add(slot);
    this.#arrive(slot);
    if (stays && replaces !== undefined && isLive(replaces)) exchange.retire([replaces], 'expired');
  }

  /** A connection of the pool is there, be it doomed. */
  #arrive(slot: Slot<C>): void {
    const { connections, demand, exchange, readiness, sizing } = this.#parts;
    exchange.settle(slot);
    demand.look();
    if (connections.live >= sizing.least) readiness.reach();
  }

  /** A failure costs no caller while it may be tried again; what cannot be cured costs all, so that failures come to an end. */
  #charge(error: PoolError, round: number): void {
    const { connections, diagnosis, exchange, failures, readiness, refusals, sizing } = this.#parts;
    const kind = diagnosis.of(error, 'create');
    const cost = failures.failed(error, kind, round);
    if (kind === 'overloaded') {
      sizing.overloaded(connections.live);
      exchange.trim();
    }
    if (cost === 'one') refusals.refuse(error, 1);
    if (cost !== 'all') return;
    const reason = kind === 'fatal' ? error : refusals.unavailable();
    readiness.fail(reason);
    if (kind === 'fatal' || connections.live === 0) refusals.refuse(reason);
  }

  /** Why what `create` returned is no new connection, if it is none. */
  #flaw(connection: C): string | undefined {
    if (connection === undefined || connection === null) return `create returned ${String(connection)}`;
    return this.#parts.connections.has(connection) ? 'create returned a connection that is in the pool' : undefined;
  }

  /** Gives `onClosed` its say; returns an error when the connection did not survive it. */
  #watch(slot: Slot<C>): PoolError | undefined {
    let arriving = true;
    let fault: PoolError | undefined;
    const evict = (cause?: unknown): void => {
      if (!arriving) this.#parts.health.evict(slot, cause);
      else fault ??= failure('it closed at once', cause);
    };
    callQuietly(() => this.#parts.options.onClosed(slot.connection, evict), evict);
    arriving = false;
    return fault;
  }
}
