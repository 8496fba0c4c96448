import type { Bytes, Milliseconds } from '../units.ts';
import type { StoredResponse } from './stored-response.ts';

/** By which fields the responses of a resource vary: sets of names, the latest first. */
export interface VariantIndex {
  readonly kind: 'index';
  readonly varies: readonly (readonly string[])[];
}

/** What an `HttpCache` stores: plain data, which can be cloned and encoded. */
export type HttpRecord = VariantIndex | StoredResponse;

/** Where an `HttpCache` keeps its records; a `ResponseCache<HttpRecord>` is one. */
export interface HttpStore {
  get(key: string): Promise<HttpRecord | undefined>;
  set(
    key: string,
    record: HttpRecord,
    options: { readonly ttl: Milliseconds; readonly tags: readonly string[]; readonly size: Bytes },
  ): Promise<unknown>;
  invalidate(key: string): Promise<unknown>;
  invalidateTag(tag: string): Promise<unknown>;
}
