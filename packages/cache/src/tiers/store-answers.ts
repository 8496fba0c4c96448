import type { StoreLease, StoreRecord } from './store.ts';

/** What a store answered, once it is known to be what its type says: a store is somebody else's code and data. */
export function recordOf(answer: unknown): StoreRecord | undefined {
  if (answer === undefined) return undefined;
  const { bytes, tags, ttl } = answer as StoreRecord;
  const isRecord =
    bytes instanceof Uint8Array &&
    Array.isArray(tags) &&
    tags.every((tag) => typeof tag === 'string') &&
    typeof ttl === 'number' &&
    !Number.isNaN(ttl);
  if (!isRecord) throw new TypeError('The store answered no record');
  return ttl > 0 ? { bytes, tags, ttl } : undefined;
}

export function leaseOf(answer: unknown): StoreLease | undefined {
  if (answer === undefined) return undefined;
  if (typeof (answer as StoreLease).token !== 'string') throw new TypeError('The store answered no lease');
  return answer as StoreLease;
}

export function writtenOf(answer: unknown): boolean {
  if (typeof answer !== 'boolean') throw new TypeError('The store did not answer whether it wrote');
  return answer;
}

export function ignored(): void {}
