/**
 * What generic-pool 3.9 promises by its own test-suite (github.com/coopernurse/node-pool, folder test, MIT licence,
 * copyright 2010-2016 James Cooper): each test here stands for the one of the same name there, told anew for this runner
 * and with stricter claims where the original leaves room. They hold for generic-pool itself too. Those of its lists,
 * queues and requests are left out, for nobody sees these from outside.
 *
 * @module
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPool, type Factory } from '../../src/generic-pool/index.ts';

interface Numbered {
  readonly id: number;
}

/** Makes resources with the ids 0, 1, 2 … and remembers those that it has ended. */
class Numbers implements Factory<Numbered> {
  created = 0;
  readonly ended: Numbered[] = [];

  create(): Promise<Numbered> {
    this.created += 1;
    return Promise.resolve({ id: this.created - 1 });
  }

  destroy(resource: Numbered): Promise<void> {
    this.ended.push(resource);
    return Promise.resolve();
  }
}

/** The first creates fail. */
function failing(times: number): Factory<Numbered> {
  let creates = 0;
  return {
    create: () => {
      creates += 1;
      return creates <= times ? Promise.reject(new Error('refused')) : Promise.resolve({ id: creates });
    },
    destroy: () => Promise.resolve(),
  };
}

/** Whatever it does takes that long. */
function slow(delay: number, resource: object = {}): Factory<object> {
  const later = <T>(value: T): Promise<T> => new Promise((resolve) => setTimeout(() => resolve(value), delay));
  return { create: () => later(resource), destroy: () => later(undefined) };
}

const EXCEEDED = 'max waitingClients count exceeded';
const FOREIGN = 'Resource not currently part of this pool';

