/**
 * What a store or a bus is tested with, and what code that uses them is tested on: contracts as plain cases for any test
 * runner, and implementations in memory that several "processes" share and that fail on demand.
 *
 * @example
 * import { storeContract } from '@forge/cache/testing';
 * import { describe, it } from 'vitest';
 *
 * describe('myStore', () => {
 *   for (const { name, run } of storeContract(() => ({ connect: () => myStore() }))) it(name, run);
 * });
 *
 * @module
 */
export { busContract, type BusUnderTest } from './bus-contract.ts';
export type { ContractCase } from './contract-case.ts';
export { memoryBus, type BusFault, type BusFaults, type MemoryBus } from './memory-bus.ts';
export {
  memoryStore,
  type MemoryStore,
  type StoreFault,
  type StoreFaults,
  type StoreOperation,
} from './memory-store.ts';
export { storeContract, type StoreUnderTest } from './store-contract.ts';
