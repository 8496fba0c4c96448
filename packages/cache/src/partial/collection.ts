import { functionOption, numberOption, objectOption, signalOption, stringOption } from '@forge/internal';
import { optionNames, type OptionNames } from '../option-names.ts';
import type { Milliseconds } from '../units.ts';
import { Gatherer, type ManyLoader } from './gatherer.ts';
import type { LoadingCache, PartContext, ReadOptions } from './part-caches.ts';
import { partKey, partPrefix } from './part-key.ts';

/** As many ids are read in one turn of the event loop. */
const SLICE = 500;
/** Long enough to be found when the page is there. */
const WITNESS_TTL: Milliseconds = 1000;
const FINITE = { min: -Number.MAX_VALUE, max: Number.MAX_VALUE };

/** Options of a `Collection`. */
export interface CollectionOptions<Id extends string | number, Item> {
  /** Holds the items and the lists, and brings its tiers, bounds and events. */
  readonly cache: LoadingCache;
  /** Keeps its keys apart from others in the cache, and is the tag of all that it stores. */
  readonly name: string;
  /** Loads the missing items, in any order; an id that it brings no item for is absent. */
  readonly load: ManyLoader<Id, Item>;
  readonly idOf: (item: Item) => Id;
  /** How long an item lives; 0 or less stores it not. */
  readonly ttl: Milliseconds | ((item: Item) => Milliseconds);
  /** How long the list of a page lives. @default the cache's defaultTTL */
  readonly pageTTL?: Milliseconds | undefined;
  /** The most ids that one call of `load` gets. @default 500 */
  readonly maxBatch?: number;
}

/** What the load of a page brings: its items, or their ids alone. */
export type LoadedPage<Id, Item> = ({ readonly items: readonly Item[] } | { readonly ids: readonly Id[] }) & {
  /** The cursor of the page that follows; without one this is the last. */
  readonly next?: string | undefined;
};

export type PageLoader<Id, Item> = (context: PartContext) => LoadedPage<Id, Item> | PromiseLike<LoadedPage<Id, Item>>;

export interface Page<Item> {
  /** In the list's order, without those that have gone since the list was loaded. */
  readonly items: readonly Item[];
  readonly next: string | undefined;
}

/** A page as it is stored. */
interface PageList<Id> {
  readonly ids: readonly Id[];
  readonly next: string | undefined;
}

const NAMES: OptionNames<CollectionOptions<never, never>> = {
  cache: true,
  name: true,
  load: true,
  idOf: true,
  ttl: true,
  pageTTL: true,
  maxBatch: true,
};

/**
 * Items that are stored once, each under its own key, and lists of them that hold ids: the loader is asked for what is
 * missing and for nothing else, an invalidated item comes back alone, and a list is fresh or stale by itself.
 *
 * An id that is under way is not asked for again, and the ids missed in one turn of the event loop share one load. As
 * everywhere in the cache, what was loaded before an invalidation is given to those who waited for it and never stored.
 * An absent item is not stored either: it is asked for each time.
 *
 * @example
 * const users = new Collection({
 *   cache,
 *   name: 'users',
 *   load: (ids: readonly number[], { signal }) => selectUsers(ids, { signal }),
 *   idOf: (user) => user.id,
 *   ttl: 60_000,
 * });
 * const found = await users.getMany([1, 2, 3]);
 */
export class Collection<Id extends string | number, Item> {
  readonly #cache: LoadingCache;
  readonly #idOf: (item: Item) => Id;
  readonly #ttlOf: (item: Item) => Milliseconds;
  readonly #pageTTL: Milliseconds | undefined;
  readonly #missed: Gatherer<Id, Item>;

  readonly #items: string;
  readonly #pages: string;
  /** The tag that every change of an item invalidates: pages that are being loaded may bring its old state. */
  readonly #changes: string;
  readonly #itemTags: readonly string[];
  readonly #pageTags: readonly string[];
  readonly #loadTags: readonly string[];
  /** Part of a witness's key, for no two collections on one second tier may share a load of a page. */
  readonly #self: string = crypto.randomUUID();
  #pageLoads = 0;

