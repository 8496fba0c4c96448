import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryCache } from '../../src/index.ts';
import { Deltas, diff, mergePatch, type Json } from '../../src/partial/index.ts';

const name = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', 'toString', '');
const { value: json } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.constantFrom<Json[]>(null, true, 0, 1, '', 'x'),
    fc.array(tie('value'), { maxLength: 3 }),
    // As JSON.parse gives it: __proto__ is a member like any other.
    fc.array(fc.tuple(name, tie('value')), { maxLength: 4 }).map((members) => Object.fromEntries(members) as Json),
  ),
}));

const object = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.oneof({ weight: 4, arbitrary: fc.nat(2) }, json), {
  maxKeys: 3,
  noNullPrototype: true,
});
/** Any two values; half of the time two objects, and often such as have a patch. */
const pair = fc.oneof(
  fc.tuple(json, json),
  fc.tuple(object, object),
  fc.tuple(object, object).map(([a, b]): [Json, Json] => [
    { a, x: 1 },
    { a: b, x: 1 },
  ]),
);

function mentions(value: unknown): boolean {
  return JSON.stringify(value).includes('"__proto__"');
}

describe('merge patches', () => {
  it('mergePatch(a, diff(a, b)) equals b whenever diff gives a patch', () => {
    let given = 0;
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const [before, after] = [JSON.stringify(a), JSON.stringify(b)];
        const patch = diff(a, b);
        if (patch === undefined) return;
        given += 1;
        const merged = mergePatch(a, JSON.parse(JSON.stringify(patch)) as Json);
        // Prototypes too, of which vitest takes a member named constructor for one.
        expect(isDeepStrictEqual(merged, JSON.parse(after))).toBe(true);
        expect([JSON.stringify(a), JSON.stringify(b)]).toEqual([before, after]);
        expect(mentions(patch)).toBe(false);
      }),
      { numRuns: 3000 },
    );
    expect(given).toBeGreaterThan(300);
  });

  it('diff gives a patch for every two objects without null and __proto__', () => {
    const plain = json.filter((value) => !/null|__proto__/.test(JSON.stringify(value)));
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('a', 'b', 'c'), plain),
        fc.dictionary(
          name.filter((n) => n !== '__proto__'),
          plain,
        ),
        (a, b) => {
          expect(diff(a, b)).toBeDefined();
        },
      ),
    );
  });

  it('mergePatch never yields a member named __proto__ that the patch brought', () => {
    fc.assert(
      fc.property(json, (patch) => {
        expect(mentions(mergePatch({}, patch))).toBe(false);
      }),
    );
  });

  it('a client that follows the deltas always has the present value', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.dictionary(name, json, { maxKeys: 6, noNullPrototype: true }), fc.boolean()), {
          maxLength: 20,
        }),
        fc.integer({ min: 200, max: 5000 }),
        (versions, maxBytes) => {
          const deltas = new Deltas({ cache: new MemoryCache({ maxBytes }), name: 'd' });
          let held: Json = null;
          let etag: string | undefined;
          for (const [version, asks] of versions) {
            const value = { ...version, filler: 'x'.repeat(60) };
            if (!asks) {
              deltas.answer('k', value);
              continue;
            }
            const delta = deltas.answer('k', value, etag);
            if (delta.kind === 'full') held = JSON.parse(delta.body) as Json;
            if (delta.kind === 'patch') {
              expect(delta.base).toBe(etag);
              held = mergePatch(held, JSON.parse(delta.body) as Json);
            }
            etag = delta.etag;
            expect(held).toEqual(JSON.parse(JSON.stringify(value)));
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
