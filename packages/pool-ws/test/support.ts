import type { JsonRpcCall } from '../src/index.ts';
import { WebSocketPool, type WebSocketPoolOptions } from '../src/index.ts';

/** A pool that ends with its test, at the latest by force. */
export type TestPool = WebSocketPool & AsyncDisposable;

/** Reconnects without pauses, unless the test says otherwise. */
export function open(url: string | URL, options: Partial<WebSocketPoolOptions> = {}): TestPool {
  const pool = new WebSocketPool({ url, random: () => 0, ...options });
  return Object.assign(pool, {
    async [Symbol.asyncDispose]() {
      await pool.close({ deadline: 0 });
    },
  });
}

export const call = (method: string, ...params: unknown[]): JsonRpcCall => ({ method, params });

/** How a promise ended, so that a rejection is never unhandled. */
export async function outcome<T>(promise: Promise<T>): Promise<any> {
  try {
    return { value: await promise };
  } catch (error) {
    return error;
  }
}
