import type { PoolError } from '../errors.ts';
import type { ErrorPhase } from '../events.ts';
import type { PoolOptions } from '../options.ts';
import type { Changes } from '../connections/changes.ts';
import type { Connections } from '../connections/connections.ts';
import { isLive, type Slot } from '../connections/slot.ts';
import { Checks, type Checked } from './checks.ts';
import type { Diagnosis } from './diagnosis.ts';
import { Lifetimes } from './lifetimes.ts';
import { Resets } from './resets.ts';

/** What health touches, and what the pool does about it. */
export interface HealthParts<C> {
  readonly options: PoolOptions<C>;
  readonly connections: Connections<C>;
  readonly diagnosis: Diagnosis<C>;
  readonly exchange: Changes<C>;
  /** Makes a successor, of a connection that exists or has gone; false when it cannot. */
  readonly demand: { replace(slot?: Slot<C>): boolean };
}

/** Which connections are not to be used any more: by checks, resets, age, and what whoever watches them says. */
export class Health<C> {
  readonly checks: Checks<C>;
  readonly resets: Resets<C>;
  readonly lifetimes: Lifetimes<C>;
  readonly #parts: HealthParts<C>;

  constructor(parts: HealthParts<C>) {
    const { options, connections } = parts;
    this.#parts = parts;
    this.checks = new Checks(options, connections, (checked) => this.#settleCheck(checked));
    this.resets = new Resets(options, connections, (slot, failure) => this.#settleReset(slot, failure));
    this.lifetimes = new Lifetimes(options, (slot, isEnd) => this.#expire(slot, isEnd));
  }

  /** Called by whoever watches the connection, once it has closed itself. */
  evict(slot: Slot<C>, error: unknown): void {
    if (!isLive(slot)) return;
    if (error !== undefined) this.#parts.diagnosis.of(error, phaseOf(slot), slot);
    this.#parts.exchange.retire([slot], error === undefined ? 'closed' : 'error');
  }

  #settleCheck({ slot, failure, isBorrow }: Checked<C>): void {
    // Else it was evicted or the pool closed meanwhile.
    if (slot.state === 'checking') {
      slot.state = 'usable';
      slot.failedChecks = failure === undefined ? 0 : slot.failedChecks + 1;
      if (failure !== undefined) this.#parts.diagnosis.of(failure, 'validate', slot);
      const isLost = failure !== undefined && (isBorrow || slot.failedChecks >= this.#parts.options.maxRetries);
      if (isLost) this.#parts.connections.doom(slot, 'unhealthy');
      this.#parts.exchange.settle(slot);
    }
    if (isBorrow) this.#parts.exchange.seek();
  }

  #settleReset(slot: Slot<C>, failure: PoolError | undefined): void {
    if (slot.state !== 'resetting') return;
    slot.state = 'usable';
    if (failure === undefined) {
      this.#parts.exchange.settle(slot);
      return;
    }
    this.#parts.diagnosis.of(failure, 'reset', slot);
    this.#parts.exchange.retire([slot], 'error');
  }

  /** Too old: replaced before it goes, where there is room, if nobody uses it. */
  #expire(slot: Slot<C>, isEnd: boolean): void {
    if (!isLive(slot)) return;
    const isIdle = slot.leases === 0;
    if (!isEnd && isIdle && this.#parts.demand.replace(slot)) return;
    this.#parts.exchange.retire([slot], 'expired');
    if (isIdle) this.#parts.demand.replace();
  }
}

function phaseOf({ leases, state }: Slot<unknown>): ErrorPhase {
  if (leases > 0) return 'use';
  if (state === 'checking') return 'validate';
  return state === 'resetting' ? 'reset' : 'idle';
}
