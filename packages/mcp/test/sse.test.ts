import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { readEventStream } from '../src/sessions/sse.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function* chunksOf(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

const response = (...texts: string[]) => ({ status: 200, headers: {}, body: chunksOf(...texts), destroy: () => {} });

describe('readEventStream', () => {
  it('shows each event and resolves with the data of the answer', async () => {
    const seen: string[] = [];
    const stream = response(': hi\n\ndata: 1\n', '\nevent: message\ndata: 2\n\n', 'data: 3\n\n');
    const answer = await readEventStream(stream, 1000, (data) => {
      seen.push(data);
      return data === '2';
    });
    expect(answer).toBe('2');
    expect(seen).toEqual(['1', '2']);
  });

  it('rejects when the stream ends before the answer, or has grown too long', async () => {
    await expect(readEventStream(response('data: 1\n\n'), 1000, () => false)).rejects.toMatchObject({
      code: 'MCP_CONNECTION_CLOSED',
    });
    await expect(readEventStream(response('data: 12345\n\n'), 4, () => true)).rejects.toMatchObject({
      code: 'MCP_MESSAGE_TOO_LARGE',
    });
  });

  it('gives an answer that keeps nothing of its chunk alive', async () => {
    const rest = 'x'.repeat(64 * 1024);
    const kept: string[] = [];
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let n = 0; n < 300; n += 1) {
      const stream = response(`data: ${rest}\n\ndata: ${'y'.repeat(40)}${n}\n\n`);
      kept.push(await readEventStream(stream, 1_000_000, (data) => data.startsWith('y')));
    }
    collect();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(5_000_000);
    expect(kept).toHaveLength(300);
  });
});
