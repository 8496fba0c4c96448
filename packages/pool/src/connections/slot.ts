import type { Deadline, Link, List } from '@forge/internal';
import type { DestroyReason, PooledConnection } from '../events.ts';
import type { Milliseconds } from '../options.ts';

/**
 * `usable`: may be leased; `checking`, `resetting`: held by a check or a reset; `doomed`: never leased again, destroyed
 * when its last lease ends; `gone`: destroyed, though leases on it may still come back.
 */
export type SlotState = 'usable' | 'checking' | 'resetting' | 'doomed' | 'gone';

/** A connection and what the pool knows about it. It is listed while it is usable and has a free place. */
export class Slot<C> implements Link<Slot<C>> {
  readonly id: string;
  readonly connection: C;
  readonly created: Milliseconds;
  lastUsed: Milliseconds;
  /** When its last check passed. */
  lastChecked: Milliseconds = -Infinity;
  leases = 0;
  uses = 0;
  failedChecks = 0;
  state: SlotState = 'usable';
  /** Why it will be or was destroyed; it means something only in the states `doomed` and `gone`. */
  reason: DestroyReason = 'shutdown';
  /** Of its lifetime. */
  deadline: Deadline<Slot<C>> | undefined;
  list: List<Slot<C>> | undefined;
  previous: Slot<C> | undefined;
  next: Slot<C> | undefined;

  constructor(id: string, connection: C, now: Milliseconds) {
    this.id = id;
    this.connection = connection;
    this.created = now;
    this.lastUsed = now;
  }
}

/** What is known about a lease, where somebody wants to know: most have none. */
export interface Loan<C> {
  readonly slot: Slot<C>;
  readonly since: Milliseconds;
  /** Where it was acquired, if that was looked at. */
  readonly trace: Error | undefined;
  deadline: Deadline<Loan<C>> | undefined;
}

/** What others may see of a slot, as it is now. */
export function view(slot: Slot<unknown>): PooledConnection {
  const { id, created, lastUsed, leases, failedChecks } = slot;
  return Object.freeze({ id, created, lastUsed, leases, healthy: failedChecks === 0, failedChecks });
}

/** Whether it may be used now or later: nothing has condemned it yet. */
export function isLive({ state }: Slot<unknown>): boolean {
  return state !== 'doomed' && state !== 'gone';
}
