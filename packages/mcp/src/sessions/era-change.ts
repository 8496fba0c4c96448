import { errorCode, type Answer } from '../protocol/answer.ts';
import { ErrorCode } from '../protocol/errors.ts';
import type { Era } from '../protocol/versions.ts';
import { UpstreamError } from './errors.ts';

/** In which words a request was answered. */
export interface Exchange {
  readonly method: string;
  /** 200 where the transport has none. */
  readonly status: number;
}

/** Words of a server that misses a handshake, or a session, which it knows nothing of. */
const HANDSHAKE_WORDS = /session|initializ|protocol.?version/i;

/** Whether a refusal speaks of what was agreed with the upstream, and not of the call. */
export function namesHandshake(text: string): boolean {
  return HANDSHAKE_WORDS.test(text);
}

/**
 * Whether an answer tells that the upstream was replaced by one of another era, which does not read what we wrote.
 *
 * Only what the upstream's own tools cannot have meant counts, for a wrong verdict ends a connection that others use: an
 * unsupported version; to a modern request a 400 with a code of the legacy range that names a session or version, or no
 * `server/discover`, which the era demands; to a legacy request a 400 with a code that only the modern era has, or
 * invalid params that name its envelope.
 */
export function tellsEraChange(answer: Answer, era: Era, { method, status }: Exchange): boolean {
  if (answer.kind === 'result') return false;
  const code = errorCode(answer);
  if (code === undefined) return false;
  if (code === ErrorCode.unsupportedVersion) return true;
  if (era === 'modern') {
    if (method === 'server/discover' && code === ErrorCode.methodNotFound) return true;
    return status === 400 && code <= -32_000 && code > -32_020 && namesHandshake(answer.body);
  }
  if (status !== 400) return false;
  const namesEnvelope = code === ErrorCode.invalidParams && answer.body.includes('io.modelcontextprotocol/');
  return code === ErrorCode.headerMismatch || code === ErrorCode.missingCapability || namesEnvelope;
}

/**
 * @param version that was spoken
 * @param said what the upstream answered, in its own words
 */
export function eraChanged(version: string, said: string, cause?: unknown): UpstreamError {
  return new UpstreamError(
    'MCP_ERA_CHANGED',
    `The upstream no longer takes requests of version ${version}: ${said.trim().slice(0, 300)}`,
    { cause, notProcessed: true },
  );
}
