import assert from 'node:assert/strict';
import type { StoreCase } from './store-case.ts';
import { HOSTILE, LONG, recordOf, textIn } from './store-samples.ts';

export const RECORD_CASES: readonly StoreCase[] = [
  [
    'read finds nothing under a key that was never written',
    async ({ here }) => assert.equal(await here.read('key', ['tag']), undefined),
  ],
  [
    'read returns on any process what was written on one',
    async ({ here, there }) => {
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
      assert.equal(await here.write('key', { bytes, tags: ['a', 'b'], ttl: LONG }, undefined), true);
      const record = await there.read('key', ['a', 'b']);
      assert.deepEqual([...(record?.bytes ?? [])], [...bytes]);
      assert.deepEqual(record?.tags.toSorted(), ['a', 'b']);
    },
  ],
  [
    'read returns a record without bytes and without tags',
    async ({ here }) => {
      await here.write('key', recordOf(''), undefined);
      const record = await here.read('key', []);
      assert.deepEqual({ length: record?.bytes.length, tags: record?.tags }, { length: 0, tags: [] });
    },
  ],
  [
    'read finds a record whatever tags the caller expects',
    async ({ here }) => {
      await here.write('key', recordOf('value', { tags: ['a', 'b'] }), undefined);
      for (const expected of [[], ['a'], ['b', 'c'], ['a', 'b']]) {
        assert.equal(await textIn(here, 'key', expected), 'value');
      }
    },
  ],
  [
    'read tells what is left of the life',
    async ({ here, wait }) => {
      await here.write('key', recordOf('value', { ttl: 10_000 }), undefined);
      await wait(50);
      const { ttl } = (await here.read('key', []))!;
      assert.ok(ttl > 0 && ttl <= 9_960, `ttl is ${ttl}`);
    },
  ],
  [
    'read finds nothing when the life is over',
    async ({ here, wait }) => {
      await here.write('key', recordOf('value', { ttl: 50, tags: ['tag'] }), undefined);
      await wait(80);
      assert.equal(await textIn(here, 'key', ['tag']), undefined);
    },
  ],
  [
    'write without a lease replaces the record with its tags',
    async ({ here, there }) => {
      await here.write('key', recordOf('old', { tags: ['old'] }), undefined);
      assert.equal(await there.write('key', recordOf('new', { tags: ['new'] }), undefined), true);
      await here.invalidate([{ kind: 'tag', tag: 'old' }]);
      assert.equal(await textIn(here, 'key'), 'new');
      await here.invalidate([{ kind: 'tag', tag: 'new' }]);
      assert.equal(await textIn(here, 'key'), undefined);
    },
  ],
  [
    'write keeps what it was given when the caller changes it later',
    async ({ here }) => {
      const record = recordOf('value');
      await here.write('key', record, undefined);
      record.bytes.fill(0);
      assert.equal(await textIn(here, 'key'), 'value');
    },
  ],
  [
    'keys are any strings and never mistaken for each other',
    async ({ here, there }) => {
      for (const [index, key] of HOSTILE.entries()) {
        assert.equal(await here.write(key, recordOf(`value ${index}`), undefined), true);
      }
      for (const [index, key] of HOSTILE.entries()) assert.equal(await textIn(there, key), `value ${index}`);
      for (const [index, key] of HOSTILE.entries()) {
        await here.invalidate([{ kind: 'key', key }]);
        assert.equal(await textIn(there, key), undefined);
        const next = HOSTILE[index + 1];
        if (next !== undefined) assert.equal(await textIn(there, next), `value ${index + 1}`);
      }
    },
  ],
  [
    'tags are any strings and never mistaken for each other',
    async ({ here, there }) => {
      for (const [index, tag] of HOSTILE.entries()) {
        await here.write(`key ${index}`, recordOf('value', { tags: [tag, 'all'] }), undefined);
      }
      for (const [index, tag] of HOSTILE.entries()) {
        assert.deepEqual((await there.read(`key ${index}`, []))?.tags.toSorted(), [tag, 'all'].toSorted());
        await here.invalidate([{ kind: 'tag', tag }]);
        assert.equal(await textIn(there, `key ${index}`, [tag]), undefined);
        if (index + 1 < HOSTILE.length) assert.equal(await textIn(there, `key ${index + 1}`), 'value');
      }
    },
  ],
  [
    'read takes what it cannot understand for a miss, and write puts a record in its place',
    async ({ here, damage }) => {
      if (damage === undefined) return;
      await here.write('key', recordOf('value', { tags: ['tag'] }), undefined);
      await damage('key');
      assert.equal(await here.read('key', ['tag']), undefined);
      assert.equal(await here.write('key', recordOf('new'), undefined), true);
      assert.equal(await textIn(here, 'key'), 'new');
    },
  ],
];
