import type { CacheStore } from '../tiers/store.ts';
import type { Milliseconds } from '../units.ts';

/** What a case works with: two processes on one store. */
export interface StoreScene {
  readonly here: CacheStore;
  readonly there: CacheStore;
  readonly wait: (duration: Milliseconds) => Promise<void>;
  readonly damage: ((key: string) => Promise<void>) | undefined;
}

export type StoreCase = readonly [name: string, test: (scene: StoreScene) => Promise<void>];
