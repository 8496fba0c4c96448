/**
 * Answers made of parts that are cached each for itself.
 *
 * A page is a tree: leaves are loaded and have each a ttl of their own, composites are rendered from their children. The
 * tag of a leaf is the hash of its content, the tag of a composite the hash of its children's tags: a Merkle tree [1]. So
 * the tag of the whole is known once the leaves are, before anything is rendered: a client that has it is answered
 * without rendering, and a change in one leaf renders again only the composites on its path to the root.
 *
 * What is rendered is stored under its tag, not under its name. It can therefore never be out of date and needs no
 * invalidation; versions that nobody asks for any more are left to the cache's eviction. Edge Side Includes [2] gave
 * fragments each a life of their own, without the tags.
 *
 * 1. R. Merkle, A Digital Signature Based on a Conventional Encryption Function, CRYPTO 1987.
 * 2. M. Tsimelzon et al., ESI Language Specification 1.0, W3C Note, 2001.
 */
import { functionOption, objectOption, signalOption, stringOption } from '@forge/internal';
import { optionNames, type OptionNames } from '../option-names.ts';
import type { Milliseconds } from '../units.ts';
import { contentEtag } from './etag.ts';
import type { LoadingCache, PartContext, ReadOptions } from './part-caches.ts';
import { partKey, partPrefix } from './part-key.ts';

/** A part that is loaded. */
export interface Leaf<T> {
  readonly kind: 'leaf';
  readonly key: string;
  readonly load: (context: PartContext) => T | PromiseLike<T>;
  /** Takes a T; said so that a leaf of any type is a fragment. */
  readonly ttl: Milliseconds | ((value: never) => Milliseconds) | undefined;
  readonly tags: readonly string[] | undefined;
}

/** A part that is rendered from others. */
export interface Composite<T> {
  readonly kind: 'composite';
  readonly key: string;
  readonly children: Readonly<Record<string, Fragment<unknown>>>;
  readonly render: (parts: Readonly<Record<string, unknown>>) => T | PromiseLike<T>;
  readonly version: string;
}

export type Fragment<T> = Leaf<T> | Composite<T>;

/** What each of the children gives. */
export type Parts<Children extends Readonly<Record<string, Fragment<unknown>>>> = {
  readonly [Name in keyof Children]: Children[Name] extends Fragment<infer T> ? T : never;
};

/**
 * A part that is loaded. Leaves of one key share one entry, in whatever composites they stand.
 *
 * @throws TypeError when an option has the wrong type
 */
export function leaf<T>(options: {
  readonly key: string;
  readonly load: (context: PartContext) => T | PromiseLike<T>;
  /** @default the cache's defaultTTL */
  readonly ttl?: Milliseconds | ((value: T) => Milliseconds) | undefined;
  /** Names under which the cache can invalidate it with others. */
  readonly tags?: readonly string[] | undefined;
}): Leaf<T> {
  objectOption('create a leaf', 'the options', options);
  stringOption('create a leaf', 'key', options.key);
  functionOption('create a leaf', 'load', options.load);
  return { kind: 'leaf', key: options.key, load: options.load, ttl: options.ttl, tags: options.tags };
}

/**
 * A part that is rendered from others. `render` must depend on nothing but its argument.
 *
 * @throws TypeError when an option has the wrong type
 */
export function composite<const Children extends Readonly<Record<string, Fragment<unknown>>>, T>(options: {
  readonly key: string;
  readonly children: Children;
  readonly render: (parts: Parts<Children>) => T | PromiseLike<T>;
  /** To be changed with `render`: it is hashed into the tag. @default '' */
  readonly version?: string | undefined;
}): Composite<T> {
  const subject = 'create a composite';
  objectOption(subject, 'the options', options);
  const { key, children, version = '' } = options;
  stringOption(subject, 'key', key);
  objectOption(subject, 'children', children);
  functionOption(subject, 'render', options.render);
  stringOption(subject, 'version', version);
  return { kind: 'composite', key, children, render: options.render as Composite<T>['render'], version };
}

/** `unchanged` when the client's tag is the present one. */
export type FragmentAnswer<T> =
  | { readonly kind: 'unchanged'; readonly etag: string }
  | { readonly kind: 'full'; readonly etag: string; readonly value: T };

/** A fragment whose tag is known and whose value is made when it is asked for. */
interface Resolved {
  readonly etag: string;
  readonly value: () => Promise<unknown>;
}

/** Options of `Fragments`. */
export interface FragmentsOptions {
  readonly cache: LoadingCache;
  /** Keeps its keys apart from others in the cache, and is a tag of every entry. */
  readonly name: string;
}

