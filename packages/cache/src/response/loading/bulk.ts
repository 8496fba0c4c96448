import type { Loader, LoaderContext } from './loader.ts';

/**
 * Loads the keys of a `getMany` that are missing, in one call, and returns their values in the order of the keys, or as a
 * Map by key.
 */
export type BulkLoader<V> = (
  keys: readonly string[],
  context: Pick<LoaderContext, 'signal'>,
) => BulkValues<V> | PromiseLike<BulkValues<V>>;

export type BulkValues<V> = readonly V[] | ReadonlyMap<string, V>;

interface Part<V> {
  readonly key: string;
  readonly signal: AbortSignal;
  readonly resolve: (value: V) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Turns one loader of many keys into a loader of each, which a cache can share, fence and abandon key by key. The keys
 * that ask in one turn of the event loop are loaded by one call; it is aborted when all of them are.
 */
export class BulkLoad<V> {
  readonly #load: BulkLoader<V>;
  #parts: Part<V>[] = [];

  constructor(load: BulkLoader<V>) {
    this.#load = load;
  }

  readonly loader: Loader<V> = ({ key, signal }) =>
    new Promise<V>((resolve, reject) => {
      // After the jobs that the same answer of a second tier has set off, which may bring further keys.
      if (this.#parts.length === 0) void Promise.resolve().then(() => process.nextTick(() => void this.#dispatch()));
      this.#parts.push({ key, signal, resolve, reject });
    });

  async #dispatch(): Promise<void> {
    const parts = this.#parts.filter(({ signal }) => !signal.aborted);
    this.#parts = [];
    if (parts.length === 0) return;
    const controller = new AbortController();
    let waiting = parts.length;
    for (const { signal } of parts) {
      signal.addEventListener('abort', () => {
        if (--waiting === 0) controller.abort(signal.reason);
      });
    }
    try {
      const keys = parts.map(({ key }) => key);
      const values = await this.#load(Object.freeze(keys), { signal: controller.signal });
      if (!isMap(values) && (!Array.isArray(values) || values.length !== keys.length)) throw misfit(keys, values);
      for (const [index, part] of parts.entries()) settle(part, values, index);
    } catch (error) {
      for (const { reject } of parts) reject(error);
    }
  }
}

function settle<V>({ key, resolve, reject }: Part<V>, values: BulkValues<V>, index: number): void {
  if (!isMap(values)) return resolve(values[index] as V);
  if (values.has(key)) return resolve(values.get(key) as V);
  reject(new TypeError(`Cannot load ${JSON.stringify(key)}: the Map that its loader returned has no such key`));
}

/** Of another length, an array has values in places of other keys, as when a query leaves out what it did not find. */
function misfit(keys: readonly string[], values: unknown): TypeError {
  const got = Array.isArray(values) ? `${values.length} values` : typeof values;
  return new TypeError(
    `Cannot load ${keys.length} keys: their loader must return an array with a value for each, in their order, or a Map, got ${got}`,
  );
}

function isMap<V>(values: BulkValues<V>): values is ReadonlyMap<string, V> {
  return values instanceof Map;
}
