/**
 * Calls a user's function whose failure is nobody's: what it throws, or what the promise that it returns rejects with,
 * goes to `onError`, by default as a process warning. Types that say `=> void` admit async functions too, whose rejection
 * would otherwise end the process.
 */
export function callQuietly(call: () => unknown, onError: (error: unknown) => void = warn): void {
  try {
    const returned = call();
    if (returned instanceof Promise) returned.catch(onError);
  } catch (error) {
    onError(error);
  }
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : new Error(`A callback threw ${String(error)}`));
}
