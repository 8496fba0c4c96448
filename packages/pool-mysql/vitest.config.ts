import { suite } from '@forge/config/vitest';
import { mergeConfig, type ViteUserConfig } from 'vitest/config';

/** More files at once than cores: they wait for servers most of the time. */
const config: ViteUserConfig = mergeConfig(suite, { test: { maxWorkers: 4 } });

export { config as default };
