import { describe, expect, it } from 'vitest';
import type { Contestant } from '../src/bench.ts';
import { build, packagesToBuild } from '../src/build.ts';
import { race, toy } from './fixtures/toys.ts';

const measuring = (name: string): Contestant => ({ ...toy('fast'), package: name });

describe('packagesToBuild', () => {
  it('are those of this workspace, once each', () => {
    const first = { ...race(), contestants: [measuring('@forge/pool'), measuring('lru-cache'), toy('slow')] };
    const second = { ...race(), contestants: [measuring('@forge/cache'), measuring('@forge/pool')] };
    expect(packagesToBuild([first, second])).toEqual(['@forge/cache', '@forge/pool']);
  });
});

describe('build', () => {
  it('rejects with advice when a package cannot be built', async () => {
    await expect(build(['@forge/no-such-package'])).rejects.toThrow(
      /^Cannot build @forge\/no-such-package: .*`pnpm build`[^]+no-such-package/,
    );
  });
});
