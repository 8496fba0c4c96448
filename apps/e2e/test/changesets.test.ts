import { describe, expect, it } from 'vitest';
import { versionAfter } from '../src/changesets.ts';

describe('versionAfter', () => {
  it('raises a version once, by the largest changeset, when several name the package', () => {
    const changesets = [
      new Map([['a', 'patch' as const]]),
      new Map([['a', 'minor' as const]]),
      new Map([['a', 'minor' as const]]),
    ];

    expect(versionAfter(changesets, 'a', '0.1.2')).toBe('0.2.0');
  });

  it('keeps a version when no changeset names the package', () => {
    expect(versionAfter([new Map([['a', 'major' as const]])], 'b', '0.1.2')).toBe('0.1.2');
  });
});
