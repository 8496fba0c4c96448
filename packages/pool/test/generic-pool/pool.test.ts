import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPool, type Factory, type Options } from '../../src/generic-pool/index.ts';
import { deferred, outcome, type Deferred } from '../support.ts';

interface Resource {
  readonly id: number;
}

/** Creates succeed at once unless a test says otherwise. */
function factory(own: Partial<Factory<Resource>> = {}): Factory<Resource> & { readonly ended: number[] } {
  const ended: number[] = [];
  let created = 0;
  return {
    create: () => Promise.resolve({ id: (created += 1) }),
    destroy: ({ id }) => {
      ended.push(id);
      return Promise.resolve();
    },
    ...own,
    ended,
  };
}

/** Each create waits until the test settles it. */
function manual(): Factory<Resource> & { readonly creates: Deferred<Resource>[]; readonly ended: number[] } {
  const creates: Deferred<Resource>[] = [];
  const create = (): Promise<Resource> => {
    const next = deferred<Resource>();
    creates.push(next);
    return next.promise;
  };
  return { ...factory({ create }), creates };
}

const refused = new Error('refused');

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('Pool.release', () => {
  it('refuses a second release, so that one resource never has two owners', async () => {
    const pool = createPool(factory(), { max: 2 });
    const one = await pool.acquire();
    await pool.acquire();
    const waiting = [pool.acquire(), pool.acquire()];
    await pool.release(one);
    await waiting[0];
    await pool.release(one);
    await expect(waiting[1]).resolves.toBe(one);
    await pool.release(one);
    await expect(pool.release(one)).rejects.toMatchObject({ code: 'POOL_LEASE_STALE' });
    await expect(pool.destroy(one)).rejects.toMatchObject({ code: 'POOL_LEASE_STALE' });
    await expect(pool.release({ id: 1 })).rejects.toMatchObject({ code: 'POOL_LEASE_FOREIGN' });
    expect(pool).toMatchObject({ available: 1, borrowed: 1 });
  });
});

describe('Pool.use', () => {
  it('destroys the resource and passes the error on when fn fails', async () => {
    const own = factory();
    const pool = createPool(own);
    await expect(pool.use(() => Promise.reject(refused))).rejects.toBe(refused);
    expect(own.ended).toEqual([1]);
  });

  it.each(['release', 'destroy'] as const)(
    'ends nothing of another owner when fn has called %s itself',
    async (end) => {
      const pool = createPool(factory());
      let next: Promise<Resource> | undefined;
      await pool.use(async (resource) => {
        next = pool.acquire();
        await pool[end](resource);
        await next;
      });
      expect(pool.isBorrowedResource((await next)!)).toBe(true);
    },
  );

  it('throws at once, and borrows nothing, when fn is no function', () => {
    const pool = createPool(factory());
    expect(() => pool.use('fn' as unknown as () => void)).toThrow('fn must be a function, got "fn"');
    expect(pool.size).toBe(0);
  });

  it('is served by its priority', async () => {
    const pool = createPool(factory(), { priorityRange: 3 });
    const held = await pool.acquire();
    const served: number[] = [];
    const uses = [2, 1, 0].map((priority) => pool.use(() => served.push(priority), priority));
    await pool.release(held);
    await Promise.all(uses);
    expect(served).toEqual([0, 1, 2]);
  });
});

