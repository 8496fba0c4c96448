import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  errorBody,
  ErrorCode,
  forwardedMethod,
  isObject,
  rawElements,
  rawMembers,
  writeMembers,
} from '@forge/mcp/protocol';
import { ANYBODY } from '../principal.ts';
import type { Routed } from '../routing/router.ts';
import type { FrontContext } from './context.ts';
import { isJson, readBody } from './body.ts';
import { sendJson, sendValue } from './reply.ts';

const BASE = '/api/mcp/';

/** Calls that one batch may hold. */
const MAX_BATCH = 100;

/** One request of the REST face. */
interface Exchange {
  /** Below `/api/mcp/`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly response: ServerResponse;
  readonly front: FrontContext;
  /** Aborts when the client has left. */
  readonly signal: AbortSignal;
}

/** A body, parsed and as it was written. */
interface Body {
  readonly value: unknown;
  readonly text: string;
}

/**
 * The REST face: the same calls by the same way as over MCP, for whoever does not speak it.
 * `GET servers | tools | prompts | resources | resources/read?uri=`, `POST tools/:name | prompts/:name | batch`.
 */
export async function serveRest(
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
  front: FrontContext,
): Promise<void> {
  const closed = new AbortController();
  response.once('close', () => {
    closed.abort(new Error('The client closed the connection'));
  });
  const path = url.pathname.slice(BASE.length);
  const exchange: Exchange = { path, query: url.searchParams, response, front, signal: closed.signal };
  if (request.method === 'GET') return serveGet(exchange);
  if (request.method !== 'POST') return fault(response, 405, 'This path takes GET or POST');
  if (!isJson(request)) return fault(response, 415, 'Content-Type must be application/json');
  const body = parseBody(await readBody(request, front.config.maxBodyBytes));
  if (body === undefined) return fault(response, 400, 'The body is no valid JSON');
  return path === 'batch' ? serveBatch(body, exchange) : serveCall(body, exchange);
}

function parseBody(sent: string): Body | undefined {
  const text = sent === '' ? '{}' : sent.trim();
  try {
    return { value: JSON.parse(text), text };
  } catch {
    return undefined;
  }
}

async function serveGet(exchange: Exchange): Promise<void> {
  const { path, query, response, front } = exchange;
  switch (path) {
    case 'servers':
      return sendValue(response, 200, { servers: front.router.upstreams.map(({ state }) => state) });
    case 'tools':
    case 'prompts':
    case 'resources':
      return answer(exchange, await ask(exchange, `${path}/list`, new Map()));
    case 'resources/read': {
      const uri = query.get('uri');
      if (uri === null) return fault(response, 400, 'The query must have a uri');
      return answer(exchange, await ask(exchange, 'resources/read', new Map([['uri', JSON.stringify(uri)]])));
    }
    default:
      return fault(response, 404, `There is no ${BASE}${path}`);
  }
}

async function serveCall(body: Body, exchange: Exchange): Promise<void> {
  const { path, response } = exchange;
  const [, feature, encoded] = /^(tools|prompts)\/([^/]+)$/.exec(path) ?? [];
  if (feature === undefined || encoded === undefined) return fault(response, 404, `There is no POST ${BASE}${path}`);
  if (!isObject(body.value)) return fault(response, 400, 'The body must be an object: the arguments');
  let name: string;
  try {
    name = decodeURIComponent(encoded);
  } catch {
    return fault(response, 400, 'The name in the path is not well encoded');
  }
  const params = new Map([
    ['name', JSON.stringify(name)],
    ['arguments', body.text],
  ]);
  answer(exchange, await ask(exchange, feature === 'tools' ? 'tools/call' : 'prompts/get', params));
}

/** Runs the calls of a batch at once; one envelope for each, in their order, whatever becomes of the others. */
async function serveBatch({ value, text }: Body, exchange: Exchange): Promise<void> {
  const { response } = exchange;
  const calls = isObject(value) ? value['requests'] : value;
  if (!Array.isArray(calls) || !calls.every(isBatchCall)) {
    const form = '{ "tool": name, "arguments": object, "id"?: any }';
    return fault(response, 400, `The body must be a list of ${form}, or { "requests": such a list }`);
  }
  if (calls.length > MAX_BATCH) {
    return fault(response, 400, `A batch holds at most ${MAX_BATCH} calls, got ${calls.length}`);
  }
  const start = performance.now();
  const raw = rawElements(isObject(value) ? (rawMembers(text).get('requests') ?? '[]') : text).map(rawMembers);
  const envelopes = await Promise.all(raw.map((call, index) => runOne(call, index, exchange)));
  if (response.destroyed) return;
  const batch = writeMembers([
    ['batchId', JSON.stringify(randomUUID())],
    ['responses', `[${envelopes.join(',')}]`],
    ['processingTime', String(performance.now() - start)],
  ]);
  sendJson(response, 200, batch);
}

/** One call's envelope; what came from the client and the upstream stands in it as it was written. */
async function runOne(call: ReadonlyMap<string, string>, index: number, exchange: Exchange): Promise<string> {
  const start = performance.now();
  const params = new Map([
    ['name', call.get('tool') ?? '""'],
    ['arguments', call.get('arguments') ?? '{}'],
  ]);
  const { answer: outcome, outcome: kind } = await ask(exchange, 'tools/call', params);
  const id = call.get('id');
  return writeMembers([
    ['index', String(index)],
    ...(id === undefined ? [] : [['id', id] as const]),
    ['ok', String(kind === 'ok')],
    [outcome.kind, outcome.body],
    ['ms', String(performance.now() - start)],
  ]);
}

function isBatchCall(value: unknown): boolean {
  return (
    isObject(value) &&
    typeof value['tool'] === 'string' &&
    (value['arguments'] === undefined || isObject(value['arguments']))
  );
}

async function ask({ front, signal }: Exchange, method: string, params: ReadonlyMap<string, string>): Promise<Routed> {
  const rule = forwardedMethod(method);
  if (rule === undefined) throw new TypeError(`Cannot ask for ${method}: it is not forwarded`);
  const start = performance.now();
  const routed = await front.router.route({ rule, method, params, principal: ANYBODY }, signal);
  front.observeRequest(method, routed, performance.now() - start);
  return routed;
}

function answer({ response }: Exchange, { answer: outcome }: Routed): void {
  if (response.destroyed) return;
  if (outcome.kind === 'result') sendJson(response, 200, outcome.body);
  else sendJson(response, statusOf(outcome.body), `{"error":${outcome.body}}`);
}

function statusOf(error: string): number {
  const { code, data } = JSON.parse(error) as { code?: number; data?: { code?: unknown } | null };
  const own = data?.code;
  if (own === 'BATCH_QUEUE_FULL' || own === 'POOL_QUEUE_FULL') return 503;
  if (own === 'GATEWAY_CALL_TIMEOUT') return 504;
  if (code === ErrorCode.invalidParams) return 400;
  return code === ErrorCode.methodNotFound || code === ErrorCode.legacyResourceNotFound ? 404 : 502;
}

function fault(response: ServerResponse, status: number, message: string): void {
  sendValue(response, status, { error: JSON.parse(errorBody(ErrorCode.invalidRequest, message)) as unknown });
}