describe('generic-pool-test.js', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('min and max limit defaults', () => {
    expect(createPool(new Numbers())).toMatchObject({ min: 0, max: 1 });
  });

  it('malformed min and max limits are ignored', () => {
    const malformed = { min: 'asf', max: [] } as unknown as { min: number; max: number };
    expect(createPool(new Numbers(), malformed)).toMatchObject({ min: 0, max: 1 });
  });

  it('min greater than max sets to max', () => {
    expect(createPool(new Numbers(), { min: 5, max: 3 })).toMatchObject({ min: 3, max: 3 });
  });

  it('supports priority on borrow', async () => {
    const pool = createPool(new Numbers(), { max: 1, priorityRange: 2 });
    const served: number[] = [];
    const borrow = async (priority: number): Promise<void> => {
      const resource = await pool.acquire(priority);
      served.push(priority);
      await pool.release(resource);
    };
    await Promise.all([...Array(10).fill(1), ...Array(10).fill(0)].map(borrow));
    expect(served).toEqual([...Array(10).fill(0), ...Array(10).fill(1)]);
  });

  it('evictor removes instances on idletimeout', async () => {
    const factory = new Numbers();
    const pool = createPool(factory, { min: 2, max: 2, idleTimeoutMillis: 50, evictionRunIntervalMillis: 10 });
    await vi.advanceTimersByTimeAsync(120);
    expect((await pool.acquire()).id).toBeGreaterThan(1);
    expect(factory.ended.map(({ id }) => id)).toEqual(expect.arrayContaining([0, 1]));
  });

  it('tests drain', async () => {
    const pool = createPool(new Numbers(), { max: 2 });
    let borrowed = 0;
    const use = async (): Promise<void> => {
      const resource = await pool.acquire();
      borrowed += 1;
      setTimeout(() => void pool.release(resource), 250);
    };
    const uses = Promise.all(Array.from({ length: 5 }, use));
    await vi.advanceTimersByTimeAsync(250);
    expect(borrowed).toBe(4);
    const drained = vi.fn();
    const drain = pool.drain().then(drained);
    await vi.advanceTimersByTimeAsync(250);
    await uses;
    expect(borrowed).toBe(5);
    expect(drained).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(250);
    await drain;
    await pool.clear();
    await expect(pool.acquire()).rejects.toThrow('pool is draining');
  });

  it('handle creation errors', async () => {
    const pool = createPool(failing(4), { max: 1 });
    const borrowing = pool.acquire();
    await vi.advanceTimersByTimeAsync(1_000);
    const resource = await borrowing;
    expect(resource.id).toBe(5);
    await pool.release(resource);
    expect(pool.pending).toBe(0);
  });

  it('handle creation errors for delayed creates', async () => {
    const pool = createPool(failing(5), { max: 1 });
    const failed = vi.fn();
    pool.on('factoryCreateError', failed);
    const borrowing = pool.acquire();
    await vi.advanceTimersByTimeAsync(2_000);
    await pool.release(await borrowing);
    expect(failed.mock.calls).toEqual(Array.from({ length: 5 }, () => [new Error('refused')]));
    expect(pool.pending).toBe(0);
  });

  it('getPoolSize', async () => {
    const pool = createPool(new Numbers(), { max: 2 });
    expect(pool.size).toBe(0);
    const one = await pool.acquire();
    expect(pool.size).toBe(1);
    const two = await pool.acquire();
    expect(pool.size).toBe(2);
    await Promise.all([pool.release(one), pool.release(two)]);
    await pool.acquire();
    expect(pool.size).toBe(2);
  });

  it('availableObjectsCount', async () => {
    const pool = createPool(new Numbers(), { max: 2 });
    expect(pool.available).toBe(0);
    const one = await pool.acquire();
    expect(pool.available).toBe(0);
    const two = await pool.acquire();
    expect(pool.available).toBe(0);
    void pool.release(one);
    expect(pool.available).toBe(1);
    void pool.release(two);
    expect(pool.available).toBe(2);
    const three = await pool.acquire();
    expect(pool.available).toBe(1);
    void pool.release(three);
    expect(pool.available).toBe(2);
  });

  it('do schedule again if error occured when creating new Objects async', async () => {
    const pool = createPool(failing(1), { max: 1 });
    const borrowing = pool.acquire();
    await vi.advanceTimersByTimeAsync(100);
    expect((await borrowing).id).toBe(2);
    expect(pool.available).toBe(0);
  });

  it('returns only valid object to the pool', async () => {
    const pool = createPool(new Numbers(), { max: 1 });
    const resource = await pool.acquire();
    expect(pool).toMatchObject({ available: 0, borrowed: 1 });
    await expect(pool.release({ id: 0 })).rejects.toThrow(FOREIGN);
    await expect(pool.destroy({ id: 0 })).rejects.toThrow(FOREIGN);
    expect(pool).toMatchObject({ available: 0, borrowed: 1 });
    void pool.release(resource);
    expect(pool).toMatchObject({ available: 1, borrowed: 0 });
  });

  it('validate acquires object from the pool', async () => {
    const pool = createPool(new Numbers(), { max: 1 });
    await pool.acquire();
    expect(pool).toMatchObject({ available: 0, borrowed: 1, spareResourceCapacity: 0 });
  });

  it.each(['release', 'destroy'] as const)('%s to pool should work, and redispense', async (end) => {
    const pool = createPool(new Numbers(), { max: 1 });
    const [first, second] = [pool.acquire(), pool.acquire()];
    const resource = await first;
    expect(pool).toMatchObject({ available: 0, borrowed: 1, pending: 1 });
    void pool[end](resource);
    await vi.advanceTimersByTimeAsync(0);
    expect(await second).toEqual({ id: end === 'release' ? 0 : 1 });
    expect(pool).toMatchObject({ available: 0, borrowed: 1, pending: 0 });
  });

  it('isBorrowedResource should return true for borrowed and false for released resource', async () => {
    const pool = createPool(new Numbers(), { max: 1 });
    const resource = await pool.acquire();
    expect(pool.isBorrowedResource(resource)).toBe(true);
    await pool.release(resource);
    expect(pool.isBorrowedResource(resource)).toBe(false);
    expect(pool.isBorrowedResource({ id: 0 })).toBe(false);
  });

  it('evictor start with acquire when autostart is false', async () => {
    const factory = new Numbers();
    const pool = createPool(factory, { min: 1, max: 2, evictionRunIntervalMillis: 10_000, autostart: false });
    await vi.advanceTimersByTimeAsync(100);
    expect(factory.created).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    await pool.acquire();
    expect(vi.getTimerCount()).toBe(1);
  });

  it('use method', async () => {
    const pool = createPool(new Numbers());
    expect(await pool.use((resource) => Promise.resolve(resource.id))).toBe(0);
    expect(pool).toMatchObject({ available: 1, borrowed: 0 });
  });

  it('use method should resolve after fn promise is resolved', async () => {
    const pool = createPool(new Numbers());
    let isDone = false;
    const using = pool.use(async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      isDone = true;
      return 'value';
    });
    await vi.advanceTimersByTimeAsync(5);
    expect(await using).toBe('value');
    expect(isDone).toBe(true);
  });

  it('evictor should not run when softIdleTimeoutMillis is -1', async () => {
    const factory = new Numbers();
    const pool = createPool(factory, { evictionRunIntervalMillis: 10 });
    await pool.release(await pool.acquire());
    await vi.advanceTimersByTimeAsync(30);
    expect(factory.ended).toEqual([]);
  });

  it('should respect when maxWaitingClients is set to 0', async () => {
    const pool = createPool(new Numbers(), { max: 2, maxWaitingClients: 0 });
    expect(pool.size).toBe(0);
    await pool.acquire();
    expect(pool.size).toBe(1);
    await pool.acquire();
    expect(pool.size).toBe(2);
    await expect(pool.acquire()).rejects.toThrow(EXCEEDED);
  });

  it('should provide a way to wait until the pool is ready', async () => {
    const pool = createPool(new Numbers(), { min: 2, max: 4 });
    const ready = pool.ready();
    await vi.advanceTimersByTimeAsync(100);
    await ready;
    expect(pool.available).toBeGreaterThanOrEqual(2);
  });
});

