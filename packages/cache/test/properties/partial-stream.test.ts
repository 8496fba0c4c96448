import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryCache } from '../../src/index.ts';
import { StreamCache } from '../../src/partial/index.ts';

/** What one reader does: joins after some turns, takes some turns per chunk, and may leave early. */
const behaviour = fc.record({
  joins: fc.nat(12),
  pace: fc.nat(3),
  takes: fc.oneof(fc.constant(Infinity), fc.nat(6)),
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

type Outcome = { readonly chunks: string; readonly code: unknown };

async function follow(
  chunks: AsyncIterable<string>,
  { pace, takes }: { pace: number; takes: number },
): Promise<Outcome> {
  let text = '';
  try {
    for await (const chunk of chunks) {
      text += chunk;
      if (text.length >= takes) break;
      await turns(pace);
    }
    return { chunks: text, code: undefined };
  } catch (error) {
    return { chunks: text, code: (error as { code?: unknown }).code ?? (error as Error).message };
  }
}

describe('StreamCache', () => {
  it('gives every reader the whole from its start, or says what cut it short', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          readers: fc.array(behaviour, { minLength: 1, maxLength: 6 }),
          length: fc.nat(15),
          gap: fc.nat(2),
          maxStreamBytes: fc.oneof(fc.constant(1000), fc.integer({ min: 1, max: 8 })),
          fails: fc.boolean(),
          keepRunning: fc.boolean(),
        }),
        async ({ readers, length, gap, maxStreamBytes, fails, keepRunning }) => {
          const whole = 'abcdefghijklmno'.slice(0, length);
          const running = new Set<object>();
          const produce = async function* ({ signal }: { signal: AbortSignal }): AsyncGenerator<string> {
            const self = {};
            running.add(self);
            try {
              for (const chunk of whole) {
                yield chunk;
                await turns(gap);
                if (signal.aborted) return;
              }
              if (fails) throw new Error('down');
            } finally {
              running.delete(self);
            }
          };
          const cache = new MemoryCache();
          const streams = new StreamCache<string>({ cache, name: 's', maxStreamBytes, keepRunning });
          const outcomes = await Promise.all(
            readers.map(async ({ joins, ...rest }) => {
              await turns(joins);
              return follow(streams.read('k', produce), rest);
            }),
          );
          for (const [index, { chunks, code }] of outcomes.entries()) {
            const { takes } = readers[index]!;
            expect(whole.startsWith(chunks)).toBe(true);
            if (code === 'CACHE_STREAM_OVERRUN') expect(maxStreamBytes).toBeLessThan(length);
            else if (code === 'down') expect([fails, chunks]).toEqual([true, whole]);
            else if (chunks.length < Math.max(1, takes)) expect([chunks, fails]).toEqual([whole, false]);
          }
          // Nothing is left behind: whoever runs without readers has kept running on purpose, and ends.
          await turns(40 + 4 * length * (gap + 1));
          expect(running.size).toBe(0);
          const [kept] = [...cache.entries()];
          if (kept !== undefined) expect([kept.value, fails]).toEqual([whole.split(''), false]);
        },
      ),
      { numRuns: 200 },
    );
  }, 20_000);
});
