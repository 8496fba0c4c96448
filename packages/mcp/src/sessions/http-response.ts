import { isObject } from '../protocol/message.ts';
import type { NotificationListener } from './connection.ts';
import { tooLarge, UpstreamError } from './errors.ts';
import { header, type HttpResponse } from './http-exchange.ts';
import type { RequestListener } from './server-requests.ts';
import { readEventStream } from './sse.ts';

/** A JSON-RPC response with the status that HTTP gave it. */
export interface ReceivedResponse {
  readonly status: number;
  readonly json: string;
}

export interface Reading {
  /** Of our request. */
  readonly id: number;
  /** Bytes. */
  readonly maxLength: number;
  readonly onNotification: NotificationListener;
  readonly onRequest: RequestListener;
}

/**
 * Reads the JSON-RPC response to our request out of a JSON body or an event stream.
 *
 * @throws UpstreamError MCP_HTTP_STATUS when there is none, MCP_CONNECTION_CLOSED, MCP_MESSAGE_TOO_LARGE
 */
export async function readResponse(response: HttpResponse, reading: Reading): Promise<ReceivedResponse> {
  const { status } = response;
  if (status === 200 && header(response, 'content-type')?.startsWith('text/event-stream') === true) {
    return { status, json: await readStream(response, reading) };
  }
  const json = await readText(response, reading.maxLength);
  // The modern era sends its errors as JSON-RPC in the body of a 4xx. Without our id they are the transport's.
  const isAnswer = isResponse(parse(json), reading.id, status >= 200 && status < 300);
  if (!isAnswer) throw statusError(status, json);
  return { status, json };
}

async function readStream(response: HttpResponse, { id, maxLength, ...heard }: Reading): Promise<string> {
  return readEventStream(response, maxLength, (data) => {
    const message = parse(data);
    if (isResponse(message, id, true)) return true;
    if (isObject(message) && typeof message['method'] === 'string') {
      if (message['id'] === undefined) heard.onNotification(message['method'], message['params']);
      else heard.onRequest(message['id'], message['method']);
    }
    return false;
  });
}

/** Reads a response that nobody asks about to its end, so that its socket can be used again. */
export async function discard(response: HttpResponse): Promise<void> {
  await readText(response, 1024 * 1024);
}

async function readText({ body }: HttpResponse, maxLength: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.byteLength;
    if (length > maxLength) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length).toString('utf8');
}

/** Statuses below 500 that say nothing of whether the request was carried out. */
const UNCERTAIN: ReadonlySet<number> = new Set([401, 403, 408]);

function statusError(status: number, text: string): UpstreamError {
  const said = text.trim().slice(0, 300);
  const notProcessed = status >= 400 && status < 500 && !UNCERTAIN.has(status);
  const message = `The upstream answered HTTP ${status}${said === '' ? '' : `: ${said}`}`;
  return new UpstreamError('MCP_HTTP_STATUS', message, { notProcessed, status });
}

/** @param orNull whether an error without an id counts: its sender could not read the id */
function isResponse(message: unknown, id: number, orNull: boolean): boolean {
  if (!isObject(message) || message['method'] !== undefined) return false;
  const named = message['id'];
  return named === id || named === String(id) || (orNull && named === null && 'error' in message);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
