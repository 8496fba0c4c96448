import assert from 'node:assert/strict';
import type { StoreCase } from './store-case.ts';
import { HOSTILE, leaseFrom, LONG, recordOf, textIn } from './store-samples.ts';

export const LEASE_CASES: readonly StoreCase[] = [
  [
    'lease is given once while it lasts, and for each key',
    async ({ here, there }) => {
      await leaseFrom(here, 'key');
      assert.equal(await here.lease('key', [], LONG), undefined);
      assert.equal(await there.lease('key', ['tag'], LONG), undefined);
      await leaseFrom(there, 'another key');
    },
  ],
  [
    'lease is given to one of many that ask together',
    async ({ here, there }) => {
      const askers = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? here : there));
      const leases = await Promise.all(askers.map((store) => store.lease('key', [], LONG)));
      assert.equal(leases.filter((lease) => lease !== undefined).length, 1);
    },
  ],
  [
    'lease is given for a key that has a record',
    async ({ here }) => {
      await here.write('key', recordOf('old'), undefined);
      const lease = await leaseFrom(here, 'key');
      assert.equal(await textIn(here, 'key'), 'old');
      assert.equal(await here.write('key', recordOf('new'), lease), true);
      assert.equal(await textIn(here, 'key'), 'new');
    },
  ],
  [
    'lease works for any strings',
    async ({ here, there }) => {
      for (const key of HOSTILE) {
        const lease = await leaseFrom(here, key, [key]);
        assert.equal(await there.lease(key, [], LONG), undefined);
        assert.equal(await here.write(key, recordOf('value', { tags: [key] }), lease), true);
      }
      for (const key of HOSTILE) assert.equal(await textIn(there, key, [key]), 'value');
    },
  ],
  [
    'lease is given anew when its time is over, and the old one no longer writes',
    async ({ here, there, wait }) => {
      const old = await here.lease('key', [], 50);
      await wait(80);
      assert.equal(await here.write('key', recordOf('late'), old), false);
      const lease = await leaseFrom(there, 'key');
      assert.equal(await here.write('key', recordOf('late'), old), false);
      assert.equal(await textIn(here, 'key'), undefined);
      assert.equal(await there.write('key', recordOf('value'), lease), true);
    },
  ],
  [
    'write ends its lease',
    async ({ here, there }) => {
      const lease = await leaseFrom(here, 'key');
      assert.equal(await here.write('key', recordOf('first'), lease), true);
      assert.equal(await here.write('key', recordOf('second'), lease), false);
      assert.equal(await textIn(there, 'key'), 'first');
      await leaseFrom(there, 'key');
    },
  ],
  [
    'write refuses a lease that was never given, and leaves the one that was',
    async ({ here, there }) => {
      assert.equal(await here.write('key', recordOf('forged'), { token: 'forged' }), false);
      const lease = await leaseFrom(here, 'key');
      const other = await leaseFrom(there, 'another key');
      assert.equal(await there.write('key', recordOf('forged'), other), false);
      assert.equal(await textIn(here, 'key'), undefined);
      assert.equal(await here.write('key', recordOf('value'), lease), true);
    },
  ],
  [
    'write without a lease voids the one that another holds',
    async ({ here, there }) => {
      const lease = await leaseFrom(here, 'key');
      assert.equal(await there.write('key', recordOf('set'), undefined), true);
      assert.equal(await here.write('key', recordOf('loaded'), lease), false);
      assert.equal(await textIn(here, 'key'), 'set');
    },
  ],
  [
    'release ends the lease at once, and it no longer writes',
    async ({ here, there }) => {
      const lease = await leaseFrom(here, 'key');
      await here.release('key', lease);
      const next = await leaseFrom(there, 'key');
      assert.equal(await here.write('key', recordOf('released'), lease), false);
      assert.equal(await there.write('key', recordOf('value'), next), true);
    },
  ],
  [
    "release of another's lease does nothing",
    async ({ here, there }) => {
      const lease = await leaseFrom(here, 'key');
      await there.release('key', { token: 'forged' });
      await there.release('another key', lease);
      assert.equal(await there.lease('key', [], LONG), undefined);
      assert.equal(await here.write('key', recordOf('value'), lease), true);
    },
  ],
  [
    'release of a lease that was voided leaves the next one',
    async ({ here, there }) => {
      const voided = await leaseFrom(here, 'key');
      await there.invalidate([{ kind: 'key', key: 'key' }]);
      const next = await leaseFrom(there, 'key');
      await here.release('key', voided);
      assert.equal(await here.lease('key', [], LONG), undefined);
      assert.equal(await there.write('key', recordOf('value'), next), true);
    },
  ],
  [
    'write stores tags that were not known when the lease was given',
    async ({ here, there }) => {
      const lease = await leaseFrom(here, 'key', ['expected']);
      assert.equal(await here.write('key', recordOf('value', { tags: ['expected', 'learned'] }), lease), true);
      assert.equal(await textIn(there, 'key', ['expected', 'learned']), 'value');
      await there.invalidate([{ kind: 'tag', tag: 'learned' }]);
      assert.equal(await textIn(here, 'key', ['expected']), undefined);
    },
  ],
  [
    'write refuses a tag that was invalidated before anyone knew that the record has it',
    async ({ here, there }) => {
      const lease = await leaseFrom(here, 'key', ['expected']);
      await there.invalidate([{ kind: 'tag', tag: 'learned' }]);
      assert.equal(await here.write('key', recordOf('old', { tags: ['expected', 'learned'] }), lease), false);
      assert.equal(await textIn(here, 'key', ['learned']), undefined);
    },
  ],
];
