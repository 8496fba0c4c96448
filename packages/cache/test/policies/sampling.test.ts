import { expect, it } from 'vitest';
import { mix } from '../../src/policies/key-hash.ts';
import { isSampled } from '../../src/policies/sampling.ts';
import { range } from './replay.ts';

it('isSampled takes one part of 2^halvings, each within the one before', () => {
  let sample = range(64_000).map(mix);
  expect(sample.every((fingerprint) => isSampled(fingerprint, 0))).toBe(true);
  for (let halvings = 1; halvings <= 5; halvings++) {
    const smaller = sample.filter((fingerprint) => isSampled(fingerprint, halvings));
    expect(Math.abs(smaller.length - 64_000 / 2 ** halvings)).toBeLessThan(6 * Math.sqrt(64_000 / 2 ** halvings));
    expect(range(64_000).filter((key) => isSampled(mix(key), halvings))).toHaveLength(smaller.length);
    sample = smaller;
  }
});
