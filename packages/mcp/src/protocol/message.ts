import { ErrorCode, type Rejection } from './errors.ts';
import { rawMembers } from './raw-json.ts';

/** One JSON-RPC message from a client, with its members as they were written. */
export type ClientMessage =
  | {
      readonly kind: 'request';
      /** Raw JSON, to be put back into the answer as it came. */
      readonly id: string;
      readonly method: string;
      readonly params: ClientParams;
    }
  | { readonly kind: 'notification'; readonly method: string; readonly params: ClientParams }
  | { readonly kind: 'response' };

export interface ClientParams {
  /** Raw members without `_meta`. */
  readonly raw: ReadonlyMap<string, string>;
  readonly value: Readonly<Record<string, unknown>>;
  readonly meta: Readonly<Record<string, unknown>> | undefined;
}

export type Parsed = { readonly message: ClientMessage } | { readonly rejection: Rejection; readonly id: string };

const NO_ID = 'null';

/** Reads one JSON-RPC message. Never throws: what cannot be read comes back as a {@link Rejection} with the id to echo. */
export function parseMessage(json: string): Parsed {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return refuse(ErrorCode.parse, 'Parse error: the body is no valid JSON');
  }
  return Array.isArray(value)
    ? refuse(ErrorCode.invalidRequest, 'Invalid Request: one message per request; JSON-RPC batches are not accepted')
    : readMessage(json, value);
}

function readMessage(json: string, value: unknown): Parsed {
  if (!isObject(value) || value['jsonrpc'] !== '2.0') {
    return refuse(ErrorCode.invalidRequest, 'Invalid Request: not a JSON-RPC 2.0 message');
  }
  const { id, method, params = {} } = value;
  if (method === undefined && ('result' in value || 'error' in value)) return { message: { kind: 'response' } };
  const members = rawMembers(json);
  const isId = typeof id === 'string' || typeof id === 'number';
  const rawId = isId ? (members.get('id') ?? NO_ID) : NO_ID;
  if ('id' in value && !isId)
    return refuse(ErrorCode.invalidRequest, 'Invalid Request: id must be a string or a number');
  if (typeof method !== 'string')
    return refuse(ErrorCode.invalidRequest, 'Invalid Request: method must be a string', rawId);
  if (!isObject(params)) return refuse(ErrorCode.invalidParams, 'Invalid params: params must be an object', rawId);
  const meta = params['_meta'];
  if (meta !== undefined && !isObject(meta)) {
    return refuse(ErrorCode.invalidParams, 'Invalid params: _meta must be an object', rawId);
  }
  const raw = rawMembers(members.get('params') ?? '{}');
  raw.delete('_meta');
  const parsed: ClientParams = { raw, value: params, meta };
  return {
    message: isId
      ? { kind: 'request', id: rawId, method, params: parsed }
      : { kind: 'notification', method, params: parsed },
  };
}

function refuse(code: number, message: string, id: string = NO_ID): Parsed {
  return { rejection: { status: 400, code, message }, id };
}

/** True for a JSON object: neither null nor an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
