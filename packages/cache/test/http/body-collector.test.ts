import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BodyCollector } from '../../src/http/body-collector.ts';
import { ManualBody, bytes, settled } from './origin.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const text = async (source: AsyncIterable<Uint8Array>): Promise<string> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

function collecting(limit = 100): { body: ManualBody; collector: BodyCollector; giveUp: () => void } {
  const body = new ManualBody();
  const giveUp = vi.fn<() => void>();
  return { body, giveUp, collector: new BodyCollector(body, limit, giveUp) };
}

describe('BodyCollector', () => {
  it('gives every reader the whole body, whenever it comes', async () => {
    const { body, collector } = collecting();
    const early = text(collector.read());
    body.push('a');
    await settled();
    const late = text(collector.read());
    body.push('b');
    body.end();

    expect(await Promise.all([early, late, text(collector.read())])).toEqual(['ab', 'ab', 'ab']);
    expect(await collector.collected).toEqual(bytes('ab'));
  });

  it('collects in memory of its own', async () => {
    const { body, collector } = collecting();
    body.push('a');
    body.end();

    expect((await collector.collected)!.buffer.byteLength).toBe(1);
  });

  it('reads on when its reader is slow or has left', async () => {
    const { body, collector } = collecting();
    const reader = collector.read();
    await reader.return();
    body.push('a');
    await settled();
    body.push('b');
    body.end();

    expect(await collector.collected).toEqual(bytes('ab'));
  });

  it('collects nothing above its limit, and then goes at the pace of its reader', async () => {
    const { body, collector, giveUp } = collecting(3);
    const reader = collector.read();
    for (const part of ['ab', 'cd', 'ef', 'gh']) body.push(part);
    await settled();

    expect(await collector.collected).toBeUndefined();
    expect(body.pulled).toBe(2);
    body.end();
    expect(await text(reader)).toBe('abcdefgh');
    expect(giveUp).not.toHaveBeenCalled();
  });

  it('gives the source up when there is more than the limit and nobody reads', async () => {
    const { body, collector, giveUp } = collecting(1);
    await collector.read().return();
    body.push('ab');
    await collector.collected;

    expect(giveUp).toHaveBeenCalledOnce();
  });

  it('gives the source up when its reader leaves above the limit', async () => {
    const { body, collector, giveUp } = collecting(1);
    const reader = collector.read();
    body.push('ab');
    await collector.collected;
    await reader.return();

    expect(giveUp).toHaveBeenCalledOnce();
  });

  it('gives the source up when nobody has read for half a minute, and not sooner', async () => {
    const { collector, giveUp } = collecting();
    const [first, second] = [collector.read(), collector.read()];
    await first.return();
    vi.advanceTimersByTime(60_000);
    await second.return();
    vi.advanceTimersByTime(29_999);
    expect(giveUp).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);

    expect(giveUp).toHaveBeenCalledOnce();
  });

  it('leaves no timer once the body has ended', async () => {
    const { body, collector } = collecting();
    await collector.read().return();
    body.end();
    await collector.collected;

    expect(vi.getTimerCount()).toBe(0);
  });

  it('passes the failure of the source to its readers, and collects nothing', async () => {
    const { body, collector } = collecting();
    const reading = text(collector.read());
    body.push('a');
    body.fail(new Error('reset'));

    await expect(reading).rejects.toThrow('reset');
    expect(await collector.collected).toBeUndefined();
  });

  it('fails all readers when two would have to share what is above the limit', async () => {
    const { body, collector, giveUp } = collecting(1);
    const readings = [text(collector.read()), text(collector.read())];
    body.push('ab');

    for (const reading of readings) await expect(reading).rejects.toThrow('Cannot share a body');
    expect(giveUp).toHaveBeenCalledOnce();
  });

  it('takes no second reader once what is to come can go to one alone', async () => {
    const { body, collector } = collecting(1);
    const first = text(collector.read());
    body.push('ab');
    await collector.collected;
    expect(collector.join()).toBeUndefined();
    body.push('cd');
    body.end();

    expect(await first).toBe('abcd');
  });

  it.each(['', 'a'])('collects no more than a thousand chunks of %j where the limit is small', async (crumb) => {
    const { body, collector } = collecting(2000);
    const reading = text(collector.read());
    for (let chunk = 0; chunk < 1100; chunk++) body.push(crumb);
    body.end();

    expect(await collector.collected).toBeUndefined();
    expect(await reading).toBe(crumb.repeat(1100));
  });
});