  /** @throws TypeError or RangeError when an option has the wrong type or is out of range */
  constructor(options: CollectionOptions<Id, Item>) {
    const subject = 'create a Collection';
    objectOption(subject, 'the options', options);
    optionNames(subject, options, NAMES);
    const { cache, name, load, idOf, ttl, pageTTL, maxBatch } = options;
    objectOption(subject, 'cache', cache);
    functionOption(subject, 'cache.getOrSet', Reflect.get(cache, 'getOrSet'));
    stringOption(subject, 'name', name);
    functionOption(subject, 'load', load);
    functionOption(subject, 'idOf', idOf);
    const lifetime = typeof ttl === 'function' ? 0 : numberOption(subject, 'ttl', ttl, NaN, { min: -Infinity });
    if (Number.isNaN(lifetime)) throw new TypeError(`Cannot ${subject}: ttl must be a number, got undefined`);
    this.#cache = cache;
    this.#idOf = idOf;
    this.#ttlOf = typeof ttl === 'function' ? ttl : () => lifetime;
    this.#pageTTL = pageTTL === undefined ? undefined : numberOption(subject, 'pageTTL', pageTTL, 0);
    const most = numberOption(subject, 'maxBatch', maxBatch, SLICE, { min: 1, integer: true });
    this.#missed = new Gatherer(load, idOf, most);
    this.#items = partPrefix(name, 'item');
    this.#pages = partPrefix(name, 'page');
    this.#changes = partPrefix(name, 'changes');
    this.#itemTags = [name];
    this.#pageTags = [name, this.#pages];
    this.#loadTags = [name, this.#changes];
  }

  /** The item, or undefined when there is none. */
  get(id: Id, options?: ReadOptions): Promise<Item | undefined> {
    return this.getMany([id], options).then((found) => found.get(id));
  }

  /**
   * The items that exist, in the order of the ids; 500 are read in each turn of the event loop. Rejects when a load that
   * one of them depends on fails; what the other loads bring is stored all the same.
   */
  getMany(ids: Iterable<Id>, { signal }: ReadOptions = {}): Promise<Map<Id, Item>> {
    const subject = 'get items';
    signalOption(subject, signal);
    const wanted = [...new Set(ids)];
    for (const id of wanted) checkId(subject, id);
    return this.#collect(wanted, signal);
  }

  /**
   * The page at the cursor, which names all that the list depends on: filter, order and place.
   *
   * Items that the load brings, the first 500, are stored as if each had been loaded alone, unless the cache holds them
   * already or an item of the collection changed while the page was loaded. Across processes the change is known when the
   * bus has brought it; a load that brings `ids` leaves no such gap, for every item then has a load of its own.
   */
  page(cursor: string, load: PageLoader<Id, Item>, { signal }: ReadOptions = {}): Promise<Page<Item>> {
    const subject = 'get a page';
    stringOption(subject, 'the cursor', cursor);
    functionOption(subject, 'the loader', load);
    signalOption(subject, signal);
    return this.#page(partKey(this.#pages, cursor), load, signal);
  }

