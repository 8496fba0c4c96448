import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorBody, ErrorCode, forwardedMethod, isObject, resultValue, type Answer } from '@forge/mcp/protocol';
import { ANYBODY } from '../principal.ts';
import type { FrontContext } from './context.ts';
import { isJson, readBody } from './body.ts';
import { sendValue } from './reply.ts';

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
  await servePost(path, body, response, front, closed.signal);
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
  response: ServerResponse,
  front: FrontContext,
  signal: AbortSignal,
): Promise<void> {
  if (path === 'batch') return serveBatch(body, response, front, signal);
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
    ['arguments', JSON.stringify(body)],
  ]);
  answer(response, await ask(front, feature === 'tools' ? 'tools/call' : 'prompts/get', params, signal));
}

interface BatchCall {
  readonly id?: unknown;
  readonly tool: string;
  readonly arguments?: Record<string, unknown>;
}

/** Runs the calls of a batch at once; one envelope for each, in their order, whatever becomes of the others. */
async function serveBatch(
  body: unknown,
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
  const responses = await Promise.all(calls.map((call, index) => runOne(call, index, front, signal)));
  if (!response.destroyed)
    sendValue(response, 200, { batchId: randomUUID(), responses, processingTime: performance.now() - start });
}

async function runOne(call: BatchCall, index: number, front: FrontContext, signal: AbortSignal): Promise<object> {
  const start = performance.now();
  const params = new Map([
    ['name', JSON.stringify(call.tool)],
    ['arguments', JSON.stringify(call.arguments ?? {})],
  ]);
  const outcome = await ask(front, 'tools/call', params, signal);
  const envelope = { index, ...(call.id !== undefined && { id: call.id }) };
  const ms = performance.now() - start;
  if (outcome.kind === 'error') return { ...envelope, ok: false, error: JSON.parse(outcome.body) as unknown, ms };
  const result = resultValue(outcome);
  return { ...envelope, ok: result?.['isError'] !== true, result, ms };
}

function isBatchCall(value: unknown): value is BatchCall {
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
): Promise<Answer> {
  const rule = forwardedMethod(method);
  if (rule === undefined) throw new TypeError(`Cannot ask for ${method}: it is not forwarded`);
  const start = performance.now();
  const routed = await front.router.route({ rule, method, params, principal: ANYBODY }, signal);
  front.observeRequest(method, routed, performance.now() - start);
  return routed.answer;
}

function answer(response: ServerResponse, outcome: Answer): void {
  if (response.destroyed) return;
  if (outcome.kind === 'result') return sendValue(response, 200, JSON.parse(outcome.body));
  const error = JSON.parse(outcome.body) as { code?: number };
  sendValue(response, HTTP_STATUS.get(error.code) ?? 502, { error });
}

const HTTP_STATUS: ReadonlyMap<number | undefined, number> = new Map([
  [ErrorCode.invalidParams, 400],
  [ErrorCode.methodNotFound, 404],
  [ErrorCode.legacyResourceNotFound, 404],
]);

function fault(response: ServerResponse, status: number, message: string): void {
  sendValue(response, status, { error: JSON.parse(errorBody(ErrorCode.invalidRequest, message)) as unknown });
}
