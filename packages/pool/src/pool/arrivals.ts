import { callQuietly } from '@forge/internal';
import { failure, type CreatorLinks, type Flight } from '../creating/creator.ts';
import type { Failures } from '../creating/failures.ts';
import type { PoolError } from '../errors.ts';
import type { DestroyReason } from '../events.ts';
import type { News } from '../news.ts';
import type { Limits, PoolOptions } from '../options.ts';
import type { GrowGate } from '../sizing/grow-gate.ts';
import type { Connections } from './connections.ts';
import { isLive, Slot } from './slot.ts';

/** What an arrival touches, and where it goes. */
export interface ArrivalLinks<C> {
  readonly connections: Connections<C>;
  readonly failures: Failures;
  readonly gate: GrowGate;
  readonly news: News;
  readonly isClosing: () => boolean;
  /** Counts a connection that was made, and names it. */
  readonly count: () => string;
  /** A connection that is in the pool; `replaced` has to go for it. */
  readonly arrived: (slot: Slot<C>, replaced: Slot<C> | undefined) => void;
  /** After a create that brought none. */
  readonly failed: () => void;
  readonly retire: (slot: Slot<C>, reason: DestroyReason) => void;
  readonly evict: (slot: Slot<C>, error: unknown) => void;
  /** A create that failed by itself may cost somebody something. */
  readonly charge: (error: PoolError, round: number) => void;
}

/** What becomes of each create: a connection of the pool, one that nobody wants, or a failure. */
export class Arrivals<C> implements CreatorLinks<C> {
  readonly #options: PoolOptions<C>;
  readonly #limits: Limits;
  readonly #links: ArrivalLinks<C>;

  constructor(options: PoolOptions<C>, limits: Limits, links: ArrivalLinks<C>) {
    this.#options = options;
    this.#limits = limits;
    this.#links = links;
  }

  created(connection: C, flight: Flight<C>, wanted: boolean): void {
    const { connections, news, isClosing, retire, count } = this.#links;
    const why = this.#flaw(connection);
    if (why !== undefined) {
      if (wanted) this.failed(failure(why), flight);
      return;
    }
    const slot = new Slot(count(), connection, this.#options.clock.now());
    news.event('connectionCreated', slot);
    if (!wanted || isClosing()) {
      retire(slot, wanted ? 'shutdown' : 'late');
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
    this.#links.charge(fault, flight.round);
    this.#links.arrived(slot, undefined);
  }

  failed(error: PoolError | undefined, { round }: Flight<C>): void {
    if (error !== undefined) this.#links.charge(error, round);
    this.#links.failed();
  }

  #welcome(slot: Slot<C>, { since, isOutdated, replaces }: Flight<C>): void {
    const { connections, failures, gate, news, arrived } = this.#links;
    const took = slot.created - since;
    failures.succeeded();
    gate.createTook(took);
    news.measure('create', took);
    if (isOutdated) connections.doom(slot, 'invalidated');
    else if (connections.live > this.#limits.max) connections.doom(slot, 'surplus');
    arrived(slot, isLive(slot) && replaces !== undefined && isLive(replaces) ? replaces : undefined);
  }

  /** Why what `create` returned is no new connection, if it is none. */
  #flaw(connection: C): string | undefined {
    if (connection === undefined || connection === null) return `create returned ${String(connection)}`;
    return this.#links.connections.has(connection) ? 'create returned a connection that is in the pool' : undefined;
  }

  /** Gives `onClosed` its say; returns an error when the connection did not survive it. */
  #watch(slot: Slot<C>): PoolError | undefined {
    let arriving = true;
    let fault: PoolError | undefined;
    const evict = (cause?: unknown): void => {
      if (!arriving) this.#links.evict(slot, cause);
      else fault ??= failure('it closed at once', cause);
    };
    callQuietly(() => this.#options.onClosed(slot.connection, evict), evict);
    arriving = false;
    return fault;
  }
}
