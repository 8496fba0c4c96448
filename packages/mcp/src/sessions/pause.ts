/** Resolves after `delay` ms, or as soon as `signal` aborts; either way nothing of it is left. */
export function pause(delay: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, delay);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
