import { createHash, randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Faults } from '../../src/testing/index.ts';
import { wire } from './wire.ts';

const slicing = fc.record({ size: fc.integer({ min: 500, max: 5000 }), delay: fc.constantFrom(0, 1) });
const fault: fc.Arbitrary<Faults> = fc.oneof(
  fc.constant({}),
  fc.record({ latency: fc.integer({ min: 0, max: 4 }), jitter: fc.integer({ min: 0, max: 4 }) }),
  fc.record({ bandwidth: fc.integer({ min: 2_000_000, max: 9_000_000 }) }),
  slicing.map((slice) => ({ slice })),
  fc.record({ blackHole: fc.constant(true) }),
  fc.record({ slowClose: fc.integer({ min: 0, max: 4 }) }),
);
const step = fc.oneof(
  fc.integer({ min: 0, max: 20_000 }).map((bytes) => ({ bytes })),
  fault.map((set) => ({ set })),
);

describe('a flow', () => {
  it('neither loses, repeats nor reorders a byte, however its faults change', { timeout: 30_000 }, async () => {
    const property = fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const { proxy, client, server } = await wire();
      const received = buffer(server);
      const sent = createHash('sha256');
      for (const part of steps) {
        if ('set' in part) await proxy.set(part.set);
        else {
          const bytes = randomBytes(part.bytes);
          sent.update(bytes);
          client.write(bytes);
        }
        await turn();
      }
      await proxy.set({});
      client.end();
      expect(
        createHash('sha256')
          .update(await received)
          .digest('hex'),
      ).toBe(sent.digest('hex'));
      await proxy.close();
    });
    await fc.assert(property, { numRuns: 40 });
  });
});
