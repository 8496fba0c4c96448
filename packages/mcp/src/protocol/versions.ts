/** `modern` is stateless, one message per request (2026-07-28); `legacy` has the initialize handshake and sessions. */
export type Era = 'legacy' | 'modern';

export const MODERN_VERSION = '2026-07-28';

/** Newest first. */
export const LEGACY_VERSIONS: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26'];

/** What a client without an `MCP-Protocol-Version` header speaks (2025-06-18, Transports). */
export const UNNAMED_VERSION = '2025-03-26';

/** Members of `_meta` that carry the modern era's envelope. */
export const META = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  logLevel: 'io.modelcontextprotocol/logLevel',
} as const;

/** The version to answer an `initialize` with: the one asked for if it is served, else the newest. */
export function negotiateLegacyVersion(asked: unknown): string {
  const served = LEGACY_VERSIONS.find((version) => version === asked);
  return served ?? LEGACY_VERSIONS[0] ?? UNNAMED_VERSION;
}
