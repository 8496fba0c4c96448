import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionPool, type ConnectionConfig, type Lease } from '../src/index.ts';
import { instant, lease, manual, outcome, type Fake } from './support.ts';

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
    [{ create, maxx: 1 }, 'Cannot create a ConnectionPool: there is no option "maxx"'],
    [{ create, toString: 1 }, 'there is no option "toString"'],
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
    [{ min: Infinity, max: Infinity }, 'min must be an integer >= 0'],
    [{ max: -Infinity }, 'max must be an integer >= 1, got -Infinity'],
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

  it.each([
    'min',
    'max',
    'concurrency',
    'idleTimeout',
    'maxLifetime',
    'maxUses',
    'acquireTimeout',
    'createTimeout',
    'createRetries',
    'validateAfter',
    'healthCheckInterval',
    'maxRetries',
    'maxPending',
    'leakThreshold',
  ])('new ConnectionPool throws a TypeError when %s is NaN', (name) => {
    const config = { create, validate: () => true, [name]: Number.NaN };
    expect(() => build(config)).toThrow(TypeError);
    expect(() => build(config)).toThrow(`${name} must be a number, got NaN`);
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

/** Leases every connection that the pool may have at once: none of its places is lost. */
async function expectWhole(pool: ConnectionPool<Fake>, max: number): Promise<void> {
  const leases = await lease(pool, max);
  expect(new Set(leases.map(({ connection }) => connection)).size).toBe(max);
  expect(pool.tryAcquire()).toBeUndefined();
  for (const one of leases) one.release();
  expect(pool.getMetrics()).toMatchObject({ totalConnections: max, leases: 0, pending: 0, creating: 0 });
}

describe('creates that misbehave', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const same: Fake = { id: 0 };

  it.each<[string, () => unknown, string, string]>([
    ['returns undefined', () => undefined, 'POOL_CREATE_FAILED', 'create returned undefined'],
    ['resolves to null', () => Promise.resolve(null), 'POOL_CREATE_FAILED', 'create returned null'],
    ['throws', () => thrown('refused'), 'POOL_CREATE_FAILED', 'refused'],
    ['rejects', () => Promise.reject(new Error('refused')), 'POOL_CREATE_FAILED', 'refused'],
    ['rejects with nothing', () => Promise.reject(undefined), 'POOL_CREATE_FAILED', 'undefined'],
    ['has a then that throws', () => new Proxy({}, { get: () => thrown('then') }), 'POOL_CREATE_FAILED', 'then'],
    ['never settles', () => new Promise(() => {}), 'POOL_CREATE_TIMEOUT', 'no answer in 100 ms'],
  ])('a create that %s fails by its code and loses no place', async (_, misbehave, code, message) => {
    let misbehaves = true;
    let created = 0;
    const make = (): Fake => (misbehaves ? (misbehave() as Fake) : { id: (created += 1) });
    const { pool } = instant({ max: 2, create: make, createTimeout: 100 });
    const ends = Promise.all([outcome(pool.acquire()), outcome(pool.acquire())]);
    await vi.advanceTimersByTimeAsync(1_000);
    for (const end of await ends) {
      expect(end).toMatchObject({ error: { code, message: expect.stringContaining(message) as string } });
    }
    misbehaves = false;
    await expectWhole(pool, 2);
  });

  it('a create that returns the same object twice fails the second time and loses no place', async () => {
    let returnsSame = true;
    let created = 0;
    const { pool, destroyed } = instant({ max: 2, create: () => (returnsSame ? same : { id: (created += 1) }) });
    const ends = [outcome(pool.acquire()), outcome(pool.acquire())];
    expect(await ends[1]).toMatchObject({
      error: { code: 'POOL_CREATE_FAILED', message: expect.stringContaining('that is in the pool') as string },
    });
    const first = (await ends[0]) as { value: Lease<Fake> };
    expect(first.value.connection).toBe(same);
    first.value.release();
    expect(destroyed).toEqual([]);
    returnsSame = false;
    await expectWhole(pool, 2);
  });
});

describe('leases that misbehave', () => {
  it('a release or destroy of a lease of another pool, or of one that has ended, changes nothing', async () => {
    const [mine, other] = [instant({ max: 1 }).pool, instant({ max: 1 }).pool];
    const [own, foreign] = [await mine.acquire(), await other.acquire()];
    const misused: [() => void, string][] = [
      [() => mine.release(foreign), 'POOL_LEASE_FOREIGN'],
      [() => mine.destroy(foreign), 'POOL_LEASE_FOREIGN'],
    ];
    for (const [misuse, code] of misused) expect(misuse).toThrow(expect.objectContaining({ code }));
    expect(other.getMetrics().leases).toBe(1);
    own.release();
    for (const misuse of [() => own.release(), () => own.destroy(), () => mine.release(own), () => mine.destroy(own)]) {
      expect(misuse).toThrow(expect.objectContaining({ code: 'POOL_LEASE_STALE' }));
    }
    foreign.release();
    await expectWhole(mine, 1);
    await expectWhole(other, 1);
  });
});

describe('callers who abort', () => {
  const reason = new Error('gone');

  it('before they wait get the reason, and start nothing', async () => {
    const { pool, creates } = manual({ max: 1 });
    await expect(pool.acquire({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(creates).toEqual([]);
    expect(pool.getMetrics()).toMatchObject({ aborted: 1, pending: 0, creating: 0 });
  });

  it.each(['a create', 'a release'])('while they wait for %s get the reason, and lose no place', async (what) => {
    const { pool } = what === 'a create' ? manual({ max: 1 }) : instant({ max: 1 });
    const held = what === 'a create' ? undefined : await pool.acquire();
    const controller = new AbortController();
    const waiting = outcome(pool.acquire({ signal: controller.signal }));
    controller.abort(reason);
    expect(await waiting).toEqual({ error: reason });
    held?.release();
    expect(pool.getMetrics()).toMatchObject({ aborted: 1, pending: 0, leases: 0 });
  });

  it('in the turn of the hand-over have their lease, and whoever ends it loses no place', async () => {
    const { pool } = instant({ max: 1 });
    const held = await pool.acquire();
    const controller = new AbortController();
    const waiting = pool.acquire({ signal: controller.signal });
    held.release();
    controller.abort(reason);
    const own = await waiting;
    expect(pool.getMetrics()).toMatchObject({ aborted: 0, leases: 1 });
    own.release();
    await expectWhole(pool, 1);
  });

  it('after the hand-over abort nothing', async () => {
    const { pool } = instant({ max: 1 });
    const controller = new AbortController();
    const own = await pool.acquire({ signal: controller.signal });
    controller.abort(reason);
    await flushed();
    expect(own.connection).toEqual({ id: 1 });
    own.release();
    await expectWhole(pool, 1);
  });
});

function thrown(message: string): never {
  throw new Error(message);
}

/** Lets every reaction that is due run. */
function flushed(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
