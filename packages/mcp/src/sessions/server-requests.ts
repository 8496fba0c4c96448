import { errorBody, ErrorCode } from '../protocol/errors.ts';

/** Called with the id and the method of each request that an upstream sends. */
export type RequestListener = (id: unknown, method: string) => void;

/** We offer an upstream nothing but to be pinged; whatever else it asks, it learns at once that it asks in vain. */
export function replyTo(id: unknown, method: string): string {
  const rawId = JSON.stringify(id);
  if (method === 'ping') return `{"jsonrpc":"2.0","id":${rawId},"result":{}}`;
  return `{"jsonrpc":"2.0","id":${rawId},"error":${errorBody(ErrorCode.methodNotFound, `Method not found: ${method}`)}}`;
}