const NAMES: OptionNames<FragmentsOptions> = { cache: true, name: true };

/** Answers fragments from a cache: only the leaves that are missing are loaded, only what changed is rendered. */
export class Fragments {
  readonly #cache: LoadingCache;
  readonly #name: string;
  readonly #leaves: string;
  readonly #rendered: string;

  /** @throws TypeError when an option has the wrong type */
  constructor(options: FragmentsOptions) {
    const subject = 'create Fragments';
    objectOption(subject, 'the options', options);
    optionNames(subject, options, NAMES);
    objectOption(subject, 'cache', options.cache);
    functionOption(subject, 'cache.getOrSet', Reflect.get(options.cache, 'getOrSet'));
    stringOption(subject, 'name', options.name);
    this.#cache = options.cache;
    this.#name = options.name;
    this.#leaves = partPrefix(options.name, 'leaf');
    this.#rendered = partPrefix(options.name, 'rendered');
  }

  /**
   * The fragment's value with its tag, or `unchanged`. Within one answer each leaf is read once, so that it shows one
   * state of it wherever it stands.
   */
  answer<T>(
    fragment: Fragment<T>,
    { ifNoneMatch, signal }: ReadOptions & { readonly ifNoneMatch?: string | undefined } = {},
  ): Promise<FragmentAnswer<T>> {
    signalOption('answer a fragment', signal);
    return this.#answer(fragment, ifNoneMatch, signal);
  }

  /** Drops the leaf, or every leaf below the composite: the next answer loads it, and nothing else, anew. */
  async invalidate(fragment: Fragment<unknown>): Promise<void> {
    const leaves = new Set<string>();
    collectLeaves(fragment, new Set(), leaves);
    await Promise.all([...leaves].map((key) => this.#cache.invalidate(partKey(this.#leaves, key))));
  }

  async #answer<T>(
    fragment: Fragment<T>,
    known: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<FragmentAnswer<T>> {
    const { etag, value } = await this.#resolve(fragment, new Map(), signal);
    return etag === known ? { kind: 'unchanged', etag } : { kind: 'full', etag, value: (await value()) as T };
  }

  /** @param seen what this answer has resolved already: a part that stands in many places costs one */
  #resolve(
    fragment: Fragment<unknown>,
    seen: Map<Fragment<unknown>, Promise<Resolved>>,
    signal: AbortSignal | undefined,
  ): Promise<Resolved> {
    const known = seen.get(fragment);
    if (known !== undefined) return known;
    const resolved =
      fragment.kind === 'leaf' ? this.#resolveLeaf(fragment, signal) : this.#resolveComposite(fragment, seen, signal);
    seen.set(fragment, resolved);
    return resolved;
  }

  async #resolveLeaf({ key, load, ttl, tags }: Leaf<unknown>, signal: AbortSignal | undefined): Promise<Resolved> {
    const tagged = async (context: PartContext): Promise<Tagged> => {
      const value = await load(context);
      return { value, etag: contentEtag(value) };
    };
    const lifetime = typeof ttl === 'function' ? (loaded: unknown) => ttl((loaded as Tagged).value as never) : ttl;
    const options = { ttl: lifetime, tags: [this.#name, ...(tags ?? [])], signal };
    const { value, etag } = (await this.#cache.getOrSet(partKey(this.#leaves, key), tagged, options)) as Tagged;
    return { etag, value: () => Promise.resolve(value) };
  }

  async #resolveComposite(
    { key, children, render, version }: Composite<unknown>,
    seen: Map<Fragment<unknown>, Promise<Resolved>>,
    signal: AbortSignal | undefined,
  ): Promise<Resolved> {
    const names = Object.keys(children);
    const resolved = await Promise.all(names.map((name) => this.#resolve(children[name]!, seen, signal)));
    const etag = contentEtag([key, version, names.map((name, index) => [name, resolved[index]!.etag])]);
    const make = async (): Promise<unknown> => {
      const values = await Promise.all(resolved.map((child) => child.value()));
      return render(Object.fromEntries(names.map((name, index) => [name, values[index]])));
    };
    return { etag, value: () => this.#cache.getOrSet(this.#rendered + etag, make, { tags: [this.#name], signal }) };
  }
}

/** The content of a leaf as it is stored. */
interface Tagged {
  readonly value: unknown;
  readonly etag: string;
}

function collectLeaves(fragment: Fragment<unknown>, seen: Set<Fragment<unknown>>, leaves: Set<string>): void {
  if (seen.has(fragment)) return;
  seen.add(fragment);
  if (fragment.kind === 'leaf') leaves.add(fragment.key);
  else for (const child of Object.values(fragment.children)) collectLeaves(child, seen, leaves);
}
