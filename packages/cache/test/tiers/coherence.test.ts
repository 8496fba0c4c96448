import { AsyncLocalStorage } from 'node:async_hooks';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { memoryBus, type BusFaults, type MemoryBus } from '../../src/testing/index.ts';
import type { InvalidationBus } from '../../src/tiers/bus.ts';
import { Coherence, type CoherenceOptions } from '../../src/tiers/coherence.ts';
import type { Invalidation } from '../../src/tiers/store.ts';

const HEARTBEAT = 1_000;
const key = (text: string): Invalidation => ({ kind: 'key', key: text });

/** One process on the bus. */
function join(bus: InvalidationBus, options: Partial<CoherenceOptions> = {}) {
  const heard: Invalidation[] = [];
  const suspicions: number[] = [];
  const coherence = new Coherence(bus, {
    heartbeat: HEARTBEAT,
    random: () => 0,
    onInvalidation: (invalidation) => void heard.push(invalidation),
    onSuspect: () => void suspicions.push(performance.now()),
    ...options,
  });
  return { coherence, heard, suspicions };
}

const settle = (duration = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(duration);

/** Two processes that know each other and doubt nothing. */
async function setUp(faults: { here?: BusFaults; there?: BusFaults } = {}) {
  const bus = memoryBus();
  const connections: readonly [MemoryBus, MemoryBus] = [bus.connect(faults.here), bus.connect(faults.there)];
  const [here, there] = [join(connections[0]), join(connections[1])];
  await settle(HEARTBEAT);
  here.suspicions.length = 0;
  there.suspicions.length = 0;
  return { bus, here, there, connections };
}

beforeEach(() => {
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

describe('Coherence', () => {
  it('tells the others what is published, and not itself', async () => {
    const { here, there } = await setUp();
    const all: Invalidation[] = [
      key('a\ud800'),
      { kind: 'tag', tag: '__proto__', soft: true },
      { kind: 'pattern', prefix: 'p', glob: '*' },
      { kind: 'all' },
    ];
    here.coherence.publish(all);
    await settle();
    expect(there.heard).toEqual(all);
    expect(here.heard).toEqual([]);
    expect([...here.suspicions, ...there.suspicions]).toEqual([]);
    expect(here.coherence.getMetrics()).toMatchObject({ healthy: true, peers: 1, sent: 1, unsent: 0, gaps: 0 });
  });

  it('puts what is published in one turn into one frame', async () => {
    const { here, there } = await setUp();
    for (let index = 0; index < 1_000; index++) here.coherence.publish([key(`${index}`)]);
    await settle();
    expect(there.heard).toHaveLength(1_000);
    expect(here.coherence.getMetrics().sent).toBe(1);
  });

  it('suspects once it is subscribed, and nothing while all is well', async () => {
    const { suspicions, coherence } = join(memoryBus());
    expect(coherence.healthy).toBe(false);
    await settle();
    expect(suspicions).toHaveLength(1);
    await settle(60 * HEARTBEAT);
    expect(suspicions).toHaveLength(1);
    expect(coherence.healthy).toBe(true);
  });

  it('suspects at the next frame when one was lost', async () => {
    let drop = false;
    const { here, there } = await setUp({ there: { deliver: () => ({ drop }) } });
    drop = true;
    here.coherence.publish([key('lost')]);
    await settle();
    drop = false;
    here.coherence.publish([key('next')]);
    await settle();
    expect(there.heard).toEqual([key('next')]);
    expect(there.suspicions).toHaveLength(1);
    expect(there.coherence.getMetrics().gaps).toBe(1);
  });

  it('suspects at the next heartbeat when the last frame was lost', async () => {
    let drop = false;
    const { here, there } = await setUp({ there: { deliver: () => ({ drop }) } });
    drop = true;
    here.coherence.publish([key('lost')]);
    await settle();
    drop = false;
    const lostAt = performance.now();
    await settle(2 * HEARTBEAT);
    expect(there.suspicions).toHaveLength(1);
    expect(there.suspicions[0]! - lostAt).toBeLessThanOrEqual(HEARTBEAT);
  });

  it('suspects when a frame could not be sent, on the other side too', async () => {
    let fail = false;
    const { here, there } = await setUp({ here: { publish: () => ({ fail }) } });
    fail = true;
    here.coherence.publish([key('unsent')]);
    await settle();
    fail = false;
    await settle(HEARTBEAT);
    expect(here.coherence.getMetrics().unsent).toBe(1);
    expect(there.suspicions).toHaveLength(1);
  });

  it('leaves a gap at once for what fits no frame', async () => {
    const { here, there } = await setUp();
    here.coherence.publish([key('before'), key('x'.repeat(1 << 20)), key('after')]);
    await settle();
    expect(there.heard).toEqual([key('before'), key('after')]);
    expect(there.suspicions).toHaveLength(1);
    expect(here.coherence.getMetrics()).toMatchObject({ sent: 1, unsent: 1 });
  });

  it('does not wait for the heartbeat to tell of a gap that it left', async () => {
    const { here, there } = await setUp();
    here.coherence.publish([key('x'.repeat(1 << 20))]);
    await settle();
    expect(there.suspicions).toHaveLength(1);
  });

  it('bounds the frames that a bus keeps waiting, and leaves a gap for the others', async () => {
    const publish = vi.fn<() => Promise<void>>(() => new Promise(() => {}));
    const { coherence } = join({ publish, subscribe: async () => async () => {} });
    for (let index = 0; index < 300; index++) {
      coherence.publish([key(`${index}`)]);
      await settle();
    }
    expect(publish.mock.calls.length).toBeLessThanOrEqual(100);
    expect(coherence.getMetrics().unsent).toBeGreaterThan(190);
  });

  it('sends at once when too many wait for the end of the turn', async () => {
    let frames = 0;
    const { here, there } = await setUp({ here: { publish: () => void frames++ } });
    frames = 0;
    here.coherence.publish(Array.from({ length: 25_000 }, (_, index) => key(`${index}`)));
    expect(frames).toBeGreaterThan(0);
    await settle();
    expect(there.heard).toHaveLength(25_000);
    expect(there.suspicions).toEqual([]);
  });

  it('suspects a bus that interrupted the subscription', async () => {
    const { here, connections } = await setUp();
    connections[0].interrupt();
    expect(here.suspicions).toHaveLength(1);
  });

  it('suspects on both sides within two heartbeats when one is cut off, again and again, and once more after', async () => {
    const { here, there, connections } = await setUp();
    connections[0].isPartitioned = true;
    await settle(HEARTBEAT);
    expect([here, there].map(({ coherence }) => coherence.healthy)).toEqual([true, true]);
    await settle(HEARTBEAT);
    expect([here.suspicions.length, there.suspicions.length]).toEqual([1, 1]);
    expect([here, there].map(({ coherence }) => coherence.healthy)).toEqual([false, false]);
    here.coherence.publish([key('nobody hears')]);
    await settle(2 * HEARTBEAT);
    expect([here.suspicions.length, there.suspicions.length]).toEqual([2, 2]);
    connections[0].isPartitioned = false;
    await settle(HEARTBEAT);
    expect([here.suspicions.length, there.suspicions.length]).toEqual([3, 3]);
    expect([here, there].map(({ coherence }) => coherence.healthy)).toEqual([true, true]);
    await settle(10 * HEARTBEAT);
    expect([here.suspicions.length, there.suspicions.length]).toEqual([3, 3]);
  });

  it('doubts one that ended without leave, and forgets it in the end', async () => {
    const { there, connections } = await setUp();
    connections[0].isPartitioned = true;
    await settle(40 * HEARTBEAT);
    expect(there.suspicions).toHaveLength(10);
    expect(there.coherence.getMetrics()).toMatchObject({ peers: 0, healthy: true });
  });

  it('does not doubt one that took its leave', async () => {
    const { here, there } = await setUp();
    here.coherence.publish([key('last')]);
    await here.coherence.close();
    await settle(40 * HEARTBEAT);
    expect(there.heard).toEqual([key('last')]);
    expect(there.suspicions).toEqual([]);
    expect(there.coherence.getMetrics()).toMatchObject({ peers: 0, healthy: true });
  });

  it('suspects the new life of a node that did not take its leave', async () => {
    const bus = memoryBus();
    const lost = bus.connect();
    const { suspicions } = join(bus);
    join(lost, { node: 'named' });
    await settle(HEARTBEAT);
    suspicions.length = 0;
    lost.isPartitioned = true;
    join(bus.connect(), { node: 'named' });
    await settle();
    expect(suspicions).toHaveLength(1);
  });

  it('subscribes again and again until it succeeds, doubting all the while', async () => {
    const bus = memoryBus();
    const subscribe = vi.fn<InvalidationBus['subscribe']>(async () => Promise.reject(new Error('not yet')));
    const { coherence, suspicions, heard } = join({ publish: bus.publish.bind(bus), subscribe });
    await settle(10 * HEARTBEAT);
    expect(subscribe.mock.calls.length).toBe(7);
    expect(coherence.healthy).toBe(false);
    expect(suspicions).toHaveLength(5);
    subscribe.mockImplementation(bus.subscribe.bind(bus));
    await settle(10 * HEARTBEAT);
    expect(coherence.healthy).toBe(true);
    const other = join(bus.connect());
    other.coherence.publish([key('heard')]);
    await settle();
    expect(heard).toEqual([key('heard')]);
  });

  it('subscribes again when the bus throws or answers no function', async () => {
    const bus = memoryBus();
    const subscribe = vi.fn<InvalidationBus['subscribe']>(bus.subscribe.bind(bus));
    subscribe.mockImplementationOnce(() => {
      throw new Error('broken');
    });
    subscribe.mockImplementationOnce(async () => undefined as never);
    const { coherence } = join({ publish: bus.publish.bind(bus), subscribe });
    await settle(HEARTBEAT);
    expect(coherence.healthy).toBe(true);
  });

  it('survives whatever is on the bus', async () => {
    const { bus, here, there } = await setUp();
    for (const text of ['', 'null', '{"v":1}', '{"v":2}', 'x'.repeat(1 << 20)]) await bus.publish(text);
    await bus.publish(1 as never);
    here.coherence.publish([key('heard')]);
    await settle();
    expect(there.heard).toEqual([key('heard')]);
    expect(there.suspicions).toEqual([]);
    expect(there.coherence.getMetrics()).toMatchObject({ malformed: 5, foreign: 1 });
  });

  it('survives a bus that throws', async () => {
    const publish = (): never => {
      throw new Error('broken');
    };
    const { coherence } = join({ publish, subscribe: publish });
    coherence.publish([key('unsent')]);
    await settle(5 * HEARTBEAT);
    expect(coherence.getMetrics()).toMatchObject({ healthy: false, unsent: 1 });
    await coherence.close();
  });

  it('applies the rest of a frame when a callback fails', async () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const bus = memoryBus();
    const heard: Invalidation[] = [];
    const other = join(bus.connect());
    const onInvalidation = (invalidation: Invalidation): void => {
      heard.push(invalidation);
      throw new Error('broken');
    };
    join(bus.connect(), { onInvalidation });
    other.coherence.publish([key('a'), key('b')]);
    await settle();
    expect(heard).toEqual([key('a'), key('b')]);
    expect(warning).toHaveBeenCalledTimes(2);
  });

  it('keeps no async context of a caller', async () => {
    // Fake timers would lose the context by themselves.
    vi.useRealTimers();
    const context = new AsyncLocalStorage<string>();
    const bus = memoryBus();
    const seen = await new Promise((resolve) => {
      const publish = async (frame: string): Promise<void> => {
        if (frame.includes('traced')) resolve(context.getStore() ?? 'nobody');
      };
      const { coherence } = join({ publish, subscribe: bus.subscribe.bind(bus) });
      context.run('caller', () => coherence.publish([key('traced')]));
    });
    expect(seen).toBe('nobody');
  });

  it('close ends the subscription, leaves no timer, and says nothing after', async () => {
    const { here, there } = await setUp();
    const closed = here.coherence.close();
    expect(here.coherence.close()).toBe(closed);
    await closed;
    there.coherence.publish([key('too late')]);
    here.coherence.publish([key('too late')]);
    await there.coherence.close();
    await settle(10 * HEARTBEAT);
    expect(here.heard).toEqual([]);
    expect(there.heard).toEqual([]);
    expect(here.coherence.healthy).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('close waits a second at most for a bus that hangs', async () => {
    const never = (): Promise<never> => new Promise(() => {});
    const { coherence } = join({ publish: never, subscribe: async () => never });
    await settle();
    const closed = vi.fn<() => void>();
    void coherence.close().then(closed);
    await settle(999);
    expect(closed).not.toHaveBeenCalled();
    await settle(1);
    expect(closed).toHaveBeenCalled();
  });

  it('close ends a subscription that is given only after it', async () => {
    const end = vi.fn<() => Promise<void>>(async () => {});
    const subscribe = (): Promise<() => Promise<void>> => new Promise((resolve) => void setTimeout(resolve, 500, end));
    const { coherence, suspicions } = join({ publish: async () => {}, subscribe });
    await coherence.close();
    expect(end).not.toHaveBeenCalled();
    await settle(500);
    expect(end).toHaveBeenCalledOnce();
    expect(suspicions).toEqual([]);
  });

  it.each<[unknown, object, string]>([
    [undefined, {}, 'Cannot create a Coherence: bus must be an object, got undefined'],
    [{ publish: () => {} }, {}, 'Cannot create a Coherence: bus.subscribe must be a function, got undefined'],
    [memoryBus(), {}, 'Cannot create a Coherence: onInvalidation must be a function, got undefined'],
    [memoryBus(), { heartbeat: 10, node: 'x'.repeat(201) }, 'node must have at most 200 characters, got 201'],
    [memoryBus(), { heartbeat: 10, node: 1 }, 'Cannot create a Coherence: node must be a string, got 1'],
    [memoryBus(), { heartbeat: 0 }, 'Cannot create a Coherence: heartbeat must be >= 10 and <= 60000, got 0'],
  ])('throws at once for wrong arguments', (bus, options, message) => {
    const callbacks = 'heartbeat' in options ? { onInvalidation: () => {}, onSuspect: () => {} } : {};
    expect(() => new Coherence(bus as InvalidationBus, { ...callbacks, ...options } as CoherenceOptions)).toThrow(
      message,
    );
  });
});
