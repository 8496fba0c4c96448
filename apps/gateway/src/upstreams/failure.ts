import { errorBody, ErrorCode } from '@forge/mcp/protocol';

/** One sentence for the client: which upstream failed, and the reasons from the outermost to the innermost. */
export function explainFailure(upstream: string, error: unknown): string {
  const reasons: string[] = [];
  for (let cause: unknown = error; cause instanceof Error && reasons.length < 4; cause = cause.cause) {
    const { message } = cause;
    if (message !== '' && !reasons.some((reason) => reason.includes(message))) reasons.push(message);
  }
  return `Upstream "${upstream}" failed: ${reasons.length === 0 ? String(error) : reasons.join(': ')}`;
}

/** The JSON-RPC error for the client; `data.code` tells programs what kind of failure it was. */
export function failureBody(upstream: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return errorBody(ErrorCode.upstream, explainFailure(upstream, error), code === undefined ? undefined : { code });
}

/** An upstream did not answer in time. */
export class CallTimeoutError extends Error {
  override readonly name = 'CallTimeoutError';
  readonly code = 'GATEWAY_CALL_TIMEOUT';

  constructor(timeout: number) {
    super(`no answer within ${timeout} ms`);
  }
}

/** Whether the batcher gave the call up at its deadline. */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'BATCH_REQUEST_TIMEOUT';
}
