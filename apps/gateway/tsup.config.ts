import { readFileSync } from 'node:fs';
import { library } from '@forge/config/tsup';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

export default () => [
  { ...library(), env: { FORGE_GATEWAY_VERSION: version } },
  {
    entry: ['src/cli.ts'],
    format: 'esm' as const,
    target: 'node22',
    sourcemap: true,
    env: { FORGE_GATEWAY_VERSION: version },
  },
];
