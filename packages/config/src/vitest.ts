import type { ViteUserConfig } from 'vitest/config';

/** Tests run on the sources: the `@forge/source` condition resolves each sibling to its `src`, so no build is needed. */
export const suite: ViteUserConfig = {
  ssr: { resolve: { conditions: ['@forge/source'] } },
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['default', ['json', { outputFile: '.results/tests.json' }]],
  },
};
