import type { PartContext } from './part-caches.ts';

/** Loads many items at once. */
export type ManyLoader<Id, Item> = (
  ids: readonly Id[],
  context: PartContext,
) => Iterable<Item> | PromiseLike<Iterable<Item>>;

interface Batch<Id, Item> {
  /** Who waits for each id. */
  readonly waiting: Map<Id, number>;
  readonly controller: AbortController;
  readonly found: Promise<ReadonlyMap<Id, Item>>;
}

/**
 * Gathers the ids that are missed in one turn of the event loop into one load, whoever missed them.
 *
 * The turn ends when no promise job is left: the answers of a second tier that came together are still gathered, and
 * nobody waits for a timer. A batch's signal aborts when everybody who waited for any of its ids has left.
 */
export class Gatherer<Id, Item> {
  readonly #load: ManyLoader<Id, Item>;
  readonly #idOf: (item: Item) => Id;
  readonly #maxBatch: number;
  #open: Batch<Id, Item> | undefined;

  constructor(load: ManyLoader<Id, Item>, idOf: (item: Item) => Id, maxBatch: number) {
    this.#load = load;
    this.#idOf = idOf;
    this.#maxBatch = maxBatch;
  }

  /** The item, or undefined when the load did not bring it. */
  async load(id: Id, signal: AbortSignal): Promise<Item | undefined> {
    const batch = (this.#open ??= this.#begin());
    const { waiting } = batch;
    waiting.set(id, (waiting.get(id) ?? 0) + 1);
    if (waiting.size >= this.#maxBatch) this.#open = undefined;
    const leave = (): void => this.#leave(batch, id, signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    try {
      return (await batch.found).get(id);
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  #begin(): Batch<Id, Item> {
    const turnEnd = new Promise<void>((resolve) => {
      queueMicrotask(() => process.nextTick(resolve));
    });
    const batch: Batch<Id, Item> = {
      waiting: new Map(),
      controller: new AbortController(),
      found: turnEnd.then(() => this.#fetch(batch)),
    };
    return batch;
  }

  async #fetch(batch: Batch<Id, Item>): Promise<ReadonlyMap<Id, Item>> {
    if (this.#open === batch) this.#open = undefined;
    const found = new Map<Id, Item>();
    if (batch.waiting.size === 0) return found;
    const items = await this.#load([...batch.waiting.keys()], { signal: batch.controller.signal });
    for (const item of items) found.set(this.#idOf(item), item);
    return found;
  }

  #leave(batch: Batch<Id, Item>, id: Id, reason: unknown): void {
    const others = batch.waiting.get(id)! - 1;
    if (others > 0) batch.waiting.set(id, others);
    else batch.waiting.delete(id);
    if (batch.waiting.size > 0) return;
    if (this.#open === batch) this.#open = undefined;
    batch.controller.abort(reason);
  }
}
