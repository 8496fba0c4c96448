import { stringOption, objectOption } from '@forge/internal';
import type { Codec, Decoded } from './codec.ts';

/** A call, or a notification, of JSON-RPC 2.0; whatever else the object has, an id included, is not sent. */
export interface JsonRpcCall {
  readonly method: string;
  /** An array or an object, says JSON-RPC; it must be JSON. */
  readonly params?: unknown;
}

/**
 * JSON-RPC 2.0 [1] over text. A notification of the server with a `subscription` in its params, as Ethereum's
 * `eth_subscription` [2] and its likes have it, is a message of the subscription, and its `params.result` is for the
 * subscriber. Other notifications, and calls of the server, are for `onMessage` as they are.
 *
 * [1] https://www.jsonrpc.org/specification
 * [2] https://geth.ethereum.org/docs/interacting-with-geth/rpc/pubsub
 */
export function jsonRpc(): Codec<JsonRpcCall, unknown> {
  return { encode, decode };
}

function encode(id: number | undefined, call: JsonRpcCall): string {
  const subject = 'write a JSON-RPC call';
  objectOption(subject, 'the call', call);
  stringOption(subject, 'method', call.method);
  return JSON.stringify({ jsonrpc: '2.0', id, method: call.method, params: call.params });
}

function decode(frame: string | Buffer): Decoded {
  if (typeof frame !== 'string') throw new TypeError('Cannot read a JSON-RPC message: it must be text, got binary');
  const message: unknown = JSON.parse(frame);
  if (!isRecord(message)) throw new TypeError('Cannot read a JSON-RPC message: it must be an object');
  const { id, method, params, error, result } = message;
  if (typeof method === 'string') {
    const isPublished = isRecord(params) && params['subscription'] !== undefined && id === undefined;
    return isPublished ? { subscription: params['subscription'], result: params['result'] } : { result: message };
  }
  // Servers of JSON-RPC 1.0 send both, one of them null.
  if (error !== undefined && error !== null) return { id, error };
  // A server in JavaScript loses a result that is undefined on the way.
  if (id === undefined) throw new TypeError('Cannot read a JSON-RPC message: it is neither call nor answer');
  return { id, result };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
