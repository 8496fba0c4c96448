import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PerformanceMonitor } from '../../src/index.ts';
import { prometheusText } from '../../src/prometheus.ts';
import { parseExposition } from '../support/exposition.ts';

const chosen = [
  'a.b',
  'a_b',
  'aB',
  'x',
  'x_count',
  'x.bucket',
  'x_total',
  'x_seconds',
  'x_ms',
  'process.cpu',
  '9',
  '_',
];
const name = fc.oneof(fc.constantFrom(...chosen), fc.string({ unit: 'binary', minLength: 1, maxLength: 4 }));
const label = fc.oneof(
  fc.constantFrom('le', '__name__', 'a.b', 'a_b', 'aB', ''),
  fc.string({ unit: 'binary', maxLength: 3 }),
);
const text = fc.oneof(
  fc.constantFrom('\\', '"', '\n', '\\n', '\ud800', '\ufffd', '\ufffdd800', '\0', '__overflow__', '\r', '\u2028'),
  fc.string({ unit: 'binary', maxLength: 3 }),
);
const value = fc.double();
const metric = fc.record({
  kind: fc.constantFrom('histogram', 'counter', 'gauge'),
  name,
  help: text,
  unit: fc.constantFrom('ms', 'bytes', 'count'),
  labels: fc.uniqueArray(label, { maxLength: 3 }),
  records: fc.array(fc.tuple(value, fc.array(text, { minLength: 3, maxLength: 3 })), { maxLength: 6 }),
});
const source = fc.tuple(name, fc.dictionary(name, fc.oneof(value, fc.dictionary(name, value))));

describe('prometheusText', () => {
  it('is valid and repeats no line, whatever names and values come in, and leaves no series out', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(metric, { maxLength: 8 }),
        fc.array(source, { maxLength: 3 }),
        async (metrics, sources) => {
          await using monitor = new PerformanceMonitor({ metricsInterval: 0, maxSeries: 4 });
          const made = new Set<string>();
          for (const { kind, name: each, help, unit, labels, records } of metrics) {
            if (made.has(each)) continue;
            made.add(each);
            const instrument = monitor[kind](each, { help, unit, labels });
            for (const [number, values] of records) {
              const labelValues = values.slice(0, labels.length);
              if ('record' in instrument) instrument.record(number, ...labelValues);
              else if ('set' in instrument) instrument.set(number, ...labelValues);
              else instrument.add(number, ...labelValues);
            }
          }
          for (const [i, [each, figures]] of sources.entries()) {
            if (sources.findIndex(([other]) => other === each) === i)
              monitor.observe(each, { getMetrics: () => figures });
          }
          const parsed = parseExposition(Buffer.from(prometheusText(monitor), 'utf8').toString('utf8'));
          let shown = 0;
          for (const { type, samples } of parsed.values()) {
            shown +=
              type === 'histogram' ? samples.filter((each) => each.name.endsWith('_sum')).length : samples.length;
          }
          const held = monitor.collect().reduce((sum, { points }) => sum + points.length, 0);
          expect(shown).toBe(held);
        },
      ),
      { numRuns: 300 },
    );
  });
});
