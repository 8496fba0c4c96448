import type { ViteUserConfig } from 'vitest/config';

/** Tests run on the sources: the `@forge/source` condition resolves each sibling to its `src`, so no build is needed. */
export const suite: ViteUserConfig = {
  ssr: { resolve: { conditions: ['@forge/source'] } },
  test: {
    include: ['test/**/*.test.ts'],
    // Starting a process on a busy machine takes seconds; what never comes still fails.
    testTimeout: 20_000,
    expect: { poll: { timeout: 10_000 } },
    reporters: ['default', ['json', { outputFile: '.results/tests.json' }]],
  },
};