  /** Stores an item that was just written or read elsewhere; loads that run do not overwrite it. */
  set(item: Item): Promise<void> {
    const key = this.#keyOf('set an item', this.#idOf(item));
    const ttl = this.#ttlOf(item);
    const fenced = this.#cache.invalidateTag(this.#changes);
    return done(fenced, this.#cache.set(key, item, { ttl, tags: this.#itemTags }));
  }

  /** Drops one item: the next read loads it alone. Lists stay. */
  invalidate(id: Id): Promise<void> {
    const key = this.#keyOf('invalidate an item', id);
    return done(this.#cache.invalidate(key), this.#cache.invalidateTag(this.#changes));
  }

  /** Drops every list. Items stay. */
  invalidatePages(): Promise<void> {
    return done(this.#cache.invalidateTag(this.#pages));
  }

  /** Drops every item and every list. */
  invalidateAll(): Promise<void> {
    return done(this.#cache.invalidateTag(this.#itemTags[0]!));
  }

  /** In slices: a miss costs some tens of microseconds, and thousands of them would hold up everybody else. */
  async #collect(ids: readonly Id[], signal: AbortSignal | undefined): Promise<Map<Id, Item>> {
    const slices: Promise<(Item | undefined)[]>[] = [];
    for (let start = 0; start < ids.length; start += SLICE) {
      if (start > 0) await new Promise<void>((resolve) => setImmediate(resolve));
      slices.push(Promise.all(ids.slice(start, start + SLICE).map((id) => this.#read(id, signal))));
      // A failure is told when every slice has begun.
      slices.at(-1)!.catch(() => {});
    }
    const found = new Map<Id, Item>();
    let place = 0;
    for (const slice of await Promise.all(slices)) {
      for (const item of slice) {
        if (item !== undefined) found.set(ids[place]!, item);
        place += 1;
      }
    }
    return found;
  }

  #read(id: Id, signal: AbortSignal | undefined): Promise<Item | undefined> {
    return this.#item(partKey(this.#items, id), (context) => this.#missed.load(id, context.signal), signal);
  }

  #item(
    key: string,
    load: (context: PartContext) => Promise<Item | undefined>,
    signal: AbortSignal | undefined,
  ): Promise<Item | undefined> {
    const ttl = (item: unknown): Milliseconds => (item === undefined ? 0 : this.#ttlOf(item as Item));
    return this.#cache.getOrSet(key, load, { ttl, tags: this.#itemTags, signal }) as Promise<Item | undefined>;
  }

  async #page(key: string, load: PageLoader<Id, Item>, signal: AbortSignal | undefined): Promise<Page<Item>> {
    const options = { ttl: this.#pageTTL, tags: this.#pageTags, signal };
    const list = await this.#cache.getOrSet(key, (context) => this.#loadPage(load, context.signal), options);
    const { ids, next } = list as PageList<Id>;
    const found = await this.getMany(ids, { signal });
    return { items: [...found.values()], next };
  }

  /**
   * Loads a page together with a witness, an entry that carries the tag of changes, which a stored list must not: it is
   * there afterwards only if nothing changed since the load began.
   */
  async #loadPage(load: PageLoader<Id, Item>, signal: AbortSignal): Promise<PageList<Id>> {
    const witness = `${this.#changes}${this.#self}:${++this.#pageLoads}`;
    const loaded: LoadedPage<Id, Item>[] = [];
    const run = async (context: PartContext): Promise<true> => {
      loaded.push(await load(context));
      return true;
    };
    await this.#cache.getOrSet(witness, run, { ttl: WITNESS_TTL, tags: this.#loadTags, signal });
    const page = loaded[0]!;
    if (!('items' in page)) return { ids: page.ids, next: page.next };
    this.#adopt(page.items, witness);
    return { ids: page.items.map((item) => this.#idOf(item)), next: page.next };
  }

  /**
   * Begins a load of each item, which brings what the page brought if the witness is still there. It is looked for when
   * the loads have begun, and from then on each is fenced by itself: no moment is left in which a change is missed. What
   * the cache holds or loads already stays: reads never go back in time.
   */
  #adopt(items: readonly Item[], witness: string): void {
    const isCurrent = Promise.resolve().then(async () => (await this.#cache.get(witness)) !== undefined);
    for (const item of items.slice(0, SLICE)) {
      const id = this.#idOf(item);
      const load = async (context: PartContext): Promise<Item | undefined> =>
        (await isCurrent) ? item : this.#missed.load(id, context.signal);
      // A failure has no reader here: whoever reads the item loads it.
      this.#item(this.#keyOf('store an item of a page', id), load, undefined).catch(() => {});
    }
    isCurrent.catch(() => {});
  }

  #keyOf(subject: string, id: Id): string {
    checkId(subject, id);
    return partKey(this.#items, id);
  }
}

function checkId(subject: string, id: string | number): void {
  if (typeof id === 'number') numberOption(subject, 'an id', id, 0, FINITE);
  else stringOption(subject, 'an id that is no number', id);
}

async function done(...works: readonly Promise<unknown>[]): Promise<void> {
  await Promise.all(works);
}
