import { errorCode, type Answer } from '../protocol/answer.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { writeMembers } from '../protocol/raw-json.ts';
import { META, MODERN_VERSION, type Era } from '../protocol/versions.ts';
import { UpstreamError } from './errors.ts';

/** What an upstream says of itself when it is first spoken to. */
export interface UpstreamInfo {
  readonly era: Era;
  readonly protocolVersion: string;
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly serverInfo: { readonly name: string; readonly version: string };
  readonly instructions: string | undefined;
}

/** A request on its way to an upstream. */
export interface UpstreamCall {
  readonly method: string;
  /** Raw members of `params`, without `_meta`. */
  readonly params: ReadonlyMap<string, string>;
  /** What the client put into `_meta`, if anything. */
  readonly meta?: Readonly<Record<string, unknown>> | undefined;
  /** Told to a modern upstream; a legacy one learns none, for what it would ask then has no way back. */
  readonly clientCapabilities?: Readonly<Record<string, unknown>> | undefined;
  /** The `Mcp-Param-*` headers of a modern client: a modern HTTP upstream checks that they repeat the arguments. */
  readonly paramHeaders?: Readonly<Record<string, string>> | undefined;
}

/** One connection to an upstream: a child process or an HTTP channel with its session. */
export interface UpstreamConnection {
  readonly info: UpstreamInfo;
  /**
   * Sends one request and resolves with its answer, an upstream's JSON-RPC error included. Any number may be under way.
   *
   * @throws UpstreamError when no answer came; ProtocolViolation when it is none; `signal.reason` on abort, after the
   * upstream was told to cancel
   */
  request(call: UpstreamCall, signal: AbortSignal): Promise<Answer>;
  /**
   * Asks the upstream for a sign of life, in the words of its era; resolves also when it knows no such question.
   *
   * @throws UpstreamError MCP_CONNECT_FAILED when it answers with an error; what `request` throws
   */
  ping(signal: AbortSignal): Promise<void>;
  /** Calls `listener` once, when the connection can no longer be used, with the reason unless `close` was called. */
  onClosed(listener: (reason: Error | undefined) => void): void;
  /** Ends the connection; idempotent; resolves when nothing of it is left. */
  close(): Promise<void>;
}

/** Called with the method of each notification that an upstream sends on its own. */
export type NotificationListener = (method: string, params: unknown) => void;

/** Who the gateway says it is. */
export interface Implementation {
  readonly name: string;
  readonly version: string;
}

/**
 * `params` as the upstream's era wants them. A progress token stays behind: nobody would pass the progress on, and one
 * client's token may be another's. So does the envelope of the client's own era.
 */
export function writeParams(call: UpstreamCall, era: Era, self: Implementation): string {
  const meta = Object.entries(call.meta ?? {}).filter(([name]) => name !== 'progressToken' && !ENVELOPE.has(name));
  if (era === 'modern') {
    meta.push(
      [META.protocolVersion, MODERN_VERSION],
      [META.clientCapabilities, call.clientCapabilities ?? {}],
      [META.clientInfo, self],
    );
  }
  if (meta.length === 0) return writeMembers(call.params);
  return writeMembers([...call.params, ['_meta', JSON.stringify(Object.fromEntries(meta))]]);
}

/** {@link UpstreamConnection.ping} by a request. */
export async function ping(
  connection: Pick<UpstreamConnection, 'info' | 'request'>,
  signal: AbortSignal,
): Promise<void> {
  const method = connection.info.era === 'modern' ? 'server/discover' : 'ping';
  const answer = await connection.request({ method, params: new Map() }, signal);
  if (answer.kind === 'result' || errorCode(answer) === ErrorCode.methodNotFound) return;
  throw new UpstreamError(
    'MCP_CONNECT_FAILED',
    `The upstream does not answer to ${method}: ${answer.body.slice(0, 300)}`,
  );
}

const ENVELOPE: ReadonlySet<string> = new Set(Object.values(META));
