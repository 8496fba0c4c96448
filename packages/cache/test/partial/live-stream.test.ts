import { describe, expect, it, vi } from 'vitest';
import { LiveStream, Reader } from '../../src/partial/live-stream.ts';

describe('LiveStream', () => {
  it.each([
    [100, [['a', 'b', 'c'], 3]],
    [2, undefined],
  ])('with a log of %i bytes completes with %j', async (maxBytes, expected) => {
    const [onClosed, onComplete] = [vi.fn(), vi.fn()];
    const stream = new LiveStream<string>({
      produce: () => ['a', 'b', 'c'],
      sizeOf: () => 1,
      keepRunning: false,
      maxBytes,
      onClosed,
      onComplete,
    });
    const reader = new Reader(undefined);
    stream.join(reader);
    stream.start();
    const chunks: string[] = [];
    for await (const chunk of stream.read(reader)) chunks.push(chunk);
    expect(chunks).toEqual(['a', 'b', 'c']);
    expect(onComplete.mock.calls[0]).toEqual(expected);
    expect(onClosed).toHaveBeenCalledTimes(expected === undefined ? 1 : 0);
  });
});
