import { stringOption } from '@forge/internal';
import type { Milliseconds } from '../units.ts';
import type { BulkLoader } from './bulk.ts';
import type { EntryOptions, GetOrSetOptions } from './cache-config.ts';
import type { CacheExplanation } from './explain.ts';
import type { Loader } from './loader.ts';
import type { ResponseCache } from './response-cache.ts';

/**
 * A part of a cache with keys and tags of its own, under the bounds of the whole: for a tenant, or one kind of value.
 *
 * Names are framed by their length, so that no name and key can pass for another's. Events and `entries` of the whole
 * cache show the framed keys.
 */
export class CacheNamespace<V> {
  readonly name: string;
  readonly #cache: ResponseCache<V>;
  readonly #prefix: string;

  /** Made by `cache.namespace(name)`. */
  constructor(cache: ResponseCache<V>, name: string) {
    stringOption('make a namespace', 'its name', name);
    this.name = name;
    this.#cache = cache;
    this.#prefix = `${name.length}:${name}:`;
  }

  get(key: string): Promise<V | undefined> {
    return this.#cache.get(this.#own(key));
  }

  getMany(
    keys: readonly string[],
    loadMissing?: BulkLoader<V>,
    options: GetOrSetOptions<V> = {},
  ): Promise<(V | undefined)[]> {
    const own = keys.map((key) => this.#own(key));
    const load: BulkLoader<V> | undefined =
      loadMissing &&
      (async (missing, context) => {
        const names = missing.map((key) => key.slice(this.#prefix.length));
        const values = await loadMissing(names, context);
        return values instanceof Map
          ? new Map([...(values as ReadonlyMap<string, V>)].map(([key, value]) => [this.#own(key), value]))
          : values;
      });
    return load === undefined ? this.#cache.getMany(own) : this.#cache.getMany(own, load, this.#ownOptions(options));
  }

  set(key: string, value: V, options: Milliseconds | EntryOptions = {}): Promise<boolean> {
    return this.#cache.set(this.#own(key), value, typeof options === 'number' ? options : this.#ownOptions(options));
  }

  getOrSet(key: string, loader: Loader<V>, options: GetOrSetOptions<V> = {}): Promise<V> {
    return this.#cache.getOrSet(this.#own(key), this.#ownLoader(loader), this.#ownOptions(options));
  }

  invalidate(key: string): Promise<boolean> {
    return this.#cache.invalidate(this.#own(key));
  }

  invalidateTag(tag: string, options: { readonly soft?: boolean } = {}): Promise<number> {
    return this.#cache.invalidateTag(this.#own(tag), options);
  }

  explain(key: string): CacheExplanation {
    const explanation = this.#cache.explain(this.#own(key));
    if (explanation.state === 'absent') return explanation;
    const { tags, dependsOn } = explanation;
    return Object.freeze({ ...explanation, tags: this.#bare(tags), dependsOn: this.#bare(dependsOn) });
  }

  /** The pattern is matched with the keys of this namespace alone. */
  invalidatePattern(pattern: string | RegExp): Promise<number> {
    return this.#cache.invalidatePattern(pattern, { prefix: this.#prefix });
  }

  /** Removes all that is in this namespace. */
  clear(): Promise<number> {
    return this.invalidatePattern('*');
  }

  #ownLoader(loader: Loader<V>): Loader<V> {
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

  #own(key: string): string {
    stringOption('use a namespace', 'the key or tag', key);
    return this.#prefix + key;
  }

  #bare(names: readonly string[]): readonly string[] {
    return names.map((name) => (name.startsWith(this.#prefix) ? name.slice(this.#prefix.length) : name));
  }

  #ownOptions<Options extends Pick<EntryOptions, 'tags' | 'dependsOn'>>(options: Options): Options {
    const { tags, dependsOn } = options;
    return {
      ...options,
      ...(tags && { tags: tags.map((tag) => this.#own(tag)) }),
      ...(dependsOn && { dependsOn: dependsOn.map((key) => this.#own(key)) }),
    };
  }
}
