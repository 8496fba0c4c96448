import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ResponseCache } from '../../src/index.ts';
import { Collection } from '../../src/partial/index.ts';

/**
 * The source is a table of versions. Whoever changes a row invalidates it at once, so a read that begins afterwards must
 * see at least that version, whatever loads were under way; and one that begins while nothing changed asks for nothing.
 */
interface Item {
  readonly id: number;
  readonly version: number;
}

const id = fc.integer({ min: 0, max: 4 });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), ids: fc.array(id, { maxLength: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('page' as const), bringsIds: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('change' as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('write' as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('all' as const, 'lists' as const, 'abort' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('answer' as const), which: fc.nat(5), fails: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class Harness {
  readonly #rows = Array.from({ length: 5 }, (_, row) => ({ id: row, version: 0 }));
  readonly #cache = new ResponseCache();
  readonly #loads: ((fails: boolean) => void)[] = [];
  readonly #reads: Promise<void>[] = [];
  #abort = new AbortController();
  readonly asked: (readonly number[])[] = [];
  readonly items: Collection<number, Item>;

  constructor() {
    this.items = new Collection({
      cache: this.#cache,
      name: 'rows',
      maxBatch: 3,
      load: (ids: readonly number[]) => {
        this.asked.push(ids);
        return this.#later(ids.map((row) => this.#rows[row]!));
      },
      idOf: (item) => item.id,
      ttl: Infinity,
    });
  }

  async perform(action: Step): Promise<void> {
    switch (action.do) {
      case 'read':
        return this.#read([...new Set(action.ids)], (signal) => this.items.getMany(action.ids, { signal }));
      case 'page':
        return this.#read([0, 1, 2], (signal) => this.#page(action.bringsIds, signal));
      case 'change':
        this.#raise(action.id);
        void this.items.invalidate(action.id);
        return;
      case 'write':
        void this.items.set(this.#raise(action.id));
        return;
      case 'all':
        for (const { id: row } of this.#rows) this.#raise(row);
        void this.items.invalidateAll();
        return;
      case 'lists':
        void this.items.invalidatePages();
        return;
      case 'abort':
        this.#abort.abort(new Error('left'));
        this.#abort = new AbortController();
        return;
      case 'answer':
        this.#loads.splice(action.which % Math.max(1, this.#loads.length), 1)[0]?.(action.fails);
        return;
      case 'turn':
        return turn();
    }
  }

  /** Answers everything, and returns the rows, what a read gives then and what the next one asks the source for. */
  async finish(): Promise<{ rows: readonly Item[]; read: Iterable<Item>; again: Iterable<Item>; asked: number }> {
    await this.#settle(Promise.all(this.#reads));
    const read = this.items.getMany([0, 1, 2, 3, 4]);
    await this.#settle(read);
    const before = this.asked.length;
    const again = await this.items.getMany([0, 1, 2, 3, 4]);
    const asked = this.asked.length - before;
    return { rows: this.#rows, read: (await read).values(), again: again.values(), asked };
  }

  #raise(row: number): Item {
    const { version } = this.#rows[row]!;
    return (this.#rows[row] = { id: row, version: version + 1 });
  }

  #read(ids: readonly number[], read: (signal: AbortSignal) => Promise<Map<number, Item>>): void {
    const least = this.#rows.map(({ version }) => version);
    const check = (found: Map<number, Item>): void => {
      expect([...found.keys()]).toEqual(ids);
      for (const item of found.values()) expect(item.version).toBeGreaterThanOrEqual(least[item.id]!);
    };
    const isExpected = (error: unknown): boolean => error instanceof Error && /down|left/.test(error.message);
    const rethrow = (error: unknown): void => {
      if (!isExpected(error)) throw error;
    };
    const checked = read(this.#abort.signal).then(check).catch(rethrow);
    checked.catch(() => {});
    this.#reads.push(checked);
  }

  async #page(bringsIds: boolean, signal: AbortSignal): Promise<Map<number, Item>> {
    const load = () =>
      bringsIds
        ? this.#later([]).then(() => ({ ids: [0, 1, 2] }))
        : this.#later(this.#rows.slice(0, 3)).then((items) => ({ items }));
    const { items } = await this.items.page('first', load, { signal });
    return new Map(items.map((item) => [item.id, item]));
  }

  /** What the source says now, at some later time. */
  #later(items: readonly Item[]): Promise<readonly Item[]> {
    return new Promise((resolve, reject) => {
      this.#loads.push((fails) => (fails ? reject(new Error('down')) : resolve(items)));
    });
  }

  async #settle(done: Promise<unknown>): Promise<void> {
    const state = { isDone: false };
    const settled = done.finally(() => (state.isDone = true));
    settled.catch(() => {});
    for (let rounds = 0; !state.isDone && rounds < 100; rounds++) {
      await turn();
      for (const load of this.#loads.splice(0)) load(false);
    }
    await settled;
  }
}

describe('Collection', () => {
  it('never shows what an invalidation before the read overtook, and ends with the truth', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const harness = new Harness();
        for (const each of steps) await harness.perform(each);
        const { rows, read, again, asked } = await harness.finish();
        expect([[...read], [...again], asked]).toEqual([rows, rows, 0]);
        for (const ids of harness.asked) {
          expect(ids.length).toBeLessThanOrEqual(3);
          expect(new Set(ids).size).toBe(ids.length);
        }
      }),
      { numRuns: 400 },
    );
  }, 20_000);

  it('asks the source for just what a naive map does not have', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.array(id, { maxLength: 5 }), fc.option(id)), { maxLength: 20 }),
        async (rounds) => {
          const asked: number[] = [];
          const items = new Collection({
            cache: new ResponseCache(),
            name: 'rows',
            load: (ids: readonly number[]) => {
              asked.push(...ids);
              return ids.map((row) => ({ id: row }));
            },
            idOf: (item) => item.id,
            ttl: Infinity,
          });
          const naive = new Set<number>();
          for (const [ids, invalidated] of rounds) {
            const missing = [...new Set(ids)].filter((each) => !naive.has(each));
            expect([...(await items.getMany(ids)).keys()]).toEqual([...new Set(ids)]);
            expect(asked.splice(0)).toEqual(missing);
            for (const each of ids) naive.add(each);
            if (invalidated === null) continue;
            await items.invalidate(invalidated);
            naive.delete(invalidated);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
