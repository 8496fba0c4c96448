import type { PoolError } from '../errors.ts';
import type { DestroyReason, ErrorPhase } from '../events.ts';
import type { PoolOptions } from '../options.ts';
import type { Connections } from '../pool/connections.ts';
import { isLive, type Slot } from '../pool/slot.ts';
import { Checks, type Checked } from './checks.ts';
import { Lifetimes } from './lifetimes.ts';
import { Resets } from './resets.ts';

/** What the pool does about the health of its connections. */
export interface HealthLinks<C> {
  readonly connections: Connections<C>;
  readonly fail: (error: unknown, phase: ErrorPhase, slot: Slot<C>) => void;
  /** A connection has changed. */
  readonly settle: (slot: Slot<C>) => void;
  /** A caller whom a check was to serve may need something else. */
  readonly seek: () => void;
  /** Makes a successor, of a connection that exists or has gone; false when it cannot. */
  readonly replace: (slot?: Slot<C>) => boolean;
}

/** Which connections are not to be used any more: by checks, resets, age, and what whoever watches them says. */
export class Health<C> {
  readonly checks: Checks<C>;
  readonly resets: Resets<C>;
  readonly lifetimes: Lifetimes<C>;
  readonly #maxRetries: number;
  readonly #links: HealthLinks<C>;

  constructor(options: PoolOptions<C>, links: HealthLinks<C>) {
    const { connections } = links;
    this.#maxRetries = options.maxRetries;
    this.#links = links;
    this.checks = new Checks(options, connections, (checked) => this.#settleCheck(checked));
    this.resets = new Resets(options, connections, (slot, failure) => this.#settleReset(slot, failure));
    this.lifetimes = new Lifetimes(options, (slot, isEnd) => this.#expire(slot, isEnd));
  }

  /** Called by whoever watches the connection, once it has closed itself. */
  evict(slot: Slot<C>, error: unknown): void {
    if (!isLive(slot)) return;
    if (error !== undefined) this.#links.fail(error, phaseOf(slot), slot);
    this.#retire(slot, error === undefined ? 'closed' : 'error');
  }

  #settleCheck({ slot, failure, isBorrow }: Checked<C>): void {
    // Else it was evicted or the pool closed meanwhile.
    if (slot.state === 'checking') {
      slot.state = 'usable';
      slot.failedChecks = failure === undefined ? 0 : slot.failedChecks + 1;
      if (failure !== undefined) this.#links.fail(failure, 'validate', slot);
      const isLost = failure !== undefined && (isBorrow || slot.failedChecks >= this.#maxRetries);
      if (isLost) this.#links.connections.doom(slot, 'unhealthy');
      this.#links.settle(slot);
    }
    if (isBorrow) this.#links.seek();
  }

  #settleReset(slot: Slot<C>, failure: PoolError | undefined): void {
    if (slot.state !== 'resetting') return;
    slot.state = 'usable';
    if (failure === undefined) {
      this.#links.settle(slot);
      return;
    }
    this.#links.fail(failure, 'reset', slot);
    this.#retire(slot, 'error');
  }

  /** Too old: replaced before it goes, where there is room, if nobody uses it. */
  #expire(slot: Slot<C>, isEnd: boolean): void {
    if (!isLive(slot)) return;
    const isIdle = slot.leases === 0;
    if (!isEnd && isIdle && this.#links.replace(slot)) return;
    this.#retire(slot, 'expired');
    if (isIdle) this.#links.replace();
  }

  #retire(slot: Slot<C>, reason: DestroyReason): void {
    this.#links.connections.doom(slot, reason);
    this.#links.settle(slot);
  }
}

function phaseOf({ leases, state }: Slot<unknown>): ErrorPhase {
  if (leases > 0) return 'use';
  if (state === 'checking') return 'validate';
  return state === 'resetting' ? 'reset' : 'idle';
}
