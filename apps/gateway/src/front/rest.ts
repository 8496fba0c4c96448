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
  const path = url.pathname.slice(BASE.length);
  const closed = new AbortController();
  response.once('close', () => {
    closed.abort(new Error('The client closed the connection'));
  });
  if (request.method === 'GET') return serveGet(path, url, response, front, closed.signal);
  if (request.method !== 'POST') return fault(response, 405, 'This path takes GET or POST');
  if (!isJson(request)) return fault(response, 415, 'Content-Type must be application/json');
  const text = await readBody(request, front.config.maxBodyBytes);
  let body: unknown;
  try {
    body = text === '' ? {} : JSON.parse(text);
  } catch {
    return fault(response, 400, 'The body is no valid JSON');
  }
  if (path === 'batch') return serveBatch(body, text, response, front, closed.signal);
  await servePost(path, body, text === '' ? '{}' : text, response, front, closed.signal);
}

async function serveGet(
  path: string,
  url: URL,
  response: ServerResponse,
  front: FrontContext,
  signal: AbortSignal,
): Promise<void> {
  switch (path) {
    case 'servers':
      return sendValue(response, 200, { servers: front.router.upstreams.map(({ state }) => state) });
    case 'tools':
    case 'prompts':
    case 'resources':
      return answer(response, await ask(front, `${path}/list`, new Map(), signal));
    case 'resources/read': {
      const uri = url.searchParams.get('uri');
      if (uri === null) return fault(response, 400, 'The query must have a uri');
      return answer(response, await ask(front, 'resources/read', new Map([['uri', JSON.stringify(uri)]]), signal));
    }
    default:
      return fault(response, 404, `There is no ${BASE}${path}`);
  }
}

async function servePost(
  path: string,
  body: unknown,
  text: string,
  response: ServerResponse,
  front: FrontContext,
  signal: AbortSignal,
): Promise<void> {
  const [, feature, encoded] = /^(tools|prompts)\/([^/]+)$/.exec(path) ?? [];
  if (feature === undefined || encoded === undefined) return fault(response, 404, `There is no POST ${BASE}${path}`);
  if (!isObject(body)) return fault(response, 400, 'The body must be an object: the arguments');
  let name: string;
  try {
    name = decodeURIComponent(encoded);
  } catch {
    return fault(response, 400, 'The name in the path is not well encoded');
  }
  const params = new Map([
    ['name', JSON.stringify(name)],
    ['arguments', text.trim()],
  ]);
  answer(response, await ask(front, feature === 'tools' ? 'tools/call' : 'prompts/get', params, signal));
}

/** Runs the calls of a batch at once; one envelope for each, in their order, whatever becomes of the others. */
async function serveBatch(
  body: unknown,
  text: string,
  response: ServerResponse,
  front: FrontContext,
  signal: AbortSignal,
): Promise<void> {
  const calls = isObject(body) ? body['requests'] : body;
  if (!Array.isArray(calls) || !calls.every(isBatchCall)) {
    return fault(
      response,
      400,
      'The body must be a list of { "tool": name, "arguments": object, "id"?: any }, or { "requests": such a list }',
    );
  }
  if (calls.length > MAX_BATCH)
    return fault(response, 400, `A batch holds at most ${MAX_BATCH} calls, got ${calls.length}`);
  const start = performance.now();
  const raw = rawElements(isObject(body) ? (rawMembers(text).get('requests') ?? '[]') : text).map(rawMembers);
  const envelopes = await Promise.all(raw.map((call, index) => runOne(call, index, front, signal)));
  if (response.destroyed) return;
  const members = { batchId: randomUUID(), responses: [], processingTime: performance.now() - start };
  sendJson(
    response,
    200,
    JSON.stringify(members).replace('"responses":[]', () => `"responses":[${envelopes.join(',')}]`),
  );
}

/** One call's envelope; what came from the client and the upstream stands in it as it was written. */
async function runOne(
  call: ReadonlyMap<string, string>,
  index: number,
  front: FrontContext,
  signal: AbortSignal,
): Promise<string> {
  const start = performance.now();
  const params = new Map([
    ['name', call.get('tool') ?? '""'],
    ['arguments', call.get('arguments') ?? '{}'],
  ]);
  const { answer: outcome, outcome: kind } = await ask(front, 'tools/call', params, signal);
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

async function ask(
  front: FrontContext,
  method: string,
  params: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<Routed> {
  const rule = forwardedMethod(method);
  if (rule === undefined) throw new TypeError(`Cannot ask for ${method}: it is not forwarded`);
  const start = performance.now();
  const routed = await front.router.route({ rule, method, params, principal: ANYBODY }, signal);
  front.observeRequest(method, routed, performance.now() - start);
  return routed;
}

function answer(response: ServerResponse, { answer: outcome }: Routed): void {
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
