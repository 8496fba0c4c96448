export type UpstreamErrorCode =
  | 'MCP_SPAWN_FAILED'
  | 'MCP_CONNECT_FAILED'
  | 'MCP_CONNECTION_CLOSED'
  | 'MCP_SESSION_LOST'
  | 'MCP_HTTP_STATUS'
  | 'MCP_MESSAGE_TOO_LARGE';

/** A failure of an upstream connection. Test `code`, not `instanceof`: ESM and CommonJS copies may both be loaded. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly code: UpstreamErrorCode;
  /** True where the request certainly did not reach the upstream's code, so that it may be sent again. */
  readonly notProcessed: boolean;
  /** Of MCP_HTTP_STATUS. */
  readonly status: number | undefined;

  constructor(
    code: UpstreamErrorCode,
    message: string,
    { cause, notProcessed = false, status }: { cause?: unknown; notProcessed?: boolean; status?: number } = {},
  ) {
    super(message, { cause });
    this.code = code;
    this.notProcessed = notProcessed;
    this.status = status;
  }
}

export function isUpstreamError(error: unknown): error is UpstreamError {
  return error instanceof Error && error.name === 'UpstreamError';
}
