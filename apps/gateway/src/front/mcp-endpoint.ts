import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  classify,
  errorAnswer,
  errorBody,
  ErrorCode,
  forwardedMethod,
  LEGACY_VERSIONS,
  MODERN_VERSION,
  negotiateLegacyVersion,
  parseMessage,
  resultAnswer,
  writeAnswer,
  type Answer,
  type ClientMessage,
  type Envelope,
  type Hints,
  type Rejection,
} from '@forge/mcp/protocol';
import { ANYBODY } from '../principal.ts';
import type { Routed } from '../routing/router.ts';
import { self } from '../self.ts';
import { isJson, readBody } from './body.ts';
import { describe } from './description.ts';
import { acrossEras, statusOf } from './eras.ts';
import type { FrontContext } from './context.ts';
import type { LegacySession } from './legacy-sessions.ts';
import { sendJson } from './reply.ts';

type Request = Extract<ClientMessage, { kind: 'request' }>;

/** Serves Streamable HTTP to clients of both eras. Every answer is one JSON body: nothing here needs an event stream yet. */
export async function serveMcp(request: IncomingMessage, response: ServerResponse, front: FrontContext): Promise<void> {
  if (request.method === 'DELETE') return endSession(request, response, front);
  if (request.method !== 'POST') {
    const rejection = {
      status: 405,
      code: ErrorCode.invalidRequest,
      message: 'Method not allowed: this endpoint takes POST',
    };
    return refuse(response, rejection, 'null', { allow: 'POST, DELETE' });
  }
  if (!isJson(request)) {
    return refuse(
      response,
      { status: 415, code: ErrorCode.invalidRequest, message: 'Content-Type must be application/json' },
      'null',
    );
  }
  const parsed = parseMessage(await readBody(request, front.config.maxBodyBytes));
  if ('rejection' in parsed) return refuse(response, parsed.rejection, parsed.id);
  await serveMessage(parsed.message, request, response, front);
}

async function serveMessage(
  message: ClientMessage,
  request: IncomingMessage,
  response: ServerResponse,
  front: FrontContext,
): Promise<void> {
  if (message.kind === 'response') return accept(response);
  const id = message.kind === 'request' ? message.id : 'null';
  const classified = classify(message.method, message.params, request.headers, message.kind === 'request');
  if ('rejection' in classified) return refuse(response, classified.rejection, id);
  const { envelope } = classified;
  const sessionId = envelope.era === 'legacy' ? request.headers['mcp-session-id'] : undefined;
  const session = typeof sessionId === 'string' ? front.sessions.get(sessionId) : undefined;
  if (sessionId !== undefined && session === undefined) {
    return refuse(
      response,
      { status: 404, code: ErrorCode.invalidRequest, message: 'Session not found: initialize again' },
      id,
    );
  }
  if (message.kind === 'notification') {
    if (message.method === 'notifications/cancelled') cancel(message, session);
    return accept(response);
  }
  await serveRequest(message, envelope, session, response, front);
}

async function serveRequest(
  message: Request,
  envelope: Envelope,
  session: LegacySession | undefined,
  response: ServerResponse,
  front: FrontContext,
): Promise<void> {
  const start = performance.now();
  const own =
    envelope.era === 'modern' ? await answerModern(message, front) : await answerLegacy(message, response, front);
  const routed = own ?? (await forward(message, envelope, session, response, front));
  if (routed === undefined) {
    const status = envelope.era === 'modern' ? 404 : 200;
    return refuse(
      response,
      { status, code: ErrorCode.methodNotFound, message: `Method not found: ${message.method}` },
      message.id,
    );
  }
  front.observeRequest(message.method, routed, performance.now() - start);
  // Whoever closed the connection has taken the question back.
  if (response.destroyed) return;
  const answer = acrossEras(routed.answer, envelope.era);
  sendJson(response, statusOf(answer, envelope.era), writeAnswer(answer, message.id, envelope.era, routed.hints));
}

