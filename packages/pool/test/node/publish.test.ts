import { AsyncLocalStorage } from 'node:async_hooks';
import { channel, subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CHANNELS, publish, type AcquireTrace, type ChannelMessages } from '../../src/node/index.ts';
import { deferred, flush, instant, manual, outcome } from '../support.ts';

const ended: (() => void)[] = [];

/** Subscribes until the test ends and returns what comes. */
function listen<Name extends Exclude<keyof ChannelMessages, 'acquire'>>(name: Name): ChannelMessages[Name][] {
  const messages: ChannelMessages[Name][] = [];
  const listener = (message: unknown): void => void messages.push(message as ChannelMessages[Name]);
  subscribe(CHANNELS[name], listener);
  ended.push(() => unsubscribe(CHANNELS[name], listener));
  return messages;
}

/** The steps of each acquire, with the context of each. */
function trace(): [string, AcquireTrace][] {
  const steps: [string, AcquireTrace][] = [];
  const step = (kind: string) => (context: AcquireTrace) => void steps.push([kind, context]);
  const subscribers = {
    start: step('start'),
    end: step('end'),
    asyncStart: step('asyncStart'),
    asyncEnd: step('asyncEnd'),
    error: step('error'),
  };
  const tracing = tracingChannel<unknown, AcquireTrace>(CHANNELS.acquire);
  tracing.subscribe(subscribers);
  ended.push(() => {
    tracing.unsubscribe(subscribers);
  });
  return steps;
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  for (const end of ended.splice(0)) end();
  vi.useRealTimers();
});

