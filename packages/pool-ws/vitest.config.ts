import { suite } from '@forge/config/vitest';
import { mergeConfig, type ViteUserConfig } from 'vitest/config';

/** What these tests wait for comes over the loopback, within a millisecond or so. */
const config: ViteUserConfig = mergeConfig(suite, { test: { expect: { poll: { interval: 5 } } } });

export { config as default };
