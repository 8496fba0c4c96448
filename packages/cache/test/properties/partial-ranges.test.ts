import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryCache } from '../../src/index.ts';
import { RangeCache, type RangeAnswer } from '../../src/partial/index.ts';

const LENGTH = 24;
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      start: fc.nat(LENGTH + 2),
      length: fc.integer({ min: 1, max: LENGTH }),
      open: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('answer' as const), which: fc.nat(5), short: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('change' as const, 'change silently' as const, 'abort' as const) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
);

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The state of the resource at a version; it also grows. */
const stateOf = (version: number): string[] =>
  Array.from({ length: LENGTH + (version % 3) }, (_, at) => `${version}:${at}`);

describe('RangeCache', () => {
  it('answers each range from one state of the resource, and none older than an invalidation before the read', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 50 }),
        fc.oneof(fc.constant(Infinity), fc.integer({ min: 1, max: 400 })),
        async (steps, maxBytes) => {
          let version = 0;
          let fence = 0;
          let abort = new AbortController();
          const loads: ((short: boolean) => void)[] = [];
          const reads: Promise<void>[] = [];
          const ranges = new RangeCache<readonly string[]>({
            cache: new MemoryCache({ maxBytes }),
            name: 'r',
            load: (_key, { start, end }) => {
              const [state, etag] = [stateOf(version), String(version)];
              return new Promise<RangeAnswer<readonly string[]>>((resolve) => {
                loads.push((short) => {
                  const data = state.slice(start, end);
                  resolve({
                    data: short ? data.slice(0, Math.ceil(data.length / 2)) : data,
                    etag,
                    total: state.length,
                  });
                });
              });
            },
          });
          const read = (start: number, end: number): void => {
            const least = fence;
            const check = async (): Promise<void> => {
              const slice = await ranges.read('k', { start, end }, { signal: abort.signal });
              const state = stateOf(Number(slice.etag));
              expect(slice.data).toEqual(state.slice(start, end));
              expect(slice.total).toBe(state.length);
              expect(Number(slice.etag)).toBeGreaterThanOrEqual(least);
            };
            const checked = check().catch((error: unknown) => {
              if (error !== 'left' && (error as { code?: unknown }).code !== 'CACHE_RANGE_UNSTABLE') throw error;
            });
            checked.catch(() => {});
            reads.push(checked);
          };
          for (const action of steps) {
            if (action.do === 'read') read(action.start, action.open ? Infinity : action.start + action.length);
            else if (action.do === 'answer')
              loads.splice(action.which % Math.max(1, loads.length), 1)[0]?.(action.short);
            else if (action.do === 'turn') await turn();
            else if (action.do === 'abort') {
              abort.abort('left');
              abort = new AbortController();
            } else {
              version += 1;
              if (action.do === 'change') {
                fence = version;
                ranges.invalidate('k');
              }
            }
          }
          const state = { isDone: false };
          const done = Promise.all(reads).finally(() => (state.isDone = true));
          done.catch(() => {});
          for (let rounds = 0; !state.isDone && rounds < 200; rounds++) {
            await turn();
            for (const load of loads.splice(0)) load(false);
          }
          await done;
        },
      ),
      { numRuns: 400 },
    );
  }, 20_000);
});