async function answerModern(message: Request, front: FrontContext): Promise<Routed | undefined> {
  if (message.method !== 'server/discover') return undefined;
  const { capabilities, instructions } = await describe(front.router);
  const body = {
    supportedVersions: [MODERN_VERSION],
    capabilities,
    ...(instructions !== undefined && { instructions }),
    _meta: { 'io.modelcontextprotocol/serverInfo': self },
  };
  return ours(resultAnswer(JSON.stringify(body)), { ttl: 0, scope: 'private' });
}

async function answerLegacy(
  message: Request,
  response: ServerResponse,
  front: FrontContext,
): Promise<Routed | undefined> {
  if (message.method === 'ping') return ours(resultAnswer('{}'));
  if (message.method !== 'initialize') return undefined;
  const protocolVersion = negotiateLegacyVersion(message.params.value['protocolVersion']);
  const { capabilities, instructions } = await describe(front.router);
  const body = { protocolVersion, capabilities, serverInfo: self, ...(instructions !== undefined && { instructions }) };
  response.setHeader('mcp-session-id', front.sessions.open(protocolVersion));
  return ours(resultAnswer(JSON.stringify(body)));
}

function ours(answer: Answer, hints?: Hints): Routed {
  return { answer, outcome: answer.kind === 'error' ? 'error' : 'ok', hints, source: undefined };
}

async function forward(
  { id, method, params }: Request,
  { era, clientCapabilities, paramHeaders }: Envelope,
  session: LegacySession | undefined,
  response: ServerResponse,
  front: FrontContext,
): Promise<Routed | undefined> {
  const rule = forwardedMethod(method);
  if (rule === undefined) return undefined;
  if (rule.nameMember !== undefined && typeof params.value[rule.nameMember] !== 'string') {
    return ours(errorAnswer(errorBody(ErrorCode.invalidParams, `Invalid params: ${rule.nameMember} must be a string`)));
  }
  const controller = new AbortController();
  const disconnected = (): void => {
    controller.abort(new Error('The client closed the connection'));
  };
  // In the modern era a closed connection is a cancellation; a legacy client cancels by a message of its own.
  if (era === 'modern') response.once('close', disconnected);
  session?.underWay.set(id, controller);
  try {
    const asked = { rule, method, params: params.raw, meta: params.meta };
    const call = { ...asked, clientCapabilities, paramHeaders, principal: ANYBODY };
    return await front.router.route(call, controller.signal);
  } finally {
    session?.underWay.delete(id);
    response.off('close', disconnected);
  }
}

function cancel(
  { params }: Extract<ClientMessage, { kind: 'notification' }>,
  session: LegacySession | undefined,
): void {
  session?.underWay.get(params.raw.get('requestId') ?? '')?.abort(new Error('The client cancelled the request'));
}

function endSession(request: IncomingMessage, response: ServerResponse, front: FrontContext): void {
  const id = request.headers['mcp-session-id'];
  const version = request.headers['mcp-protocol-version'];
  if (typeof version === 'string' && !LEGACY_VERSIONS.includes(version)) {
    const rejection = {
      status: 405,
      code: ErrorCode.invalidRequest,
      message: 'Method not allowed: there is no session to end',
    };
    return refuse(response, rejection, 'null', { allow: 'POST' });
  }
  if (typeof id === 'string' && front.sessions.end(id)) {
    response.writeHead(204).end();
    return;
  }
  refuse(response, { status: 404, code: ErrorCode.invalidRequest, message: 'Session not found' }, 'null');
}

function accept(response: ServerResponse): void {
  response.writeHead(202).end();
}

function refuse(
  response: ServerResponse,
  { status, code, message, data }: Rejection,
  id: string,
  headers: Record<string, string> = {},
): void {
  sendJson(
    response,
    status,
    writeAnswer(errorAnswer(errorBody(code, message, data)), id, 'legacy', undefined),
    headers,
  );
}
