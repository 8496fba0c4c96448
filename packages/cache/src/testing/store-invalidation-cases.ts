import assert from 'node:assert/strict';
import type { Invalidation } from '../tiers/store.ts';
import type { StoreCase } from './store-case.ts';
import { leaseFrom, LONG, recordOf, textIn } from './store-samples.ts';

/** Each concerns the key `user:1` with the tag `users`, and all but the last leave `page:1` with `pages`. */
const KINDS: readonly Invalidation[] = [
  { kind: 'key', key: 'user:1' },
  { kind: 'tag', tag: 'users' },
  { kind: 'tag', tag: 'users', soft: true },
  { kind: 'pattern', prefix: '', glob: 'us?r:*' },
  { kind: 'pattern', prefix: 'user:', glob: '?' },
  { kind: 'all' },
];

function fencingCases(invalidation: Invalidation): readonly StoreCase[] {
  const what = JSON.stringify(invalidation);
  const invalidations = [invalidation];
  return [
    [
      `invalidate ${what} hides what was written before, and only what it concerns`,
      async ({ here, there }) => {
        await here.write('user:1', recordOf('old', { tags: ['users'] }), undefined);
        await here.write('page:1', recordOf('page', { tags: ['pages'] }), undefined);
        await there.invalidate(invalidations);
        assert.equal(await textIn(here, 'user:1', ['users']), undefined);
        assert.equal(await textIn(here, 'user:1'), undefined);
        assert.equal(await textIn(here, 'page:1', ['pages']), invalidation.kind === 'all' ? undefined : 'page');
      },
    ],
    [
      `invalidate ${what} voids a lease that was given before`,
      async ({ here, there }) => {
        const lease = await leaseFrom(here, 'user:1', ['users']);
        const other = await leaseFrom(here, 'page:1', ['pages']);
        await there.invalidate(invalidations);
        assert.equal(await here.write('user:1', recordOf('old', { tags: ['users'] }), lease), false);
        assert.equal(await textIn(here, 'user:1', ['users']), undefined);
        const isOtherWritten = await here.write('page:1', recordOf('page', { tags: ['pages'] }), other);
        assert.equal(isOtherWritten, invalidation.kind !== 'all');
      },
    ],
    [
      `invalidate ${what} leaves what is written after it`,
      async ({ here, there }) => {
        await there.invalidate(invalidations);
        await here.write('user:1', recordOf('set', { tags: ['users'] }), undefined);
        assert.equal(await textIn(there, 'user:1', ['users']), 'set');
        const lease = await leaseFrom(here, 'user:1', ['users']);
        assert.equal(await here.write('user:1', recordOf('loaded', { tags: ['users'] }), lease), true);
        assert.equal(await textIn(there, 'user:1', ['users']), 'loaded');
      },
    ],
  ];
}

function patternCase(
  name: string,
  pattern: { readonly prefix: string; readonly glob: string },
  concerned: readonly string[],
  others: readonly string[],
): StoreCase {
  const test: StoreCase[1] = async ({ here, there }) => {
    const keys = [...concerned, ...others];
    for (const key of keys) await here.write(key, recordOf(key), undefined);
    await there.invalidate([{ kind: 'pattern', ...pattern }]);
    const left: string[] = [];
    for (const key of keys) if ((await here.read(key, [])) !== undefined) left.push(key);
    assert.deepEqual(left, others);
  };
  return [`invalidate by pattern ${name}`, test];
}

export const INVALIDATION_CASES: readonly StoreCase[] = [
  ...KINDS.flatMap(fencingCases),
  patternCase('compares the whole key', { prefix: '', glob: 'b' }, ['b'], ['', 'ab', 'bc', 'B']),
  patternCase('takes its prefix literally', { prefix: 'a*', glob: '*' }, ['a*', 'a*b'], ['ab', 'a', 'aa*']),
  patternCase('may have a prefix alone', { prefix: 'a?', glob: '' }, ['a?'], ['ab', 'a?b']),
  patternCase(
    'knows no other syntax than * and ?',
    { prefix: '', glob: '[a-c]\\.{x}%+?' },
    ['[a-c]\\.{x}%+!', '[a-c]\\.{x}%+?'],
    ['a.x', 'b\\.{x}%+!', '[a-c]\\.{x}%+'],
  ),
  patternCase('lets * be none and many', { prefix: '', glob: 'a*c*' }, ['ac', 'a\nb\0c\ud800'], ['a', 'bac']),
  patternCase('of one * concerns the empty key', { prefix: '', glob: '*' }, ['', 'any'], []),
  [
    'invalidate takes any number at once, of all kinds',
    async ({ here, there }) => {
      const keys = Array.from({ length: 1_000 }, (_, index) => `key:${index}`);
      const kinds = ['by key', 'by tag', 'by pattern', 'left'];
      await Promise.all(kinds.map((key) => here.write(key, recordOf('value', { tags: [`tag ${key}`] }), undefined)));
      await there.invalidate([
        ...keys.map((key) => ({ kind: 'key', key }) as const),
        ...keys.map((tag) => ({ kind: 'tag', tag }) as const),
        { kind: 'key', key: 'by key' },
        { kind: 'tag', tag: 'tag by tag' },
        { kind: 'pattern', prefix: 'by ', glob: 'p*' },
      ]);
      const found = await Promise.all(kinds.map((key) => textIn(here, key)));
      assert.deepEqual(found, [undefined, undefined, undefined, 'value']);
    },
  ],
  [
    'invalidate of nothing does nothing',
    async ({ here }) => {
      await here.write('key', recordOf('value'), undefined);
      await here.invalidate([]);
      assert.equal(await textIn(here, 'key'), 'value');
    },
  ],
  [
    'invalidate by many patterns forgets none of them',
    async ({ here, there }) => {
      await here.write('first', recordOf('old'), undefined);
      const lease = await leaseFrom(here, 'leased');
      await there.invalidate([
        { kind: 'pattern', prefix: '', glob: 'first*' },
        { kind: 'pattern', prefix: '', glob: 'leased*' },
      ]);
      for (let index = 0; index < 500; index++) {
        await there.invalidate([{ kind: 'pattern', prefix: `other:${index}:`, glob: '*' }]);
      }
      assert.equal(await textIn(here, 'first'), undefined);
      assert.equal(await here.write('leased', recordOf('old'), lease), false);
      await here.write('first', recordOf('new'), undefined);
      assert.equal(await textIn(there, 'first'), 'new');
    },
  ],
  [
    'a load that an invalidation overtook does not undo it, and the next load does its work',
    async ({ here, there }) => {
      const lease = await leaseFrom(here, 'key', ['tag']);
      await there.invalidate([{ kind: 'key', key: 'key' }]);
      await here.release('key', lease);
      const next = await there.lease('key', ['tag'], LONG);
      assert.equal(await here.write('key', recordOf('old', { tags: ['tag'] }), lease), false);
      assert.notEqual(next, undefined);
      assert.equal(await there.write('key', recordOf('new', { tags: ['tag'] }), next), true);
      assert.equal(await textIn(here, 'key', ['tag']), 'new');
    },
  ],
];
