import type { Implementation } from '@forge/mcp/sessions';

/** Who the gateway says it is, to clients and to upstreams; the build puts the package's version in. */
export const self: Implementation = {
  name: 'forge-gateway',
  version: process.env['FORGE_GATEWAY_VERSION'] ?? '0.0.0-source',
};
