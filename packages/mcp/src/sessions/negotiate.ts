import { readAnswer, resultValue, type Answer } from '../protocol/answer.ts';
import { isObject } from '../protocol/message.ts';
import { LEGACY_VERSIONS, META, MODERN_VERSION, type Era } from '../protocol/versions.ts';
import type { Implementation, UpstreamInfo } from './connection.ts';
import { UpstreamError } from './errors.ts';

/** The params of the modern era's first question, which a legacy upstream answers with an error. */
export function discoverParams(self: Implementation): string {
  const meta = { [META.protocolVersion]: MODERN_VERSION, [META.clientCapabilities]: {}, [META.clientInfo]: self };
  return JSON.stringify({ _meta: meta });
}

export function initializeParams(self: Implementation): string {
  return JSON.stringify({ protocolVersion: LEGACY_VERSIONS[0], capabilities: {}, clientInfo: self });
}

/** What `server/discover` told; undefined where the upstream is not modern. */
export function readDiscovery(answer: Answer): UpstreamInfo | undefined {
  const result = resultValue(answer);
  const versions = result?.['supportedVersions'];
  if (result === undefined || !Array.isArray(versions) || !versions.includes(MODERN_VERSION)) return undefined;
  const meta = isObject(result['_meta']) ? result['_meta'] : {};
  return info('modern', MODERN_VERSION, result, meta['io.modelcontextprotocol/serverInfo'] ?? result['serverInfo']);
}

/** @throws UpstreamError when the upstream refuses, or speaks no version that Forge does */
export function readInitialization(json: string): UpstreamInfo {
  const answer = readAnswer(json);
  if (answer.kind === 'error') {
    throw new UpstreamError('MCP_CONNECT_FAILED', `Cannot connect: the upstream refused to initialize: ${answer.body}`);
  }
  const result = resultValue(answer) ?? {};
  const version = result['protocolVersion'];
  // 2024-11-05 differs only in its transport, and stdio did not change.
  if (typeof version !== 'string' || (!LEGACY_VERSIONS.includes(version) && version !== '2024-11-05')) {
    throw new UpstreamError(
      'MCP_CONNECT_FAILED',
      `Cannot connect: the upstream speaks protocol version ${JSON.stringify(version)}, Forge speaks ${[MODERN_VERSION, ...LEGACY_VERSIONS].join(', ')}`,
    );
  }
  return info('legacy', version, result, result['serverInfo']);
}

function info(era: Era, protocolVersion: string, result: Record<string, unknown>, server: unknown): UpstreamInfo {
  const { name, version } = isObject(server) ? server : {};
  const { capabilities, instructions } = result;
  return {
    era,
    protocolVersion,
    capabilities: isObject(capabilities) ? capabilities : {},
    serverInfo: {
      name: typeof name === 'string' ? name : 'unknown',
      version: typeof version === 'string' ? version : '',
    },
    instructions: typeof instructions === 'string' ? instructions : undefined,
  };
}
