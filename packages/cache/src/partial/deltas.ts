import { functionOption, objectOption, stringOption } from '@forge/internal';
import { optionNames, type OptionNames } from '../option-names.ts';
import { jsonEtag } from './etag.ts';
import { diff, type Json } from './merge-patch.ts';
import type { PartMemory } from './part-caches.ts';
import { partKey, partPrefix } from './part-key.ts';

/** Texts longer than this are answered in full: comparing them would hold up everybody else. */
const LONGEST = 2 ** 20;
/** Remembered in place of a patch that is not worth sending. */
const NO_PATCH = '';

/** What to send to a client that has the version `base`, or none. */
export type Delta =
  /** The client has the present version. */
  | { readonly kind: 'unchanged'; readonly etag: string }
  /** `body` is a merge patch (`application/merge-patch+json`) that makes the present version of `base`. */
  | { readonly kind: 'patch'; readonly etag: string; readonly base: string; readonly body: string }
  /** `body` is the JSON of the present version. */
  | { readonly kind: 'full'; readonly etag: string; readonly body: string };

/** Options of `Deltas`. */
export interface DeltasOptions {
  /** Holds the versions that were answered lately and the patches between them: its bound is how far back they reach. */
  readonly cache: PartMemory;
  /** Keeps its keys apart from others in the cache. */
  readonly name: string;
}

const NAMES: OptionNames<DeltasOptions> = { cache: true, name: true };

/**
 * Answers a client that names the version it has with what changed since, when that is shorter than the whole.
 *
 * Versions are remembered as texts, by key and tag: later changes of the object cannot reach them, a version that clients
 * still come with stays in use, and the patch between two versions is computed once. A version that is not remembered, a
 * change that no merge patch can express and a text above 1 MiB are answered in full.
 *
 * @example
 * const deltas = new Deltas({ cache: new MemoryCache({ maxBytes: 16 * 2 ** 20 }), name: 'boards' });
 * const delta = deltas.answer('board:7', board, request.headers['if-none-match']);
 */
export class Deltas {
  readonly #cache: PartMemory;
  readonly #versions: string;
  readonly #patches: string;

  /** @throws TypeError when an option has the wrong type */
  constructor(options: DeltasOptions) {
    const subject = 'create Deltas';
    objectOption(subject, 'the options', options);
    optionNames(subject, options, NAMES);
    objectOption(subject, 'cache', options.cache);
    functionOption(subject, 'cache.delete', options.cache.delete);
    stringOption(subject, 'name', options.name);
    this.#cache = options.cache;
    this.#versions = partPrefix(options.name, 'version');
    this.#patches = partPrefix(options.name, 'patch');
  }

  /**
   * What to send to a client that has `base`, and remembers the value as a version to come back with.
   *
   * @param key names the resource together with whom it is shown to: a patch tells of the version that it starts from
   * @throws TypeError when the value has no JSON form
   */
  answer(key: string, value: unknown, base?: string): Delta {
    const subject = 'answer a delta';
    stringOption(subject, 'the key', key);
    if (base !== undefined) stringOption(subject, 'base', base);
    const body = JSON.stringify(value) as string | undefined;
    if (body === undefined) throw new TypeError(`Cannot ${subject}: the value has no JSON form, got a ${typeof value}`);
    const etag = jsonEtag(body);
    if (base === etag) return { kind: 'unchanged', etag };
    if (body.length > LONGEST) return { kind: 'full', etag, body };
    const version = partKey(this.#versions, key);
    if (this.#cache.get(version + etag) === undefined) this.#remember(version + etag, body);
    const patch = base === undefined ? NO_PATCH : this.#patch(key, base, etag, body);
    return patch === NO_PATCH ? { kind: 'full', etag, body } : { kind: 'patch', etag, base: base!, body: patch };
  }

  #patch(key: string, base: string, etag: string, body: string): string {
    const before = this.#cache.get(partKey(this.#versions, key) + base) as string | undefined;
    if (before === undefined) return NO_PATCH;
    const stored = partKey(this.#patches, key) + base + etag;
    const known = this.#cache.get(stored) as string | undefined;
    if (known !== undefined) return known;
    const change = diff(JSON.parse(before) as Json, JSON.parse(body) as Json);
    const text = change === undefined ? NO_PATCH : JSON.stringify(change);
    const patch = Buffer.byteLength(text) < Buffer.byteLength(body) ? text : NO_PATCH;
    this.#remember(stored, patch);
    return patch;
  }

  #remember(key: string, text: string): void {
    // As V8 holds it: a byte for each unit, or two.
    this.#cache.set(key, text, { size: 2 * (key.length + text.length) });
  }
}
