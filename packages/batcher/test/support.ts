import { RequestBatcher, type BatchConfig, type BatchContext, type BatchResponse } from '../src/index.ts';

/** One call of `process` that the test answers. */
export interface Call {
  readonly requests: readonly string[];
  readonly context: BatchContext;
  resolve(response: BatchResponse<string>): void;
  reject(error: unknown): void;
}

export type Config = Omit<BatchConfig<string, string>, 'process'>;

/** A batcher whose calls of `process` wait in `calls` until they are answered. */
export function controlled(config: Config = {}): { batcher: RequestBatcher<string, string>; calls: Call[] } {
  const calls: Call[] = [];
  const batcher = new RequestBatcher<string, string>({
    ...config,
    process: (requests, context) =>
      new Promise<BatchResponse<string>>((resolve, reject) => {
        calls.push({ requests, context, resolve, reject });
      }),
  });
  return { batcher, calls };
}

/** A batcher that answers each request in upper case, and the batches that it sent. */
export function echo(config: Config = {}): { batcher: RequestBatcher<string, string>; batches: string[][] } {
  const batches: string[][] = [];
  const batcher = new RequestBatcher<string, string>({
    ...config,
    process: (requests) => {
      batches.push([...requests]);
      return requests.map((request) => request.toUpperCase());
    },
  });
  return { batcher, batches };
}

// Taken when the module loads, so that fake timers leave it alone.
const immediate = setImmediate;

/** Resolves when the promise-job queue, and with it every dispatch that is due, has run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    immediate(resolve);
  });
}

/** What became of a promise so far. */
export function outcome<T>(promise: Promise<T>): { value?: T; reason?: unknown; state: string } {
  const result: { value?: T; reason?: unknown; state: string } = { state: 'pending' };
  promise.then(
    (value) => Object.assign(result, { state: 'fulfilled', value }),
    (reason: unknown) => Object.assign(result, { state: 'rejected', reason }),
  );
  return result;
}