describe('generic-pool-acquiretimeout-test.js, generic-pool-destroytimeout-test.js, GH-159-test.js', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('acquireTimeout handles timed out acquire calls', async () => {
    const pool = createPool(slow(100), { acquireTimeoutMillis: 20, idleTimeoutMillis: 150 });
    const timedOut = expect(pool.acquire()).rejects.toMatchObject({
      name: 'TimeoutError',
      message: 'ResourceRequest timed out',
    });
    await vi.advanceTimersByTimeAsync(20);
    await timedOut;
    const drained = pool.drain().then(() => pool.clear());
    await vi.advanceTimersByTimeAsync(500);
    await drained;
    expect(pool.size).toBe(0);
  });

  it('acquireTimeout handles non timed out acquire calls', async () => {
    const resource = {};
    const pool = createPool(slow(10, resource), { acquireTimeoutMillis: 400 });
    const borrowing = pool.acquire();
    await vi.advanceTimersByTimeAsync(10);
    expect(await borrowing).toBe(resource);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(pool.borrowed).toBe(1);
  });

  it.each([
    [20, 1],
    [400, 0],
  ])('destroyTimeout of %i ms handles destroy calls of 100 ms', async (destroyTimeoutMillis, errors) => {
    const pool = createPool(slow(100), { destroyTimeoutMillis });
    const failed = vi.fn();
    pool.on('factoryDestroyError', failed);
    const borrowing = pool.acquire();
    await vi.advanceTimersByTimeAsync(100);
    await pool.destroy(await borrowing);
    await vi.advanceTimersByTimeAsync(500);
    expect(failed.mock.calls).toEqual(Array.from({ length: errors }, () => [new Error('destroy timed out')]));
  });

  it('tests drain clear with autostart and min > 0', async () => {
    const factory = new Numbers();
    const create = (): Promise<Numbered> =>
      new Promise((resolve) => {
        setTimeout(() => resolve(factory.create()), 10);
      });
    const pool = createPool(
      { create, destroy: (resource) => factory.destroy(resource), validate: () => Promise.resolve(true) },
      { min: 1, max: 10, evictionRunIntervalMillis: 500, testOnBorrow: true },
    );
    const cleared = pool.drain().then(() => pool.clear());
    await vi.advanceTimersByTimeAsync(20);
    await cleared;
    expect(factory.created).toBe(1);
    expect(factory.ended).toHaveLength(1);
  });
});
