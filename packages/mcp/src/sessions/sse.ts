import { createParser } from 'eventsource-parser';
import { tooLarge, UpstreamError } from './errors.ts';
import type { HttpResponse } from './http-exchange.ts';

/** How long a stream may go on after the answer before its socket is given up. */
const FAREWELL = 1000;

/**
 * Reads events until one is the answer, and resolves with its data.
 *
 * @param maxLength of the whole stream up to the answer, in bytes
 * @param isAnswer is shown each event's data, in order
 * @throws UpstreamError MCP_CONNECTION_CLOSED when the stream ends before the answer, MCP_MESSAGE_TOO_LARGE
 */
export async function readEventStream(
  response: HttpResponse,
  maxLength: number,
  isAnswer: (data: string) => boolean,
): Promise<string> {
  let answer: string | undefined;
  const parser = createParser({
    onEvent: ({ data }) => {
      if (isAnswer(data)) answer = data;
    },
  });
  const decoder = new TextDecoder();
  const chunks = response.body[Symbol.asyncIterator]();
  let length = 0;
  for (let chunk = await chunks.next(); chunk.done !== true; chunk = await chunks.next()) {
    length += chunk.value.byteLength;
    if (length > maxLength) {
      response.destroy();
      throw tooLarge();
    }
    parser.feed(decoder.decode(chunk.value, { stream: true }));
    if (answer !== undefined) {
      void finish(response, chunks);
      return detached(answer);
    }
  }
  throw new UpstreamError('MCP_CONNECTION_CLOSED', 'The upstream ended its response stream before the answer');
}

/** The data is a slice of its chunk, which it would keep alive for as long as a cache keeps anything of the answer. */
function detached(text: string): string {
  return Buffer.from(text).toString();
}

/** Reads the stream to its end, which follows the answer, so that the socket can be used again. */
async function finish(response: HttpResponse, chunks: AsyncIterator<Uint8Array>): Promise<void> {
  const timer = setTimeout(() => {
    response.destroy();
  }, FAREWELL);
  try {
    while ((await chunks.next()).done !== true);
  } catch {
    // The socket is gone: the next request opens another.
  } finally {
    clearTimeout(timer);
  }
}
