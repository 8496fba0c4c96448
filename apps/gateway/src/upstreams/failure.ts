/** One sentence for the client: which upstream failed, and the reasons from the outermost to the innermost. */
export function explainFailure(upstream: string, error: unknown): string {
  const reasons: string[] = [];
  for (let cause: unknown = error; cause instanceof Error && reasons.length < 4; cause = cause.cause) {
    const { message } = cause;
    if (message !== '' && !reasons.some((reason) => reason.includes(message))) reasons.push(message);
  }
  return `Upstream "${upstream}" failed: ${reasons.length === 0 ? String(error) : reasons.join(': ')}`;
}

/** Whether the batcher gave the call up at its deadline. */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'BATCH_REQUEST_TIMEOUT';
}
