import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionPool, type ConnectionConfig, type Lease } from '../src/index.ts';
import { instant, type Fake } from './support.ts';

const create = (): number => 1;

/** What a JavaScript caller may pass. */
const build = (config: unknown): ConnectionPool<number> => new ConnectionPool(config as ConnectionConfig<number>);

describe('wrong use', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([
    [undefined, 'Cannot create a ConnectionPool: the config must be an object, got undefined'],
    [() => 1, 'the config must be an object, got a function'],
    [{}, 'create must be a function, got undefined'],
    [{ create, destroy: 'end' }, 'destroy must be a function, got "end"'],
    [{ create, validate: true }, 'validate must be a function, got true'],
    [{ create, reset: 1 }, 'reset must be a function, got 1'],
    [{ create, classifyError: 'retry' }, 'classifyError must be a function, got "retry"'],
    [{ create, random: 0.5 }, 'random must be a function, got 0.5'],
    [{ create, concurrency: '2' }, 'concurrency must be a number, got "2"'],
    [{ create, max: 'many' }, 'max must be a number, got "many"'],
    [{ create, onClosed: {} }, 'onClosed must be a function, got an object'],
    [{ create, max: '10' }, 'max must be a number, got "10"'],
    [{ create, idleTimeout: Number.NaN }, 'idleTimeout must be a number, got NaN'],
    [{ create, order: 'random' }, 'order must be one of lifo, fifo, got "random"'],
    [{ create, clock: {} }, 'clock.now must be a function, got undefined'],
    [{ create, clock: null }, 'clock.now must be a function, got undefined'],
    [{ create, clock: { now: () => undefined } }, 'clock.now() must return a number, got undefined'],
    [{ create, healthCheckInterval: 1000 }, 'healthCheckInterval needs a validate function, got undefined'],
  ])('new ConnectionPool throws a TypeError when given %j', (config, message) => {
    expect(() => build(config)).toThrow(TypeError);
    expect(() => build(config)).toThrow(message);
  });

  it.each([
    [{ max: 0 }, 'max must be an integer >= 1, got 0'],
    [{ max: 1.5 }, 'max must be an integer >= 1, got 1.5'],
    [{ min: 3, max: 2 }, 'min must be an integer >= 0 and <= 2, got 3'],
    [{ min: -1 }, 'min must be an integer >= 0'],
    [{ concurrency: 0 }, 'concurrency must be an integer >= 1'],
    [{ concurrency: Infinity }, 'concurrency must be an integer'],
    [{ idleTimeout: -1 }, 'idleTimeout must be >= 0, got -1'],
    [{ acquireTimeout: -1 }, 'acquireTimeout must be >= 0, got -1'],
    [{ createTimeout: 0 }, 'createTimeout must be >= 1, got 0'],
    [{ healthCheckInterval: -1 }, 'healthCheckInterval must be >= 0, got -1'],
    [{ maxRetries: 0 }, 'maxRetries must be an integer >= 1, got 0'],
    [{ createRetries: -1 }, 'createRetries must be an integer >= 0'],
    [{ createRetries: Infinity }, 'createRetries must be an integer >= 0'],
    [{ maxLifetime: 0 }, 'maxLifetime must be >= 1, got 0'],
    [{ maxUses: 0 }, 'maxUses must be an integer >= 1, got 0'],
    [{ leakThreshold: 0 }, 'leakThreshold must be >= 1, got 0'],
    [{ validate: () => true, validateAfter: -1 }, 'validateAfter must be >= 0, got -1'],
    [{ maxPending: -1 }, 'maxPending must be an integer >= 0, got -1'],
  ])('new ConnectionPool throws a RangeError when given %j', (config, message) => {
    expect(() => build({ create, ...config })).toThrow(RangeError);
    expect(() => build({ create, ...config })).toThrow(message);
  });

  it('acquire, use, onMeasure and close throw at once when their arguments are wrong', () => {
    const { pool } = instant();
    expect(() => pool.acquire({ timeout: -1 })).toThrow(RangeError);
    expect(() => pool.acquire({ timeout: '5' as unknown as number })).toThrow(TypeError);
    expect(() => pool.acquire({ priority: 8 })).toThrow('priority must be an integer >= 0 and <= 7, got 8');
    expect(() => pool.drain({ deadline: NaN })).toThrow(TypeError);
    expect(() => pool.acquire(5 as unknown as object)).toThrow('the options must be an object, got 5');
    expect(() => pool.use('fn' as unknown as () => void)).toThrow(TypeError);
    expect(() => pool.onMeasure(undefined as unknown as () => void)).toThrow(TypeError);
    expect(() => pool.close({ deadline: -1 })).toThrow(RangeError);
    expect(() => pool.close(null as unknown as object)).toThrow(TypeError);
    expect(pool.tryAcquire()).toBeUndefined();
  });

  it.each(['x', {}, null])('acquire and use throw a TypeError at once when the signal is %j', (signal) => {
    const { pool } = instant();
    const options = { signal: signal as unknown as AbortSignal };
    expect(() => pool.acquire(options)).toThrow('signal must be an AbortSignal');
    expect(() => pool.use(() => 1, options)).toThrow(TypeError);
    expect(pool.getMetrics()).toMatchObject({ pending: 0, creating: 0, leases: 0 });
  });

  it.each([undefined, null, 1, {}, { connection: 1 }])('release throws a TypeError when given %j', (thing) => {
    const { pool } = instant();
    expect(() => pool.release(thing as unknown as Lease<Fake>)).toThrow('Cannot release a lease: it must be a Lease');
    expect(() => pool.destroy(thing as unknown as Lease<Fake>)).toThrow(TypeError);
  });

  it('a closed pool refuses every way in', async () => {
    const { pool } = instant();
    await pool.close();
    const closed: unknown = expect.objectContaining({ code: 'POOL_CLOSED' });
    await expect(pool.acquire()).rejects.toEqual(closed);
    await expect(pool.use(() => 1)).rejects.toEqual(closed);
    expect(() => pool.tryAcquire()).toThrow(closed);
    expect(pool.getMetrics().rejected).toBe(3);
  });

  it('a create that calls the pool gets its turn like everybody', async () => {
    const pool: ConnectionPool<number> = new ConnectionPool({
      max: 2,
      acquireTimeout: 50,
      create: async () => {
        if (pool.getMetrics().creating === 1) (await pool.acquire()).release();
        return pool.getMetrics().created;
      },
    });
    await expect(pool.acquire()).resolves.toBeDefined();
  });
});
