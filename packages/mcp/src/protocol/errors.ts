/** JSON-RPC and MCP error codes (2026-07-28, Base protocol, Error codes). */
export const ErrorCode = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  /** Of the legacy range: an upstream that cannot be reached, or did not answer in time. */
  upstream: -32001,
  /** Legacy: resource not found. The modern era says {@link ErrorCode.invalidParams}. */
  legacyResourceNotFound: -32002,
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
} as const;

/** Why a message is refused: a JSON-RPC error with the HTTP status that the transport gives it. */
export interface Rejection {
  readonly status: number;
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** The raw JSON of a JSON-RPC error object. */
export function errorBody(code: number, message: string, data?: unknown): string {
  return JSON.stringify({ code, message, ...(data !== undefined && { data }) });
}

/** An upstream's message that is JSON but not what the protocol says. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation';
  readonly code = 'MCP_PROTOCOL_VIOLATION';
}
