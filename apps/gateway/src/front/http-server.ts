import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { prometheusContentType, prometheusText } from '@forge/monitor/prometheus';
import { BodyTooLargeError } from './body.ts';
import type { FrontContext } from './context.ts';
import { hostAndOriginGuard } from './guard.ts';
import { serveMcp } from './mcp-endpoint.ts';
import { send, sendValue } from './reply.ts';
import { serveRest } from './rest.ts';
import { statusPage } from './status-page.ts';

/** The one listener: `/mcp`, the REST face, and what people and their tools look at. */
export function frontServer(front: FrontContext, onFault: (error: unknown) => void): Server {
  const guard = hostAndOriginGuard(front.config);
  return createServer((request, response) => {
    const refusal = guard(request);
    if (refusal !== undefined) {
      sendValue(response, 403, { jsonrpc: '2.0', id: null, error: { code: -32600, message: refusal } });
      return;
    }
    serve(request, response, front).catch((error: unknown) => {
      answerFault(error, response, onFault);
    });
  });
}

async function serve(request: IncomingMessage, response: ServerResponse, front: FrontContext): Promise<void> {
  const target = `http://gateway${request.url ?? ''}`;
  if (!URL.canParse(target)) return sendValue(response, 400, { error: { message: 'The request target is no path' } });
  const url = new URL(target);
  if (url.pathname === '/mcp') return serveMcp(request, response, front);
  if (url.pathname.startsWith('/api/mcp/')) return serveRest(url, request, response, front);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return sendValue(response, 405, { error: { message: 'Method not allowed' } });
  }
  switch (url.pathname) {
    case '/':
      return send(response, 200, 'text/html; charset=utf-8', statusPage(front), PAGE_HEADERS);
    case '/metrics':
      return send(response, 200, prometheusContentType, prometheusText(front.monitor));
    case '/health':
      return sendValue(response, 200, { status: 'ok' });
    case '/ready':
      return serveReady(response, front);
    default:
      return sendValue(response, 404, { error: { message: `There is no ${url.pathname}` } });
  }
}

const PAGE_HEADERS = {
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
};

/** Ready once an upstream has been spoken to: a gateway with one upstream down still serves the others. */
function serveReady(response: ServerResponse, { router }: FrontContext): void {
  const upstreams = Object.fromEntries(
    router.upstreams.map(({ state: { id, info, lastError } }) => [
      id,
      info === undefined ? (lastError ?? 'not connected yet') : 'ready',
    ]),
  );
  const ready = Object.values(upstreams).includes('ready');
  sendValue(response, ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', upstreams });
}

function answerFault(error: unknown, response: ServerResponse, onFault: (error: unknown) => void): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
  } else if (error instanceof BodyTooLargeError) {
    // The rest of the body is not read, so the connection cannot be used again.
    response.setHeader('connection', 'close');
    sendValue(response, 413, { jsonrpc: '2.0', id: null, error: { code: -32600, message: error.message } });
  } else {
    onFault(error);
    sendValue(response, 500, { jsonrpc: '2.0', id: null, error: { code: -32603, message: 'Internal error' } });
  }
}