describe('Pool.acquire', () => {
  it.each([
    [3, [-1, 5, 0, 1, 2, undefined], [0, undefined, 1, -1, 5, 2]],
    [20, [19, 10, 0], [0, 10, 19]],
  ])('serves in order of a priority of %i, out of which is the least', async (priorityRange, given, expected) => {
    const pool = createPool(factory(), { priorityRange });
    const held = await pool.acquire();
    const served: unknown[] = [];
    const uses = given.map((priority) => pool.use(() => served.push(priority), priority));
    await pool.release(held);
    await Promise.all(uses);
    expect(served).toEqual(expected);
  });

  it.each([
    [true, 1],
    [false, 2],
  ])('borrows by age when fifo is %s', async (fifo, expected) => {
    const pool = createPool(factory(), { max: 2, fifo });
    const [one, two] = [await pool.acquire(), await pool.acquire()];
    await pool.release(one);
    await vi.advanceTimersByTimeAsync(1);
    await pool.release(two);
    expect((await pool.acquire()).id).toBe(expected);
  });

  it('rejects with a code and a cause beside the words of generic-pool', async () => {
    const pool = createPool(factory(), { acquireTimeoutMillis: 10, maxWaitingClients: 1 });
    await pool.acquire();
    const waiting = outcome(pool.acquire());
    const exceeded = { code: 'POOL_QUEUE_FULL', cause: { leased: 1 } };
    await expect(pool.acquire()).rejects.toMatchObject(exceeded);
    await vi.advanceTimersByTimeAsync(10);
    expect(await waiting).toMatchObject({ error: { code: 'POOL_ACQUIRE_TIMEOUT', cause: { waited: 10 } } });
  });

  it('returns promises of the class that it was given', async () => {
    class Other<T> extends Promise<T> {}
    const pool = createPool(factory(), { Promise: Other });
    const borrowing = pool.acquire();
    expect(borrowing).toBeInstanceOf(Other);
    const released = pool.release(await borrowing);
    expect(released).toBeInstanceOf(Other);
    await released;
    await expect(pool.release({ id: 1 })).rejects.toThrow('not currently part');
    expect(pool.use(() => 1)).toBeInstanceOf(Other);
    expect(pool.drain()).toBeInstanceOf(Other);
  });
});

