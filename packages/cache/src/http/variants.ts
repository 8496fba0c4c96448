import type { Milliseconds } from '../units.ts';
import { dateOf } from './freshness.ts';
import type { HttpField } from './http-message.ts';
import type { HttpRecord, HttpStore, VariantIndex } from './http-store.ts';
import { variantKey } from './keys.ts';
import { sizeOf, type StoredResponse } from './stored-response.ts';

/** What the store has for a request: its variant, only others, or nothing. */
export interface Selection {
  readonly known: boolean;
  readonly stored: StoredResponse | undefined;
}

export interface StoringTerms {
  readonly ttl: Milliseconds;
  readonly tags: readonly string[];
  /** Asked at the last moment: whether an invalidation has come in between. */
  readonly isFenced: () => boolean;
}

/** A resource whose `Vary` keeps changing has its latest sets of names looked through. */
const MOST_VARIES = 8;
const INDEX_SIZE = 512;
/** Longer than any response is kept; when it is evicted sooner, its variants are no longer found, which is a miss. */
const INDEX_TTL: Milliseconds = 366 * 86_400_000;

/**
 * The variants of resources in the store.
 *
 * A resource's index holds no variants but the sets of field names that its responses varied by, which are few however
 * many variants there are: with the request's values each set gives the key of one variant.
 */
export class Variants {
  readonly #store: HttpStore;

  constructor(store: HttpStore) {
    this.#store = store;
  }

  /** The variant that the request selects; of several the most recent (RFC 9111 §4.1). */
  async select(resource: string, headers: readonly HttpField[]): Promise<Selection> {
    const index = await this.#index(resource);
    const keys = index.varies.map((vary) => variantKey(resource, vary, headers));
    const records = await Promise.all(keys.map((key) => this.#store.get(key)));
    let stored: StoredResponse | undefined;
    for (const record of records) {
      if (!isResponse(record)) continue;
      if (stored === undefined || dateOf(record) > dateOf(stored)) stored = record;
    }
    return { known: index.varies.length > 0, stored };
  }

  async put(
    resource: string,
    vary: readonly string[],
    headers: readonly HttpField[],
    response: StoredResponse,
    { ttl, tags, isFenced }: StoringTerms,
  ): Promise<void> {
    const { varies } = await this.#index(resource);
    if (isFenced()) return;
    const name = vary.join();
    const writes: Promise<unknown>[] = [
      this.#store.set(variantKey(resource, vary, headers), response, { ttl, tags, size: sizeOf(response) }),
    ];
    if (varies[0]?.join() !== name) {
      const latest = [vary, ...varies.filter((each) => each.join() !== name)].slice(0, MOST_VARIES);
      writes.push(
        // The first tag, that of the URL: a group's invalidation leaves the index, whose variants are of many groups.
        this.#store.set(
          resource,
          { kind: 'index', varies: latest },
          { ttl: INDEX_TTL, tags: tags.slice(0, 1), size: INDEX_SIZE },
        ),
      );
    }
    await Promise.all(writes);
  }

  delete(resource: string, vary: readonly string[], headers: readonly HttpField[]): Promise<unknown> {
    return this.#store.invalidate(variantKey(resource, vary, headers));
  }

  async #index(resource: string): Promise<VariantIndex> {
    const record = await this.#store.get(resource);
    const usable = record?.kind === 'index' && Array.isArray(record.varies);
    return usable ? record : { kind: 'index', varies: [] };
  }
}

/** A store that several versions share may hold what this one did not write. */
function isResponse(record: HttpRecord | undefined): record is StoredResponse {
  return record?.kind === 'response' && Array.isArray(record.headers) && Array.isArray(record.parts);
}
