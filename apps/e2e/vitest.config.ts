import { suite } from '@forge/config/vitest';
import { defineConfig, mergeConfig } from 'vitest/config';

// Real commands: a build from an empty cache, a first download of a Node line.
export default mergeConfig(
  suite,
  defineConfig({ test: { testTimeout: 120_000, hookTimeout: 300_000, maxConcurrency: 2 } }),
);
