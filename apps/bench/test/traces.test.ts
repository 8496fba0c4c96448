import { describe, expect, it } from 'vitest';
import { readSizedTrace, readTrace, type TraceName } from '../src/traces.ts';

describe('readTrace', () => {
  // From the README of the traces.
  it.each<[TraceName, { requests: number; keys: number }]>([
    ['oltp', { requests: 914_145, keys: 186_880 }],
    ['corda', { requests: 135_702, keys: 90_468 }],
    ['web12', { requests: 95_607, keys: 13_756 }],
    ['gli', { requests: 6015, keys: 2529 }],
    ['multi3', { requests: 30_241, keys: 7454 }],
    ['loop', { requests: 505_500, keys: 1011 }],
    ['mixed', { requests: 2 * 135_702 + 5 * 505_500, keys: 90_468 + 1011 }],
  ])('reads all requests of %s, numbered by key', (name, { requests, keys }) => {
    const trace = readTrace(name);
    expect(trace).toHaveLength(requests);
    expect(trace.reduce((highest, key) => Math.max(highest, key))).toBe(keys - 1);
    expect(trace[0]).toBe(0);
  });
});

describe('readSizedTrace', () => {
  it('reads the bytes of each request', () => {
    const trace = readSizedTrace();
    expect(trace).toHaveLength(66_987);
    expect(new Set(trace.map(({ key }) => key)).size).toBe(36_815);
    expect(Math.max(...trace.map(({ bytes }) => bytes))).toBe(4_092_928);
    expect(trace.reduce((sum, { bytes }) => sum + bytes, 0) / trace.length).toBeCloseTo(7247, -1);
  });
});
