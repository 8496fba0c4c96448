import { after } from '@forge/internal';
import type { CacheStore } from '../tiers/store.ts';
import type { Milliseconds } from '../units.ts';
import { contractCase, type ContractCase } from './contract-case.ts';
import { INVALIDATION_CASES } from './store-invalidation-cases.ts';
import { LEASE_CASES } from './store-lease-cases.ts';
import { RECORD_CASES } from './store-record-cases.ts';

/** An empty store, made for each case. */
export interface StoreUnderTest {
  /** The store as one more process reaches it. */
  connect(): CacheStore | Promise<CacheStore>;
  /** Lets the store's time pass. @default waits in real time */
  wait?(duration: Milliseconds): Promise<void>;
  /** Puts something foreign in the place of the key's record. Without it, that case checks nothing. */
  damage?(key: string): Promise<void>;
  close?(): Promise<void>;
}

/** Each promise of {@link CacheStore} as a case. */
export function storeContract(create: () => StoreUnderTest | Promise<StoreUnderTest>): readonly ContractCase[] {
  return [...RECORD_CASES, ...LEASE_CASES, ...INVALIDATION_CASES].map(([name, test]) =>
    contractCase(create, name, async (underTest) => {
      const wait = underTest.wait?.bind(underTest) ?? realTime;
      const damage = underTest.damage?.bind(underTest);
      await test({ here: await underTest.connect(), there: await underTest.connect(), wait, damage });
    }),
  );
}

function realTime(duration: Milliseconds): Promise<void> {
  return new Promise((resolve) => void after(duration, resolve));
}
