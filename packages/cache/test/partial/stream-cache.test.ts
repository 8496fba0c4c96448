import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { MemoryCache } from '../../src/index.ts';
import { StreamCache, type StreamCacheOptions } from '../../src/partial/index.ts';

type Step = { value: string } | { error: unknown } | 'end';

/** A producer that yields what it is given. */
class Source {
  signal!: AbortSignal;
  starts = 0;
  pulls = 0;
  returned = false;
  readonly #steps: ((step: Step) => void)[] = [];
  readonly #ready: Step[] = [];

  /** A chunk for each character. */
  give(text: string): void {
    for (const value of text) this.#push({ value });
  }

  end(): void {
    this.#push('end');
  }

  fail(error: unknown): void {
    this.#push({ error });
  }

  readonly produce = async function* (this: Source, { signal }: { signal: AbortSignal }): AsyncGenerator<string> {
    this.starts += 1;
    this.signal = signal;
    signal.addEventListener('abort', () => this.end());
    try {
      for (;;) {
        this.pulls += 1;
        const step = this.#ready.shift() ?? (await new Promise<Step>((resolve) => this.#steps.push(resolve)));
        if (step === 'end') return;
        if ('error' in step) throw step.error;
        yield step.value;
      }
    } finally {
      this.returned = true;
    }
  }.bind(this);

  #push(step: Step): void {
    const waiting = this.#steps.shift();
    if (waiting === undefined) this.#ready.push(step);
    else waiting(step);
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(options: Partial<StreamCacheOptions<string>> = {}) {
  const cache = new MemoryCache();
  const streams = new StreamCache<string>({ cache, name: 's', ...options });
  const source = new Source();
  const read = (signal?: AbortSignal) => streams.read('k', source.produce, { signal });
  return { cache, streams, source, read };
}

async function collect(chunks: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const chunk of chunks) text += chunk;
  return text;
}

