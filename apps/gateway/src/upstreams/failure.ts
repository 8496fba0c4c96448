/** One sentence for the client: which upstream failed, how, and the innermost reason that is known. */
export function explainFailure(upstream: string, error: unknown): string {
  const reasons: string[] = [];
  for (let cause: unknown = error; cause instanceof Error && reasons.length < 4; cause = cause.cause) {
    if (cause.message !== '' && !reasons.some((reason) => reason.includes(cause.message))) reasons.push(cause.message);
  }
  return `Upstream "${upstream}" failed: ${reasons.length === 0 ? String(error) : reasons.join(': ')}`;
}
