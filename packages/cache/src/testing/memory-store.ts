import { after, clockOption, functionOption, type Clock } from '@forge/internal';
import type { CacheStore, Invalidation, StoreLease, StoreRecord } from '../tiers/store.ts';
import type { Milliseconds } from '../units.ts';
import { SharedRecords } from './shared-records.ts';

export type StoreOperation = 'read' | 'lease' | 'write' | 'release' | 'invalidate';

/** What happens to one operation. */
export interface StoreFault {
  /** Until the store acts; Infinity: it never does, and never answers. @default 0 */
  readonly delay?: Milliseconds;
  /** Between acting and answering. @default 0 */
  readonly answerDelay?: Milliseconds;
  /** Rejects: `request` instead of acting, `answer` after having acted. */
  readonly fail?: 'request' | 'answer';
}

/** Asked before each operation. */
export type StoreFaults = (operation: StoreOperation) => StoreFault | undefined;

export interface MemoryStore extends CacheStore {
  /** The same records, as another process reaches them. */
  connect(faults?: StoreFaults): MemoryStore;
}

/**
 * A store in this process's memory, for tests: it keeps the contract of {@link CacheStore}, and breaks on demand what
 * may break between a cache and its store. It is not bounded.
 */
export function memoryStore(options: { readonly clock?: Clock; readonly faults?: StoreFaults } = {}): MemoryStore {
  functionOption('create a memoryStore', 'faults', options.faults, true);
  return connection(new SharedRecords(clockOption('create a memoryStore', options.clock)), options.faults);
}

function connection(shared: SharedRecords, faults: StoreFaults = () => undefined): MemoryStore {
  const perform = async <T>(operation: StoreOperation, act: () => T): Promise<T> => {
    const { delay = 0, answerDelay = 0, fail } = faults(operation) ?? {};
    await passed(delay);
    if (fail === 'request') throw new Error(`The ${operation} did not reach the store`);
    const answer = act();
    await passed(answerDelay);
    if (fail === 'answer') throw new Error(`The answer to the ${operation} was lost`);
    return answer;
  };
  return {
    read: (key: string) => perform('read', () => shared.read(key)),
    lease: (key: string, tags: readonly string[], ttl: Milliseconds) =>
      perform('lease', () => shared.lease(key, tags, ttl)),
    write: (key: string, record: StoreRecord, lease: StoreLease | undefined) => {
      const taken = shared.taken(record);
      return perform('write', () => shared.write(key, taken, lease));
    },
    release: (key: string, lease: StoreLease) => perform('release', () => shared.release(key, lease)),
    invalidate: (invalidations: readonly Invalidation[]) =>
      perform('invalidate', () => shared.invalidate(invalidations)),
    connect: (own) => connection(shared, own),
  };
}

async function passed(delay: Milliseconds): Promise<void> {
  if (delay > 0) await new Promise<void>((resolve) => void after(delay, resolve));
}
