import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineReader } from '../src/sessions/line-reader.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

describe('LineReader', () => {
  it('finds the same lines wherever the bytes are cut', () => {
    const line = fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.replaceAll('\n', ''));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat({ max: 200 })), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        const reader = new LineReader(1000);
        const bounds = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
        const found = bounds.flatMap((end, index) => reader.push(bytes.subarray(bounds[index - 1] ?? 0, end)) ?? []);
        const whole = lines.map((text) => Buffer.from(text).toString().trim());
        expect(found).toEqual(whole.filter((text) => text !== ''));
      }),
    );
  });

  it('refuses a line that is too long, whether its end has come or not', () => {
    expect(new LineReader(4).push(Buffer.from('12345'))).toBeUndefined();
    expect(new LineReader(4).push(Buffer.from('1234\n12345\n'))).toBeUndefined();
    const reader = new LineReader(4);
    expect(reader.push(Buffer.from('1234\n12'))).toEqual(['1234']);
    expect(reader.push(Buffer.from('345'))).toBeUndefined();
  });

  it('gives lines that keep nothing of their chunk alive', () => {
    const rest = 'x'.repeat(64 * 1024);
    const reader = new LineReader(1024 * 1024);
    const kept: string[] = [];
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let n = 0; n < 300; n += 1) kept.push(reader.push(Buffer.from(`${'y'.repeat(40)}${n}\n${rest}\n`))![0]!);
    collect();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(5_000_000);
    expect(kept).toHaveLength(300);
  });
});
