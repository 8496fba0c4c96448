import type { Slot } from '../connections/slot.ts';
import type { PoolErrorCode } from '../errors.ts';
import { Member } from '../group/member.ts';
import type { PoolOptions } from '../options.ts';
import type { Lease } from '../pool/lease.ts';
import type { Milliseconds } from '../units.ts';
import type { Turn } from './turn.ts';

/** The pool of one endpoint. It tells the balancer how each lease ends. */
export class EndpointPool<E, C> extends Member<C> {
  readonly endpoint: E;
  readonly #settled: () => void;
  readonly #uses = new WeakMap<object, { readonly turn: Turn<E>; readonly since: Milliseconds }>();

  /** @param settled is called after each change */
  constructor(endpoint: E, options: PoolOptions<C>, settled: () => void) {
    super(options);
    this.endpoint = endpoint;
    this.#settled = settled;
  }

  /** Leases and callers, or creates where these outlive their callers. */
  get load(): number {
    const { connections, creator, tally } = this.parts;
    return tally.leases + Math.max(this.waiting, creator.size * connections.expected);
  }

  /** Whether another caller would get a place, now or by a create. */
  get hasRoom(): boolean {
    const { closing, connections, sizing } = this.parts;
    return closing.state === 'open' && this.load < sizing.limits.max * connections.expected;
  }

  /** A lease was granted in this turn. */
  lend(lease: Lease<C>, turn: Turn<E>): Lease<C> {
    this.#uses.set(lease, { turn, since: this.parts.options.clock.now() });
    return lease;
  }

  /** No lease was granted in this turn. A create that failed has been told already, as what it is. */
  refuse(turn: Turn<E>, error: unknown): void {
    const { code } = Object(error) as { readonly code?: PoolErrorCode };
    if (code === 'POOL_UNAVAILABLE') turn.failed();
    else turn.cancelled();
  }

  ended(lease: object, { state, reason }: Slot<C>, error: unknown): void {
    const use = this.#uses.get(lease);
    if (use === undefined) return;
    const isDoomed = state === 'doomed';
    // A connection that broke under its lease is a failure, though the lease is merely released.
    if (error !== undefined || (isDoomed && reason === 'error')) use.turn.failed();
    else if (isDoomed && reason === 'destroyed') use.turn.cancelled();
    else use.turn.succeeded(this.parts.options.clock.now() - use.since);
  }

  take(): boolean {
    return true;
  }

  cedes(): boolean {
    return false;
  }

  settled(): void {
    this.#settled();
  }
}
