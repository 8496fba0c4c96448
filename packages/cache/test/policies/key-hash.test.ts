import { describe, expect, it } from 'vitest';
import { keyHash, mix, randomSeed } from '../../src/policies/key-hash.ts';

const MEGABYTE = 2 ** 20;

describe('keyHash', () => {
  it('gives 32 bits, the same for the same key and seed', () => {
    for (const key of ['', 'a', '__proto__', '\ud800', 'é'.repeat(600)]) {
      const hash = keyHash(key, 7);
      expect(hash).toBe(keyHash(key, 7));
      expect(hash).toBe(hash | 0);
    }
  });

  it('tells keys apart that differ in one unit, wherever it stands', () => {
    const base = 'k'.repeat(511);
    const keys = Array.from({ length: 511 }, (_, at) => `${base.slice(0, at)}x${base.slice(at + 1)}`);
    expect(new Set([base, ...keys].map((key) => keyHash(key, 1))).size).toBe(512);
  });

  it('tells keys apart that differ in length alone', () => {
    expect(new Set(Array.from({ length: 600 }, (_, length) => keyHash('\0'.repeat(length), 1))).size).toBe(600);
  });

  it('spreads keys that count upwards evenly over the high and over the low bits', () => {
    const high = new Uint32Array(64);
    const low = new Uint32Array(64);
    for (let index = 0; index < 64_000; index++) {
      const hash = keyHash(`user:profile:settings:v1:${index}`, 5);
      high[hash >>> 26]! += 1;
      low[hash & 63]! += 1;
    }
    // 1,000 each, with a standard deviation of 31.
    for (const count of [...high, ...low]) expect(Math.abs(count - 1000)).toBeLessThan(160);
  });

  it('gives other collisions under another seed', () => {
    const keys = Array.from({ length: 1000 }, (_, index) => `key ${index}`);
    const collide = (seed: number): string[] => {
      const first = keyHash(keys[0]!, seed) & 7;
      return keys.filter((key) => (keyHash(key, seed) & 7) === first);
    };
    expect(collide(1)).not.toEqual(collide(2));
  });

  it('reads a bounded part of a long key, its ends included', () => {
    const long = 'm'.repeat(MEGABYTE);
    expect(keyHash(`x${long.slice(1)}`, 1)).not.toBe(keyHash(long, 1));
    expect(keyHash(`${long.slice(1)}x`, 1)).not.toBe(keyHash(long, 1));
    expect(keyHash(`${long.slice(0, 300_001)}x${long.slice(300_002)}`, 1)).toBe(keyHash(long, 1));
  });
});

describe('mix', () => {
  it('gives another number for each number', () => {
    expect(new Set(Array.from({ length: 50_000 }, (_, index) => mix(index))).size).toBe(50_000);
  });
});

describe('randomSeed', () => {
  it('gives another seed each time', () => {
    expect(new Set(Array.from({ length: 8 }, randomSeed)).size).toBeGreaterThan(6);
  });
});
