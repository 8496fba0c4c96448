/**
 * An MCP gateway that caches, pools, merges and measures; the command is `forge-gateway --config FILE`.
 *
 * ```ts
 * const gateway = await startGateway(await loadConfig('gateway.json5'));
 * console.log(`${gateway.url}/mcp`);
 * await gateway.close();
 * ```
 *
 * @module
 */
export { ConfigError } from './config/config-error.ts';
export type {
  AlertThresholds,
  GatewayConfig,
  HttpTarget,
  PoolSettings,
  StdioTarget,
  UpstreamConfig,
} from './config/gateway-config.ts';
export { loadConfig, parseConfig, type ConfigSource } from './config/load.ts';
export { startGateway, type Gateway, type GatewayHooks } from './gateway.ts';