describe('StreamCache', () => {
  it('replays to who joins late, then follows', async () => {
    const { source, read } = setUp();
    const first = collect(read());
    await turn();
    source.give('ab');
    await turn();
    const late = read();
    expect([await late.next(), await late.next()]).toEqual([
      { done: false, value: 'a' },
      { done: false, value: 'b' },
    ]);
    const next = late.next();
    source.give('c');
    source.end();
    expect(await next).toEqual({ done: false, value: 'c' });
    expect([await first, await collect(late)]).toEqual(['abc', '']);
    expect(source.starts).toBe(1);
  });

  it('replays a stream that has ended, for its ttl and until it is invalidated', async () => {
    let now = 0;
    const cache = new MemoryCache({ clock: { now: () => now } });
    const { source, read, streams } = setUp({ cache, ttl: 10 });
    const run = async (): Promise<string> => {
      const text = collect(read());
      await turn();
      source.give('a');
      source.end();
      return text;
    };
    await run();
    expect([await collect(read()), source.starts]).toEqual(['a', 1]);
    now = 10;
    await run();
    expect([streams.invalidate('k'), streams.invalidate('k')]).toEqual([true, false]);
    await run();
    expect(source.starts).toBe(3);
  });

  it('begins nothing before the first chunk is asked for', async () => {
    const { source, read } = setUp();
    const chunks = read();
    await turn();
    expect(source.starts).toBe(0);
    await chunks.return!();
    expect([await chunks.next(), source.starts]).toEqual([{ done: true, value: undefined }, 0]);
  });

  it('tells every reader of a failure after the chunks before it, and begins anew', async () => {
    const { source, read } = setUp();
    const early = read();
    const next = early.next();
    source.give('a');
    await next;
    const late = read();
    await late.next();
    const ends = [early.next(), late.next()];
    source.fail(new Error('down'));
    for (const end of await Promise.allSettled(ends)) expect(end).toMatchObject({ reason: { message: 'down' } });
    const again = collect(read());
    source.end();
    expect([await again, source.starts]).toEqual(['', 2]);
  });

  it.each([
    ['throws', () => expect.fail('at once')],
    ['rejects', () => Promise.reject(new Error('at once'))],
    ['returns no iterable', () => 1 as unknown as AsyncIterable<string>],
  ])('rejects its readers when the producer %s', async (_, produce) => {
    const { streams } = setUp();
    await expect(streams.read('k', produce).next()).rejects.toThrow();
    await expect(collect(streams.read('k', () => ['fine']))).resolves.toBe('fine');
  });

  it('aborts the producer when the last reader has left, and begins anew', async () => {
    const { source, read } = setUp();
    const [one, two] = [read(), read()];
    const firsts = [one.next(), two.next()];
    source.give('a');
    await Promise.all(firsts);
    await one.return!();
    expect(source.signal.aborted).toBe(false);
    // While a chunk is waited for, too.
    const waiting = two.next();
    await two.return!();
    expect([await waiting, source.signal.aborted]).toEqual([{ done: true, value: undefined }, true]);
    await turn();
    expect(source.returned).toBe(true);
    const again = collect(read());
    await turn();
    source.end();
    expect([await again, source.starts]).toEqual(['', 2]);
  });

  it('rejects a reader whose signal aborts, waiting or not, and leaves no listener', async () => {
    const { source, read } = setUp();
    const abort = new AbortController();
    const [waits, lags, stays] = [read(abort.signal), read(abort.signal), collect(read())];
    const firsts = [waits.next(), lags.next()];
    source.give('a');
    await Promise.all(firsts);
    const waiting = waits.next();
    abort.abort('gone');
    await expect(waiting).rejects.toBe('gone');
    await expect(lags.next()).rejects.toBe('gone');
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    await expect(read(abort.signal).next()).rejects.toBe('gone');
    source.give('b');
    source.end();
    expect(await stays).toBe('ab');
  });

  it('leaves no listener on the signals of readers that came to the end', async () => {
    const { source, read } = setUp();
    const { signal } = new AbortController();
    const text = collect(read(signal));
    source.end();
    await text;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('rejects a reader that aborts while a stream that has ended is replayed', async () => {
    const { streams } = setUp();
    await collect(streams.read('k', () => ['a', 'b']));
    const abort = new AbortController();
    const replay = streams.read('k', () => expect.fail('held'), { signal: abort.signal });
    await replay.next();
    abort.abort('gone');
    await expect(replay.next()).rejects.toBe('gone');
  });

  it('runs to its end without readers with keepRunning, and keeps the result', async () => {
    const { source, read } = setUp({ keepRunning: true });
    const reader = read();
    const next = reader.next();
    source.give('a');
    await next;
    await reader.return!();
    source.give('b');
    source.end();
    await turn();
    expect([await collect(read()), source.starts]).toEqual(['ab', 1]);
  });

  it('stores no stream that was invalidated while it ran, and lets its readers go on', async () => {
    const { source, read, streams, cache } = setUp();
    const old = collect(read());
    await turn();
    source.give('a');
    expect(streams.invalidate('k')).toBe(false);
    const fresh = collect(streams.read('k', () => ['new']));
    expect(await fresh).toBe('new');
    source.give('b');
    source.end();
    expect(await old).toBe('ab');
    expect([await collect(read()), cache.size]).toEqual(['new', 1]);
  });

  it('runs ahead of its readers until the log is full, then at the pace of the fastest', async () => {
    const { source, read } = setUp({ maxStreamBytes: 3 });
    const [fast, slow] = [read(), read()];
    const firsts = [fast.next(), slow.next()];
    source.give('abcdefgh');
    await Promise.all(firsts);
    await turn();
    // Three are kept; none more is asked for before a reader has come to the end.
    expect(source.pulls).toBe(3);
    let text = 'a';
    for (let i = 0; i < 6; i++) text += (await fast.next()).value as string;
    expect(text).toBe('abcdefg');
    await expect(slow.next()).rejects.toMatchObject({ code: 'CACHE_STREAM_OVERRUN' });
    source.end();
    expect(await collect(fast)).toBe('h');
  });

  it('waits for a reader that is alone, however slow', async () => {
    const { source, read } = setUp({ maxStreamBytes: 2 });
    source.give('abcdefgh');
    source.end();
    let text = '';
    for await (const chunk of read()) {
      await turn();
      text += chunk;
    }
    expect(text).toBe('abcdefgh');
  });

  it('neither joins nor stores a stream whose beginning is gone', async () => {
    const { source, read, streams, cache } = setUp({ maxStreamBytes: 2 });
    const first = collect(read());
    await turn();
    source.give('abc');
    await turn();
    expect(await collect(streams.read('k', () => ['x']))).toBe('x');
    source.end();
    expect([await first, cache.size]).toEqual(['abc', 1]);
  });

  it('goes on without readers in a full log with keepRunning', async () => {
    const { source, read } = setUp({ maxStreamBytes: 2, keepRunning: true });
    const reader = read();
    const next = reader.next();
    source.give('abcd');
    await next;
    await turn();
    await reader.return!();
    source.end();
    await turn();
    expect(source.returned).toBe(true);
  });

  it('passes on a stream a thousand times as long as its log', async () => {
    const { streams } = setUp({ maxStreamBytes: 10 });
    const numbers = async function* () {
      for (let n = 0; n < 10_000; n++) yield String(n % 10);
    };
    expect(await collect(streams.read('k', numbers))).toBe('0123456789'.repeat(1000));
  });

  it('fails its readers when a chunk cannot be measured', async () => {
    const { source, read } = setUp({ sizeOf: () => expect.fail('no size') });
    const text = collect(read());
    source.give('a');
    await expect(text).rejects.toThrow('no size');
    expect(source.returned).toBe(true);
  });

  it.each([Number.NaN, -1, 1.5, '1', undefined])('fails its readers when a chunk has the size %o', async (size) => {
    const { streams } = setUp({ sizeOf: () => size as number });
    await expect(collect(streams.read('k', () => ['a']))).rejects.toThrow(TypeError);
  });

  it('does not take what an aborted producer still yields', async () => {
    const { streams } = setUp();
    let release!: () => void;
    const deaf = async function* (): AsyncGenerator<string> {
      yield 'a';
      await new Promise<void>((resolve) => (release = resolve));
      yield 'late';
    };
    const reader = streams.read('k', deaf);
    await reader.next();
    const rest = reader.next();
    await turn();
    await reader.return!();
    release();
    await turn();
    expect([await rest, await collect(streams.read('k', () => ['new']))]).toEqual([
      { done: true, value: undefined },
      'new',
    ]);
  });
});
