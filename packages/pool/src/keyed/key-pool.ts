import type { Slot } from '../connections/slot.ts';
import { Member } from '../group/member.ts';
import type { PoolOptions } from '../options.ts';
import type { Milliseconds } from '../units.ts';
import type { Account, Budget } from './budget.ts';

/** The pool of one key. */
export class KeyPool<K, C> extends Member<C> implements Account<C> {
  readonly key: K;
  held = 0;
  counted = 0;
  claims: Set<Account<C>> | undefined;
  claimedAt: Milliseconds = 0;
  ceding: Slot<C> | undefined;
  readonly #budget: Budget<C, KeyPool<K, C>>;
  readonly #settled: (pool: KeyPool<K, C>) => void;

  /** @param settled is called after each change */
  constructor(
    key: K,
    options: PoolOptions<C>,
    budget: Budget<C, KeyPool<K, C>>,
    settled: (pool: KeyPool<K, C>) => void,
  ) {
    super(options);
    this.key = key;
    this.#budget = budget;
    this.#settled = settled;
  }

  get idle(): number {
    return this.parts.connections.idle.size;
  }

  /** Whether it has connections and nothing else, so that it can be given up. */
  get isAtRest(): boolean {
    return this.idle === this.size && this.waiting === 0;
  }

  take(isAwaited: boolean): boolean {
    return this.#budget.take(this, isAwaited);
  }

  cedes(slot: Slot<C>, waiting: Milliseconds | undefined): boolean {
    return this.#budget.cedes(this, slot, waiting);
  }

  settled(): void {
    this.#budget.settled(this);
    this.#settled(this);
  }

  cede(): void {
    const { connections, exchange } = this.parts;
    const slot = connections.idle.first;
    if (slot !== undefined) exchange.retire([slot], 'ceded');
  }

  look(): void {
    this.parts.demand.look();
  }
}
