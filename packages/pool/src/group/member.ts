import { EventEmitter } from 'node:events';
import type { Share } from '../connections/share.ts';
import type { Slot } from '../connections/slot.ts';
import type { PoolEvents } from '../events.ts';
import type { PoolOptions } from '../options.ts';
import { Parts } from '../pool/parts.ts';
import type { Milliseconds } from '../units.ts';

/** One pool of several behind a common face: what a ConnectionPool is, without a face of its own. */
export abstract class Member<C> extends EventEmitter<PoolEvents> implements Share<C> {
  readonly parts: Parts<C>;

  constructor(options: PoolOptions<C>) {
    super();
    this.parts = new Parts(this, options, this);
  }

  abstract take(isAwaited: boolean): boolean;
  abstract cedes(slot: Slot<C>, waiting: Milliseconds | undefined): boolean;
  abstract settled(): void;

  invalidate(): void {
    const { connections, creator, exchange } = this.parts;
    creator.outdate();
    exchange.retire([...connections.all], 'invalidated');
  }

  /** Connections, and creates in flight. */
  get size(): number {
    const { connections, creator } = this.parts;
    return connections.all.size + creator.size;
  }

  /** Callers in its queue. */
  get waiting(): number {
    return this.parts.waiters.size;
  }

  /** Whether it has nothing and nobody. */
  get isBare(): boolean {
    return this.size === 0 && this.waiting === 0;
  }
}