describe('failing creates', () => {
  it('are tried again after pauses, one at a time, while somebody waits', async () => {
    const create = vi.fn(() => Promise.reject(refused));
    const pool = createPool(factory({ create }), { max: 5, acquireTimeoutMillis: 20_000 });
    const waiting = Promise.all(Array.from({ length: 5 }, () => outcome(pool.acquire())));
    await vi.advanceTimersByTimeAsync(0);
    expect(create).toHaveBeenCalledTimes(5);
    expect(pool.size).toBe(1);
    await vi.advanceTimersByTimeAsync(20_000);
    for (const end of await waiting) expect(end).toHaveProperty('error.message', 'ResourceRequest timed out');
    expect(create.mock.calls.length).toBeGreaterThan(8);
    expect(create.mock.calls.length).toBeLessThan(60);
    await vi.advanceTimersByTimeAsync(5_000);
    const { length } = create.mock.calls;
    await vi.advanceTimersByTimeAsync(100_000);
    expect(create).toHaveBeenCalledTimes(length);
  });

  it('that throw at once leave the timers their turn', async () => {
    const create = vi.fn(() => {
      throw refused;
    });
    const pool = createPool(factory({ create }), { acquireTimeoutMillis: 100 });
    const waiting = outcome(pool.acquire());
    await vi.advanceTimersByTimeAsync(100);
    expect(await waiting).toHaveProperty('error.name', 'TimeoutError');
    expect(create.mock.calls.length).toBeLessThan(50);
  });

  it('serve all who wait when the one that goes on succeeds', async () => {
    let isUp = false;
    const own = factory();
    const create = (): Promise<Resource> => (isUp ? own.create() : Promise.reject(refused));
    const pool = createPool({ ...own, create }, { max: 3 });
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const failed = vi.fn(() => {
      throw new Error('listener');
    });
    pool.on('factoryCreateError', failed);
    const waiting = Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(failed).toHaveBeenCalledWith(refused);
    isUp = true;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(new Set((await waiting).map(({ id }) => id)).size).toBe(3);
    expect(warned).toHaveBeenCalledWith(new Error('listener'));
    warned.mockRestore();
  });

  it('of the minimum stop for a while, and callers are told so at once', async () => {
    const create = vi.fn(() => Promise.reject(refused));
    const pool = createPool(factory({ create }), { min: 1 });
    const failed = vi.fn();
    pool.on('factoryCreateError', failed);
    const ready = outcome(pool.ready());
    for (let passed = 0; passed < 10_000 && create.mock.calls.length < 5; passed += 1) {
      await vi.advanceTimersByTimeAsync(1);
    }
    expect(failed.mock.calls).toEqual(Array.from({ length: 5 }, () => [refused]));
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'POOL_UNAVAILABLE', cause: { cause: refused } });
    expect(await ready).toHaveProperty('error.code', 'POOL_UNAVAILABLE');
  });

  it('that hang give their room back', async () => {
    const own = manual();
    const pool = createPool(own);
    const failed = vi.fn();
    pool.on('factoryCreateError', failed);
    const waiting = pool.acquire();
    await vi.advanceTimersByTimeAsync(31_000);
    expect(failed).toHaveBeenCalledWith(expect.objectContaining({ code: 'POOL_CREATE_TIMEOUT' }));
    await vi.advanceTimersByTimeAsync(65_000);
    expect(failed).toHaveBeenCalledTimes(3);
    own.creates[0]?.reject(refused);
    own.creates[1]?.resolve({ id: 1 });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(own.ended).toEqual([1]);
    expect(failed).toHaveBeenCalledTimes(3);
    expect(own.creates).toHaveLength(4);
    own.creates[3]?.resolve({ id: 4 });
    expect((await waiting).id).toBe(4);
  });

  it('go on though the try that went on hangs, and clear does not wait for that', async () => {
    let creates = 0;
    const own = factory();
    const create = (): Promise<Resource> => {
      creates += 1;
      if (creates === 2) return new Promise(() => {});
      return creates < 12 ? Promise.reject(refused) : own.create();
    };
    const pool = createPool({ ...own, create });
    const waiting = pool.acquire();
    await vi.advanceTimersByTimeAsync(10_000);
    const cleared = pool.clear();
    await vi.advanceTimersByTimeAsync(90_000);
    await cleared;
    expect((await waiting).id).toBe(1);
    expect(creates).toBe(12);
  });

  it('end with the pool, in the middle of a pause', async () => {
    const pool = createPool(factory({ create: () => Promise.reject(refused) }), { acquireTimeoutMillis: 5_000 });
    const waiting = outcome(pool.acquire());
    await vi.advanceTimersByTimeAsync(5_000);
    await waiting;
    await pool.drain();
    expect(pool.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([[undefined], [null], ['equal']])('include one that brings %s again', async (value) => {
    const pool = createPool({ create: () => Promise.resolve(value), destroy: () => Promise.resolve() }, { max: 2 });
    const failed = vi.fn();
    pool.on('factoryCreateError', failed);
    const first = outcome(pool.acquire());
    const second = outcome(pool.acquire());
    await vi.advanceTimersByTimeAsync(100);
    for (const [error] of failed.mock.calls as [Error][]) {
      expect(error.message).toContain(typeof value === 'string' ? 'a resource that is in' : `returned ${value}`);
    }
    expect(failed).toHaveBeenCalled();
    const drained = pool.drain();
    if (typeof value === 'string') {
      await pool.release(((await first) as { value: string }).value);
      expect(await second).toEqual({ value });
      await pool.release(value);
    }
    await vi.advanceTimersByTimeAsync(300_000);
    await drained;
    expect(pool).toMatchObject({ size: 0, borrowed: 0, pending: 0 });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('checks', () => {
  const valid = (answer: (resource: Resource) => Promise<boolean>, options: Options) => {
    const validate = vi.fn(answer);
    const own = factory({ validate });
    return { own, validate, pool: createPool(own, options) };
  };

  it.each([
    ['is false', () => Promise.resolve(false)],
    ['rejects', () => Promise.reject(refused)],
  ])('testOnBorrow replaces what was idle when validate %s', async (_, answer) => {
    const { pool, own, validate } = valid(answer, { testOnBorrow: true });
    const resource = await pool.acquire();
    await pool.release(resource);
    await vi.advanceTimersByTimeAsync(1);
    expect((await pool.acquire()).id).toBe(2);
    expect(validate).toHaveBeenCalledWith(resource);
    expect(own.ended).toEqual([1]);
  });

  it('testOnBorrow keeps what validate says nothing of', async () => {
    const { pool } = valid(() => Promise.resolve(undefined as unknown as boolean), { testOnBorrow: true });
    await pool.release(await pool.acquire());
    await vi.advanceTimersByTimeAsync(1);
    expect((await pool.acquire()).id).toBe(1);
  });

  it('testOnReturn destroys what fails, before anybody gets it', async () => {
    const { pool, own } = valid(({ id }) => Promise.resolve(id > 1), { testOnReturn: true });
    const resource = await pool.acquire();
    const waiting = pool.acquire();
    await pool.release(resource);
    expect((await waiting).id).toBe(2);
    expect(own.ended).toEqual([1]);
    await pool.release({ ...(await waiting) }).catch(() => {});
    await pool.release(await waiting);
    await vi.advanceTimersByTimeAsync(0);
    expect(pool.available).toBe(1);
  });

  it('neither calls validate when it is off', async () => {
    const { pool, validate } = valid(() => Promise.resolve(false), {});
    await pool.release(await pool.acquire());
    await vi.advanceTimersByTimeAsync(60_000);
    await pool.acquire();
    expect(validate).not.toHaveBeenCalled();
  });
});

describe('the evictor', () => {
  const idle = async (count: number, options: Options) => {
    const own = factory();
    const pool = createPool(own, { max: 10, evictionRunIntervalMillis: 10, ...options });
    const resources = await Promise.all(Array.from({ length: count }, () => pool.acquire()));
    for (const resource of resources.toReversed()) {
      await pool.release(resource);
      await vi.advanceTimersByTimeAsync(1);
    }
    return { own, pool };
  };

  it('ends the longest idle first, so many in one run', async () => {
    const { own } = await idle(5, { idleTimeoutMillis: 20, numTestsPerEvictionRun: 2 });
    await vi.advanceTimersByTimeAsync(25);
    expect(own.ended).toEqual([5, 4]);
    await vi.advanceTimersByTimeAsync(10);
    expect(own.ended).toEqual([5, 4, 3, 2]);
  });

  it('keeps min by the soft timeout, and not by the hard one', async () => {
    const times = { softIdleTimeoutMillis: 20, idleTimeoutMillis: 1_000, evictionRunIntervalMillis: 100 };
    const { own, pool } = await idle(5, { ...times, min: 2, numTestsPerEvictionRun: 10 });
    await vi.advanceTimersByTimeAsync(500);
    expect(own.ended).toEqual([5, 4, 3]);
    await vi.advanceTimersByTimeAsync(600);
    expect(own.ended).toEqual([5, 4, 3, 2, 1]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(pool.size).toBe(2);
  });

  it('counts from when a resource came back, and leaves what is borrowed', async () => {
    const own = factory();
    const pool = createPool(own, { evictionRunIntervalMillis: 10, idleTimeoutMillis: 50 });
    const resource = await pool.acquire();
    await vi.advanceTimersByTimeAsync(100);
    expect(own.ended).toEqual([]);
    await pool.release(resource);
    await vi.advanceTimersByTimeAsync(45);
    expect(own.ended).toEqual([]);
    await vi.advanceTimersByTimeAsync(20);
    expect(own.ended).toEqual([1]);
  });

  it('keeps neither the process nor an async context of the caller who starts it', () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const { setTimeout: fake } = globalThis;
    const set = vi.spyOn(globalThis, 'setTimeout').mockImplementation((...call: Parameters<typeof fake>) => {
      const timer = fake(...call);
      seen.push(storage.getStore(), timer);
      return timer;
    });
    const pool = createPool(factory(), { autostart: false, evictionRunIntervalMillis: 10 });
    storage.run('caller', () => pool.start());
    set.mockRestore();
    expect(seen[0]).toBeUndefined();
    expect((seen[1] as NodeJS.Timeout).hasRef()).toBe(false);
  });

  it('evicts nothing when there is none', async () => {
    const own = factory();
    const pool = createPool(own, { idleTimeoutMillis: 20, softIdleTimeoutMillis: 10 });
    await pool.release(await pool.acquire());
    await vi.advanceTimersByTimeAsync(100_000);
    expect(own.ended).toEqual([]);
  });
});

describe('the life of a pool', () => {
  it('makes the minimum when it starts, and start again does nothing', async () => {
    const pool = createPool(factory(), { min: 2, max: 4, autostart: false });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(pool.size).toBe(0);
    pool.start();
    pool.start();
    expect(pool.size).toBe(2);
    await pool.ready();
    expect(pool).toMatchObject({ available: 2, spareResourceCapacity: 2 });
  });

  it('makes the minimum for who waits until it is ready', async () => {
    const pool = createPool(factory(), { min: 2, max: 4, autostart: false });
    await pool.ready();
    expect(pool.available).toBe(2);
  });

  it('starts nothing after a drain', async () => {
    const own = factory();
    const pool = createPool(own, { min: 1, autostart: false, evictionRunIntervalMillis: 10 });
    await pool.drain();
    await expect(pool.acquire()).rejects.toThrow('pool is draining');
    pool.start();
    expect(pool.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves no timer behind a destroy that was in time', async () => {
    const pool = createPool(factory(), { destroyTimeoutMillis: 1_000 });
    await pool.destroy(await pool.acquire());
    await pool.clear();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('clear ends what is idle and what is being made, keeps what is borrowed, and refills the minimum', async () => {
    const own = manual();
    const pool = createPool(own, { min: 2, max: 4 });
    own.creates[0]?.resolve({ id: 1 });
    const borrowed = await pool.acquire();
    const cleared = pool.clear();
    await vi.advanceTimersByTimeAsync(10);
    own.creates[1]?.resolve({ id: 2 });
    await vi.advanceTimersByTimeAsync(0);
    await cleared;
    expect(own.ended).toEqual([2]);
    expect(pool.isBorrowedResource(borrowed)).toBe(true);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(own.creates).toHaveLength(3);
  });

  it('clear resolves though a destroy fails, after it', async () => {
    const ends = deferred<void>();
    const pool = createPool(factory({ destroy: () => ends.promise }));
    await pool.release(await pool.acquire());
    const cleared = vi.fn();
    const clear = pool.clear().then(cleared);
    await vi.advanceTimersByTimeAsync(10);
    expect(cleared).not.toHaveBeenCalled();
    ends.reject(refused);
    await clear;
  });

  it('drain waits for what is borrowed, however long, then ends everything and leaves no timer', async () => {
    const own = factory();
    const pool = createPool(own, { min: 1, max: 2, evictionRunIntervalMillis: 10, acquireTimeoutMillis: 100 });
    const resource = await pool.acquire();
    const drained = vi.fn();
    const drain = pool.drain().then(drained);
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'POOL_CLOSED' });
    pool.start();
    await vi.advanceTimersByTimeAsync(1_000_000);
    expect(drained).not.toHaveBeenCalled();
    await pool.release(resource);
    await drain;
    expect(own.ended).toEqual([1]);
    expect(vi.getTimerCount()).toBe(0);
    await pool.clear();
  });
});

describe('createPool', () => {
  it.each([
    [undefined, undefined, 'the factory must be an object'],
    [{}, {}, 'factory.create must be a function'],
    [{ create: () => {} }, {}, 'factory.destroy must be a function'],
    [{ ...factory(), validate: true }, {}, 'factory.validate must be a function'],
    [factory(), { testOnBorrow: true }, 'factory.validate must be a function, got undefined'],
    [factory(), { testOnReturn: true }, 'factory.validate must be a function, got undefined'],
    [factory(), null, 'the options must be an object'],
    [factory(), { Promise: 1 }, 'Promise must be a function'],
  ])('throws a TypeError when given %j, %j', (own, options, message) => {
    const create = (): unknown => createPool(own as Factory<Resource>, options as Options);
    expect(create).toThrow(TypeError);
    expect(create).toThrow(message);
  });

  it('parses strings and takes what means nothing for absent', async () => {
    const options = { max: '3', min: '2', acquireTimeoutMillis: '0', maxWaitingClients: 'many', priorityRange: '0' };
    const pool = createPool(factory(), options as unknown as Options);
    expect(pool).toMatchObject({ max: 3, min: 2 });
    const all = Promise.all(Array.from({ length: 50 }, () => outcome(pool.acquire())));
    await vi.advanceTimersByTimeAsync(1_000_000);
    expect(pool.pending).toBe(47);
    void all;
  });
});
