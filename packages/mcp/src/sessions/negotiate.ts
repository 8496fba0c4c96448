import { ProtocolViolation } from '../protocol/errors.ts';
import { readAnswer, resultValue, type Answer } from '../protocol/answer.ts';
import { isObject } from '../protocol/message.ts';
import { LEGACY_VERSIONS, META, MODERN_VERSION, type Era } from '../protocol/versions.ts';
import type { Implementation, UpstreamInfo } from './connection.ts';
import { isUpstreamError, UpstreamError } from './errors.ts';
import { pause } from './pause.ts';

/** The two ways to open a connection; both give up when the signal aborts. */
export interface Handshake<T> {
  /** `server/discover`: resolves with undefined where the upstream answers as no modern one does. */
  readonly discover: (signal: AbortSignal) => Promise<T | undefined>;
  /** Rejects where the upstream refuses. */
  readonly initialize: (signal: AbortSignal) => Promise<T>;
  /**
   * How long a discovery that comes after `initialize` was sent waits for what that brings, in ms: a process that speaks
   * both eras goes by what it was told last.
   */
  readonly patience: number;
}

/**
 * How long an upstream has to answer `server/discover` before `initialize` is tried: a legacy one may ignore a question
 * that comes before it.
 */
export const PROBE_TIMEOUT = 3000;

/**
 * Finds an upstream's era: `server/discover` first, `initialize` where that is no answer (2026-07-28, Versioning). An
 * upstream that is silent may also be slow to start: the question stays open while `initialize` runs. One that is known
 * as legacy is asked the other way round, so that a verdict from before its replacement only costs time.
 */
export async function negotiate<T>(handshake: Handshake<T>, known: Era | undefined, signal: AbortSignal): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => {
    controller.abort(signal.reason);
  };
  signal.throwIfAborted();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await (known === 'legacy' ? legacyFirst : modernFirst)(handshake, controller.signal);
  } finally {
    signal.removeEventListener('abort', stop);
    controller.abort();
  }
}

async function modernFirst<T>(handshake: Handshake<T>, signal: AbortSignal): Promise<T> {
  const discovery = handshake.discover(signal);
  const early = await inTime(discovery, signal);
  if (early !== 'late') return early ?? handshake.initialize(signal);
  const initialization = handshake.initialize(signal);
  const lateDiscovery = discovery.then(async (found) => {
    if (found === undefined) return initialization;
    await Promise.race([initialization.catch(() => {}), pause(handshake.patience, signal)]);
    return found;
  });
  // A refusal is the last word only when the answer to the other question does not come soon.
  const refusal = initialization.catch(async (error: unknown) => {
    await pause(PROBE_TIMEOUT, signal);
    throw error;
  });
  return Promise.race([Promise.any([initialization, lateDiscovery]).catch(() => initialization), refusal]);
}

async function legacyFirst<T>(handshake: Handshake<T>, signal: AbortSignal): Promise<T> {
  try {
    return await handshake.initialize(signal);
  } catch (refusal) {
    if (!isRefusal(refusal)) throw refusal;
    const found = await inTime(handshake.discover(signal), signal);
    if (found === undefined || found === 'late') throw refusal;
    return found;
  }
}

function inTime<T>(discovery: Promise<T>, signal: AbortSignal): Promise<T | 'late'> {
  return Promise.race([discovery, pause(PROBE_TIMEOUT, signal).then(() => 'late' as const)]);
}

function isRefusal(error: unknown): boolean {
  if (!isUpstreamError(error)) return false;
  return error.code === 'MCP_CONNECT_FAILED' || (error.code === 'MCP_HTTP_STATUS' && error.notProcessed);
}

/** The params of the modern era's first question, which a legacy upstream answers with an error. */
export function discoverParams(self: Implementation): string {
  const meta = { [META.protocolVersion]: MODERN_VERSION, [META.clientCapabilities]: {}, [META.clientInfo]: self };
  return JSON.stringify({ _meta: meta });
}

export function initializeParams(self: Implementation): string {
  return JSON.stringify({ protocolVersion: LEGACY_VERSIONS[0], capabilities: {}, clientInfo: self });
}

/** What `server/discover` told; undefined where the upstream is not modern. */
export function readDiscovery(json: string): UpstreamInfo | undefined {
  const answer = lenientAnswer(json);
  const result = answer === undefined ? undefined : resultValue(answer);
  const versions = result?.['supportedVersions'];
  if (result === undefined || !Array.isArray(versions) || !versions.includes(MODERN_VERSION)) return undefined;
  const meta = isObject(result['_meta']) ? result['_meta'] : {};
  return info('modern', MODERN_VERSION, result, meta['io.modelcontextprotocol/serverInfo'] ?? result['serverInfo']);
}

/** @throws UpstreamError MCP_CONNECT_FAILED when the upstream refuses, or speaks no version that Forge does */
export function readInitialization(json: string): UpstreamInfo {
  const answer = lenientAnswer(json);
  if (answer?.kind === 'error') {
    throw new UpstreamError('MCP_CONNECT_FAILED', `Cannot connect: the upstream refused to initialize: ${answer.body}`);
  }
  const result = (answer === undefined ? undefined : resultValue(answer)) ?? {};
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

/** Undefined for a response that breaks the protocol: an answer in no version that Forge speaks. */
function lenientAnswer(json: string): Answer | undefined {
  try {
    return readAnswer(json);
  } catch (error) {
    if (error instanceof ProtocolViolation) return undefined;
    throw error;
  }
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
