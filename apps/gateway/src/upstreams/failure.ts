/** One sentence for the client: which upstream failed, how, and the innermost reason that is known. */
export function explainFailure(
  upstream: { readonly id: string; readonly config: { readonly timeout: number } },
  error: unknown,
): string {
  return `Upstream "${upstream.id}" failed: ${isTimeout(error) ? `no answer within ${upstream.config.timeout} ms` : reasonsOf(error)}`;
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'BATCH_REQUEST_TIMEOUT';
}

function reasonsOf(error: unknown): string {
  const reasons: string[] = [];
  for (let cause: unknown = error; cause instanceof Error && reasons.length < 4; cause = cause.cause) {
    const { message } = cause;
    if (message !== '' && !reasons.some((reason) => reason.includes(message))) reasons.push(message);
  }
  return reasons.length === 0 ? String(error) : reasons.join(': ');
}
