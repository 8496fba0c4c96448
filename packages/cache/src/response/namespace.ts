import { functionOption, objectOption, stringOption } from '@forge/internal';
import { tagsOption } from '../memory/memory-options.ts';
import type { Milliseconds } from '../units.ts';
import { keysOption, type EntryOptions, type GetOrSetOptions } from './cache-config.ts';
import type { CacheExplanation } from './entries/explain.ts';
import type { KeyedCache } from './keyed-cache.ts';
import type { BulkLoader } from './loading/bulk.ts';
import type { Loader } from './loading/loader.ts';

const USE = 'use a namespace';

/**
 * A part of a cache with keys and tags of its own, under the bounds of the whole: for a tenant, or one kind of value.
 *
 * Names are framed by their length, so that no name and key can pass for another's. Events, metrics and `dump` are those of
 * the whole cache, and show the framed keys.
 */
export class CacheNamespace<V> implements KeyedCache<V> {
  readonly name: string;
  readonly #cache: KeyedCache<V>;
  readonly #prefix: string;

  /** Made by `cache.namespace(name)`. */
  constructor(cache: KeyedCache<V>, name: string) {
    stringOption('make a namespace', 'its name', name);
    this.name = name;
    this.#cache = cache;
    this.#prefix = `${name.length}:${name}:`;
  }

  get(key: string): Promise<V | undefined> {
    return this.#cache.get(this.#own(key));
  }

  set(key: string, value: V, options: Milliseconds | EntryOptions = {}): Promise<boolean> {
    return this.#cache.set(this.#own(key), value, typeof options === 'number' ? options : this.#ownOptions(options));
  }

  getOrSet(key: string, loader: Loader<V>, options: GetOrSetOptions<V> = {}): Promise<V> {
    return this.#cache.getOrSet(this.#own(key), this.#ownLoader(loader), this.#ownOptions(options));
  }

  getMany(keys: readonly string[]): Promise<(V | undefined)[]>;
  getMany(keys: readonly string[], loadMissing: BulkLoader<V>, options?: GetOrSetOptions<V>): Promise<V[]>;
  getMany(
    keys: readonly string[],
    loadMissing?: BulkLoader<V>,
    options: GetOrSetOptions<V> = {},
  ): Promise<(V | undefined)[]> {
    const own = keysOption(USE, 'keys', keys).map((key) => this.#own(key));
    if (loadMissing === undefined) return this.#cache.getMany(own);
    return this.#cache.getMany(own, this.#ownBulkLoader(loadMissing), this.#ownOptions(options));
  }

  invalidate(key: string): Promise<boolean> {
    return this.#cache.invalidate(this.#own(key));
  }

  invalidateTag(tag: string, options: { readonly soft?: boolean } = {}): Promise<number> {
    return this.#cache.invalidateTag(this.#own(tag), options);
  }

  invalidatePattern(pattern: string | RegExp, options: { readonly prefix?: string } = {}): Promise<number> {
    objectOption(USE, 'the options', options);
    const { prefix = '' } = options;
    return this.#cache.invalidatePattern(pattern, { prefix: this.#own(prefix) });
  }

  invalidatePrefix(prefix: string): Promise<number> {
    return this.#cache.invalidatePrefix(this.#own(prefix));
  }

  explain(key: string): CacheExplanation {
    const explanation = this.#cache.explain(this.#own(key));
    if (explanation.state === 'absent') return explanation;
    const { tags, dependsOn } = explanation;
    return Object.freeze({ ...explanation, tags: this.#bare(tags), dependsOn: this.#bare(dependsOn) });
  }

  /** Removes all that is in this namespace, as `invalidatePrefix` does, and returns how many entries there were to read. */
  clear(): Promise<number> {
    return this.invalidatePrefix('');
  }

  #ownLoader(loader: Loader<V>): Loader<V> {
    functionOption(USE, 'loader', loader);
    return (context) =>
      loader({
        key: context.key.slice(this.#prefix.length),
        previous: context.previous,
        notModified: context.notModified,
        get signal() {
          return context.signal;
        },
        setOptions: (options) => context.setOptions(this.#ownOptions(options)),
      });
  }

  #ownBulkLoader(loadMissing: BulkLoader<V>): BulkLoader<V> {
    functionOption(USE, 'loadMissing', loadMissing);
    return async (missing, context) => {
      const values = await loadMissing(
        missing.map((key) => key.slice(this.#prefix.length)),
        context,
      );
      if (!(values instanceof Map)) return values;
      return new Map([...(values as ReadonlyMap<string, V>)].map(([key, value]) => [this.#own(key), value]));
    };
  }

  #own(name: string): string {
    stringOption(USE, 'the key, tag or prefix', name);
    return this.#prefix + name;
  }

  #bare(names: readonly string[]): readonly string[] {
    return names.map((name) => (name.startsWith(this.#prefix) ? name.slice(this.#prefix.length) : name));
  }

  #ownOptions<Options extends Pick<EntryOptions, 'tags' | 'dependsOn'>>(options: Options): Options {
    objectOption(USE, 'the options', options);
    const { tags, dependsOn } = options;
    return {
      ...options,
      ...(tags && { tags: tagsOption(USE, tags).map((tag) => this.#own(tag)) }),
      ...(dependsOn && { dependsOn: keysOption(USE, 'dependsOn', dependsOn).map((key) => this.#own(key)) }),
    };
  }
}
