import { Deadlines, numberOption, objectOption, type Deadline } from '@forge/internal';
import type { Changes } from '../connections/changes.ts';
import type { Connections } from '../connections/connections.ts';
import type { Creator } from '../creating/creator.ts';
import type { Demand } from '../creating/demand.ts';
import type { Readiness } from '../creating/readiness.ts';
import type { HeldLease } from '../events.ts';
import type { Health } from '../health/health.ts';
import type { Leaks } from '../health/leaks.ts';
import type { CloseOptions, Milliseconds, PoolOptions } from '../options.ts';
import type { Tally } from '../tally.ts';
import type { Departures } from './departures.ts';
import type { Refusals } from './refusals.ts';

/** How long `close` and `drain` wait by default. */
const PATIENCE: Milliseconds = 30_000;

/** How long a drained pool waits for what is in flight still. */
const LAST_PATIENCE: Milliseconds = 30_000;

/** How a close went. */
export interface CloseResult {
  /** Leases that had not come back by the deadline. */
  readonly leaked: number;
  /** These leases. */
  readonly leases: readonly HeldLease[];
}

/** All that has to end. */
export interface ClosingParts<C> {
  readonly options: PoolOptions<C>;
  readonly connections: Connections<C>;
  readonly creator: Creator<C>;
  readonly demand: Demand<C>;
  readonly departures: Departures<C>;
  readonly health: Health<C>;
  readonly leaks: Leaks<C>;
  readonly readiness: Readiness;
  readonly refusals: Refusals<C>;
  readonly tally: Tally;
  readonly waiters: { readonly size: number };
  readonly exchange: Changes<C>;
}

/**
 * How a pool ends: `draining` refuses newcomers and serves those who wait, `closing` refuses all and waits for what is out,
 * `closed` waits for nothing.
 */
export class Closing<C> {
  state: 'open' | 'draining' | 'closing' | 'closed' = 'open';
  readonly #parts: ClosingParts<C>;
  readonly #deadlines: Deadlines<() => void>;
  readonly #result: Promise<CloseResult>;
  #resolve!: (result: CloseResult) => void;
  #deadline: Deadline<() => void> | undefined;

  constructor(parts: ClosingParts<C>) {
    this.#parts = parts;
    this.#deadlines = new Deadlines(parts.options.clock, (run) => run());
    this.#result = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  drain(patience: Milliseconds): Promise<CloseResult> {
    if (this.state === 'open') {
      this.#enter('draining', patience, () => this.#shut(0));
      this.look();
    }
    return this.#result;
  }

  close(patience: Milliseconds): Promise<CloseResult> {
    if (this.state === 'open' || this.state === 'draining') this.#shut(patience);
    // One that left a group closes without a deadline, until the group closes.
    else if (this.state === 'closing' && this.#isSooner(patience))
      this.#enter('closing', patience, () => this.#force());
    return this.#result;
  }

  /** To be called after each change: goes on when nothing is left to wait for. */
  look(): void {
    if (this.state === 'open' || this.state === 'closed') return;
    const { creator, departures, tally, waiters } = this.#parts;
    if (tally.leases > 0) return;
    if (this.state === 'closing' && departures.inFlight === 0 && creator.size === 0) this.#finish([]);
    if (this.state === 'draining' && waiters.size === 0) this.#shut(LAST_PATIENCE);
  }

  /** Enters a state that lasts `patience` at most; what was to end the one before it does so no more. */
  #enter(state: 'draining' | 'closing', patience: Milliseconds, expired: () => void): void {
    this.state = state;
    this.#forget();
    this.#deadline = this.#deadlines.add(expired, this.#parts.options.clock.now() + patience);
  }

  #shut(patience: Milliseconds): void {
    const { connections, creator, demand, exchange, health, readiness, refusals } = this.#parts;
    this.#enter('closing', patience, () => this.#force());
    connections.stop();
    demand.stop();
    const reason = refusals.closing();
    refusals.refuse(reason);
    readiness.fail(reason);
    health.checks.stop(reason);
    creator.abort(reason);
    exchange.retire([...connections.all], 'shutdown');
    health.resets.stop();
  }

  /** The deadline has passed: what is still leased is destroyed under its users, what hangs is left behind. */
  #force(): void {
    const { connections, creator, departures, exchange, leaks } = this.#parts;
    const leases = leaks.held(connections.all);
    leaks.stop();
    creator.abandon();
    for (const slot of connections.all) departures.drop(slot);
    this.#finish(leases);
    exchange.finish();
  }

  #finish(leases: readonly HeldLease[]): void {
    this.state = 'closed';
    this.#forget();
    this.#resolve(Object.freeze({ leaked: leases.length, leases: Object.freeze(leases) }));
  }

  #isSooner(patience: Milliseconds): boolean {
    return this.#parts.options.clock.now() + patience < (this.#deadline?.at ?? Infinity);
  }

  #forget(): void {
    if (this.#deadline !== undefined) this.#deadlines.remove(this.#deadline);
  }
}

/** @throws TypeError, RangeError when the deadline is wrong */
export function deadlineOf(subject: string, options: CloseOptions): Milliseconds {
  objectOption(subject, 'the options', options);
  return numberOption(subject, 'deadline', options.deadline, PATIENCE);
}