describe('publish', () => {
  it('tells the life of a connection to those who subscribe to it', async () => {
    const { pool } = instant();
    publish(pool, { name: 'orders' });
    const told = (['created', 'acquired', 'released', 'destroyed'] as const).map((name) => listen(name));
    const lease = await pool.acquire();
    lease.release();
    await pool.close();
    const connection: unknown = expect.objectContaining({ id: '1' });
    for (const messages of told) expect(messages).toMatchObject([{ pool, name: 'orders', connection }]);
    expect(told[3]).toMatchObject([{ reason: 'shutdown' }]);
  });

  it('tells errors, leaks and a queue that is no longer full', async () => {
    const { pool, creates } = manual({ leakThreshold: 100, maxPending: 2, max: 1 });
    publish(pool, { name: 'orders' });
    const [errors, leaks, drains] = [listen('error'), listen('leaked'), listen('drain')] as const;
    const failed = outcome(pool.acquire());
    creates[0]?.reject(new Error('refused'));
    await failed;
    expect(errors).toMatchObject([{ pool, name: 'orders', phase: 'create', error: { code: 'POOL_CREATE_FAILED' } }]);
    const leasing = pool.acquire();
    creates[1]?.resolve({ id: 1 });
    const lease = await leasing;
    await vi.advanceTimersByTimeAsync(100);
    expect(leaks).toMatchObject([{ name: 'orders', held: 100 }]);
    const waiting = [pool.acquire(), pool.acquire(), outcome(pool.acquire())];
    lease.release();
    await Promise.all([waiting[0], waiting[2]]);
    expect(drains).toMatchObject([{ name: 'orders', pending: 1 }]);
  });

  it('tells waits, creates and uses in ms', async () => {
    const { pool, creates } = manual();
    publish(pool, { name: 'orders' });
    const measures = listen('measure');
    const using = pool.use(() => new Promise((resolve) => setTimeout(resolve, 7)));
    await vi.advanceTimersByTimeAsync(5);
    creates[0]?.resolve({ id: 1 });
    await vi.advanceTimersByTimeAsync(7);
    await using;
    expect(measures.map(({ measure, value }) => [measure, value])).toEqual(
      expect.arrayContaining([
        ['create', 5],
        ['wait', 5],
        ['use', 7],
      ]),
    );
  });

  it('tells what happens before the first acquire to those who had subscribed by then', async () => {
    const { pool } = instant({ min: 1 });
    const measures = listen('measure');
    publish(pool, { name: 'orders' });
    await flush();
    expect(measures).toMatchObject([{ name: 'orders', measure: 'create', value: 0 }]);
  });

  it.each(['acquire', 'use'] as const)('traces an %s from its call to its lease', async (method) => {
    const { pool, creates } = manual();
    publish(pool, { name: 'orders' });
    const steps = trace();
    const options = { timeout: 1_000 };
    const served = method === 'use' ? pool.use((_, lease) => lease, options) : pool.acquire(options);
    expect(steps.map(([kind]) => kind)).toEqual(['start', 'end']);
    creates[0]?.resolve({ id: 1 });
    const lease = await served;
    expect(steps.map(([kind]) => kind)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    expect(steps[3]?.[1]).toEqual({ pool, name: 'orders', options, result: lease });
    expect(new Set(steps.map(([, context]) => context)).size).toBe(1);
  });

  it('traces a caller who is refused with the error that he gets', async () => {
    const { pool } = instant();
    publish(pool, { name: 'orders' });
    const steps = trace();
    await pool.close();
    const refused = await outcome(pool.acquire());
    expect(steps.map(([kind]) => kind)).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd']);
    expect(steps[2]?.[1]).toMatchObject(refused);
    expect(() => pool.acquire({ timeout: -1 })).toThrow(RangeError);
    expect(steps.slice(5).map(([kind]) => kind)).toEqual(['start', 'error', 'end']);
  });

  it('gives a bound store to what the caller does, and not to another one', async () => {
    const { pool } = instant({ max: 1 });
    publish(pool, { name: 'orders' });
    const storage = new AsyncLocalStorage<unknown>();
    const { start } = tracingChannel<unknown, AcquireTrace>(CHANNELS.acquire);
    const caller = new AsyncLocalStorage<string>();
    start.bindStore(storage, () => ({ span: caller.getStore() }));
    ended.push(() => void start.unbindStore(storage));
    const seen: unknown[] = [];
    const { asyncEnd } = tracingChannel<unknown, AcquireTrace>(CHANNELS.acquire);
    const note = (): void => void seen.push(storage.getStore());
    asyncEnd.subscribe(note);
    ended.push(() => asyncEnd.unsubscribe(note));
    const use = (name: string): Promise<void> => caller.run(name, () => pool.use(() => flush()));
    await Promise.all([use('one'), use('two')]);
    expect(seen).toEqual([{ span: 'one' }, { span: 'two' }]);
    expect(storage.getStore()).toBeUndefined();
  });

  it('makes the pool build nothing for leases unless somebody subscribes, from the next acquire on', async () => {
    const { pool } = instant();
    publish(pool, { name: 'orders' });
    const onMeasure = vi.spyOn(pool, 'onMeasure');
    const counts = (): number[] => [pool.listenerCount('connectionAcquired'), pool.listenerCount('connectionReleased')];
    (await pool.acquire()).release();
    expect(counts()).toEqual([0, 0]);
    expect(onMeasure).not.toHaveBeenCalled();
    const [acquired, measures] = [listen('acquired'), listen('measure')];
    pool.tryAcquire()?.release();
    expect(counts()).toEqual([1, 0]);
    expect(acquired).toHaveLength(1);
    expect(measures.map(({ measure }) => measure)).toEqual(['wait', 'use']);
    for (const end of ended.splice(0)) end();
    pool.tryAcquire()?.release();
    expect(counts()).toEqual([0, 0]);
    expect(onMeasure).toHaveBeenCalledTimes(1);
  });

  it('returns what undoes it, for events, measures and methods', async () => {
    const { pool } = instant();
    const told = [listen('created'), listen('released'), listen('measure')];
    const steps = trace();
    const undo = publish(pool, { name: 'orders' });
    undo();
    undo();
    (await pool.acquire()).release();
    expect([...told.flat(), ...steps]).toEqual([]);
    expect(pool.eventNames()).toEqual([]);
    expect(Object.getOwnPropertyNames(pool)).not.toContain('acquire');
    expect(Object.getOwnPropertyNames(pool)).not.toContain('tryAcquire');
  });

  it.each([
    ['the first', 0],
    ['the second', 1],
  ])('publishes under two names, and still under the other when %s is undone first', async (_, first) => {
    const { pool } = instant();
    const undo = ['one', 'two'].map((name) => publish(pool, { name }));
    const steps = trace();
    const released = listen('released');
    await pool.use(() => 1);
    expect(new Set(released.map(({ name }) => name))).toEqual(new Set(['one', 'two']));
    undo[first]?.();
    released.length = 0;
    steps.length = 0;
    await pool.use(() => 1);
    expect(released.map(({ name }) => name)).toEqual([['two', 'one'][first]]);
    expect(new Set(steps.map(([, { name }]) => name))).toEqual(new Set([['two', 'one'][first]]));
    undo[1 - first]?.();
    released.length = 0;
    await pool.use(() => 1);
    expect(released).toEqual([]);
  });

  it('leaves the pool unharmed when a subscriber throws', async () => {
    const { pool } = instant();
    publish(pool, { name: 'orders' });
    const thrown = deferred<unknown>();
    const before = process.rawListeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', thrown.resolve);
    const broken = (): void => {
      throw new Error('subscriber');
    };
    channel(CHANNELS.acquired).subscribe(broken);
    ended.push(() => channel(CHANNELS.acquired).unsubscribe(broken));
    (await pool.acquire()).release();
    vi.useRealTimers();
    expect(await thrown.promise).toEqual(new Error('subscriber'));
    for (const listener of before) process.on('uncaughtException', listener as () => void);
    expect(pool.getMetrics()).toMatchObject({ acquired: 1, released: 1 });
  });

  it('throws a TypeError when it is given no name', () => {
    const { pool } = instant();
    expect(() => publish(pool, {} as { name: string })).toThrow('name must be a string, got undefined');
    expect(() => publish(pool, undefined as unknown as { name: string })).toThrow('the options must be an object');
    expect(pool.eventNames()).toEqual([]);
  });
});
