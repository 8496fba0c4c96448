import { coarse } from '@forge/internal';
import type { EventEmitter } from 'node:events';
import { Connections } from '../connections/connections.ts';
import type { Share } from '../connections/share.ts';
import { Arrivals } from '../creating/arrivals.ts';
import { Creator } from '../creating/creator.ts';
import { Demand } from '../creating/demand.ts';
import { Failures } from '../creating/failures.ts';
import { Readiness } from '../creating/readiness.ts';
import type { PoolEvents } from '../events.ts';
import { Diagnosis } from '../health/diagnosis.ts';
import { Health } from '../health/health.ts';
import { Leaks } from '../health/leaks.ts';
import type { PoolMetrics } from '../metrics.ts';
import { News } from '../news.ts';
import type { Clock, PoolOptions } from '../options.ts';
import { Sizing } from '../sizing/sizing.ts';
import { Tally } from '../tally.ts';
import { Closing } from './closing.ts';
import { Departures } from './departures.ts';
import { Exchange } from './exchange.ts';
import type { Lease } from './lease.ts';
import { Refusals } from './refusals.ts';
import { Waiters } from './waiters.ts';

/**
 * What a pool consists of. Each part gets them all, for they call each other both ways, and declares which of them it
 * knows; none may call another before all are there.
 */
export class Parts<C> {
  readonly options: PoolOptions<C>;
  /** Tells when a connection came back and when a caller came, where nothing is measured by it. */
  readonly stamps: Clock;
  readonly share: Share<C> | undefined;
  readonly news: News;
  readonly tally: Tally = new Tally();
  readonly sizing: Sizing;
  readonly connections: Connections<C>;
  readonly waiters: Waiters<Lease<C>>;
  readonly diagnosis: Diagnosis<C>;
  readonly failures: Failures;
  readonly arrivals: Arrivals<C>;
  readonly creator: Creator<C>;
  readonly demand: Demand<C>;
  readonly readiness: Readiness = new Readiness();
  readonly health: Health<C>;
  readonly leaks: Leaks<C>;
  readonly departures: Departures<C>;
  readonly refusals: Refusals<C>;
  readonly closing: Closing<C>;
  readonly exchange: Exchange<C>;

  constructor(pool: EventEmitter<PoolEvents>, options: PoolOptions<C>, share?: Share<C>) {
    const { clock, createRetries, random } = options;
    this.options = options;
    this.stamps = coarse(clock);
    this.share = share;
    this.news = new News(pool);
    this.sizing = new Sizing(options);
    this.connections = new Connections(options, this.sizing.limits, (slot) => this.exchange.retire([slot], 'idle'));
    this.waiters = new Waiters(
      clock,
      (waited) => this.exchange.timedOut(waited),
      () => this.exchange.aborted(),
    );
    this.diagnosis = new Diagnosis(options, this.news, this.tally);
    this.failures = new Failures(createRetries, clock, random);
    this.arrivals = new Arrivals(this);
    this.creator = new Creator(options, this.arrivals);
    this.demand = new Demand(this);
    this.health = new Health(this);
    this.leaks = new Leaks(this);
    this.departures = new Departures(this);
    this.refusals = new Refusals(this);
    this.closing = new Closing(this);
    this.exchange = new Exchange(this);
  }
}

/** The counters and gauges as they stand. */
export function measure<C>(parts: Parts<C>): PoolMetrics {
  const { connections, creator, failures, leaks, sizing, tally, waiters } = parts;
  const { places } = connections;
  return Object.freeze({
    // oxlint-disable-next-line typescript/no-misused-spread -- all that it has of its own are counters
    ...tally,
    totalConnections: connections.all.size,
    availableConnections: connections.idle.size,
    inUseConnections: connections.inUse,
    utilizationRate: places === 0 ? 0 : (tally.leases / places) * 100,
    pending: waiters.size,
    creating: creator.size,
    leases: tally.leases,
    leaked: leaks.leaked,
    unavailable: failures.unavailable ? 1 : 0,
    recommendedSize: sizing.recommended(tally.callers, connections.expected),
  });
}
