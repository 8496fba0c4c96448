import assert from 'node:assert/strict';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KeyedPool, type Lease } from '../../src/index.ts';
import { deferred, flush, outcome, type Deferred } from '../support.ts';

interface Wire {
  readonly key: string;
  holders: number;
  destroyed: boolean;
}

interface Create extends Deferred<Wire> {
  readonly key: string;
}

interface Limits {
  readonly keys: number;
  readonly max: number;
  readonly maxTotal: number;
  readonly maxKeys: number;
  readonly maxPending: number;
  readonly concurrency: number;
  readonly idleTimeout: number;
}

type CreateMode = 'now' | 'later' | 'throws';

/** A keyed pool, everything that it touches, and what must hold at every moment. */
class World {
  readonly pool: KeyedPool<string, Wire>;
  readonly limits: Limits;
  readonly names: readonly string[];
  readonly creates = new Set<Create>();
  readonly wires = new Set<Wire>();
  readonly held: Lease<Wire>[] = [];
  readonly calls: { readonly controller: AbortController; settled: boolean }[] = [];
  readonly violations: string[] = [];
  acquires = 0;

  constructor(limits: Limits, mode: () => CreateMode) {
    this.limits = limits;
    this.names = ['__proto__', '', '\ud800', 'constructor', 'e'].slice(0, limits.keys);
    this.pool = new KeyedPool<string, Wire>({
      ...limits,
      create: (key) => this.#create(key, mode()),
      destroy: (wire) => {
        if (wire.destroyed) this.violations.push('destroyed twice');
        if (wire.holders > 0) this.violations.push('destroyed under a lease');
        wire.destroyed = true;
        this.wires.delete(wire);
      },
      createRetries: 0,
      random: () => 0,
    });
  }

  async acquire(at: number, timeout: number): Promise<void> {
    const key = this.names[at % this.names.length]!;
    const call = { controller: new AbortController(), settled: false };
    this.acquires += 1;
    this.calls.push(call);
    const { signal } = call.controller;
    const result = await outcome(this.pool.acquire(key, { timeout, signal }));
    call.settled = true;
    if ('value' in result) this.#got(result.value, key);
  }

  tryAcquire(at: number): void {
    const key = this.names[at % this.names.length]!;
    const lease = this.pool.tryAcquire(key);
    if (lease === undefined) return;
    this.acquires += 1;
    this.#got(lease, key);
  }

  giveBack(at: number, how: 'release' | 'destroy'): void {
    const [lease] = this.held.splice(at % Math.max(1, this.held.length), 1);
    if (lease === undefined) return;
    lease.connection.holders -= 1;
    lease[how]();
  }

  settleCreate(at: number, succeeds: boolean): void {
    const create = [...this.creates][at % Math.max(1, this.creates.size)];
    if (create === undefined) return;
    this.creates.delete(create);
    if (succeeds) create.resolve(this.#wire(create.key));
    else create.reject(new Error('refused'));
  }

  abort(at: number): void {
    this.calls[at % Math.max(1, this.calls.length)]?.controller.abort('gone');
  }

  verify(): void {
    const { maxTotal, maxKeys, maxPending } = this.limits;
    const metrics = this.pool.getMetrics();
    assert.deepEqual(this.violations, []);
    assert.ok(this.wires.size + this.creates.size <= maxTotal);
    assert.equal(metrics.totalConnections, this.wires.size);
    assert.equal(metrics.creating, this.creates.size);
    assert.equal(metrics.created - metrics.destroyed, this.wires.size);
    assert.equal(metrics.leases, this.held.length);
    assert.ok(metrics.pending <= maxPending);
    const { acquired, timeouts, aborted, rejected, pending } = metrics;
    assert.equal(acquired + timeouts + aborted + rejected + pending, this.acquires, 'every caller is somewhere');
    assert.ok(metrics.keys <= maxKeys);
    assert.equal(metrics.keys, this.pool.keys().length);
    if (metrics.waitingKeys > 0) {
      assert.equal(metrics.totalConnections + metrics.creating, maxTotal, 'no permit is free while a key claims');
      assert.equal(metrics.availableConnections, 0, 'none is idle while a key claims');
    }
    for (const key of this.pool.keys()) {
      const { totalConnections, creating, pending: waiting, errors } = this.pool.metricsOf(key)!;
      assert.ok(totalConnections + creating + waiting + errors > 0, 'no key without anything');
    }
  }

  /** Whoever has something gives it back and all goes well from now on, until nobody waits. */
  async recover(): Promise<void> {
    for (let round = 0; round < 400; round += 1) {
      while (this.held.length > 0) this.giveBack(0, 'release');
      while (this.creates.size > 0) this.settleCreate(0, true);
      await vi.advanceTimersByTimeAsync(1);
      if (this.calls.every(({ settled }) => settled) && this.held.length === 0) return;
    }
  }

  #create(key: string, mode: CreateMode): Wire | Promise<Wire> {
    if (mode === 'throws') throw new Error('refused');
    if (mode === 'now') return this.#wire(key);
    const create = { ...deferred<Wire>(), key };
    this.creates.add(create);
    return create.promise;
  }

  #wire(key: string): Wire {
    const wire = { key, holders: 0, destroyed: false };
    this.wires.add(wire);
    return wire;
  }

  #got(lease: Lease<Wire>, key: string): void {
    const { connection } = lease;
    if (connection.key !== key) this.violations.push(`a lease of ${key} is of ${connection.key}`);
    if (connection.destroyed) this.violations.push('leased after its end');
    connection.holders += 1;
    if (connection.holders > this.limits.concurrency) this.violations.push('too many leases on one');
    this.held.push(lease);
  }
}

interface Step {
  readonly label: string;
  readonly run: (world: World) => unknown;
}

const index = fc.nat(100);
const step: fc.Arbitrary<Step> = fc.oneof(
  op(6, 'acquire', fc.tuple(index, fc.constantFrom(5, 50, Infinity)), (world, [at, timeout]) => {
    void world.acquire(at, timeout);
  }),
  op(1, 'tryAcquire', index, (world, at) => world.tryAcquire(at)),
  op(5, 'release', index, (world, at) => world.giveBack(at, 'release')),
  op(1, 'destroy', index, (world, at) => world.giveBack(at, 'destroy')),
  op(4, 'create succeeds', index, (world, at) => world.settleCreate(at, true)),
  op(1, 'create fails', index, (world, at) => world.settleCreate(at, false)),
  op(1, 'abort', index, (world, at) => world.abort(at)),
  op(1, 'invalidate', index, (world, at) => world.pool.invalidate(world.names[at % world.names.length]!)),
  op(3, 'time', fc.constantFrom(1, 10, 60), (_, ms) => vi.advanceTimersByTimeAsync(ms)),
);

function op<T>(
  weight: number,
  name: string,
  argument: fc.Arbitrary<T>,
  run: (world: World, value: T) => unknown,
): fc.WeightedArbitrary<Step> {
  const arbitrary = argument.map((value) => ({
    label: `${name} ${String(value)}`,
    run: (world: World) => run(world, value),
    toString: () => `${name} ${String(value)}`,
  }));
  return { weight, arbitrary };
}

describe('KeyedPool', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('never mixes keys and keeps its bounds under every interleaving', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          keys: fc.constantFrom(2, 3, 5),
          max: fc.constantFrom(1, 2, 4),
          maxTotal: fc.constantFrom(1, 2, 3, 5),
          maxKeys: fc.constantFrom(1, 3, 5),
          maxPending: fc.constantFrom(0, 3, 1000),
          concurrency: fc.constantFrom(1, 1, 2),
          idleTimeout: fc.constantFrom(20, Infinity),
        }),
        fc.infiniteStream(fc.constantFrom<CreateMode>('now', 'later', 'later', 'later', 'throws')),
        fc.array(step, { minLength: 10, maxLength: 60 }),
        async (limits, modes, steps) => {
          vi.clearAllTimers();
          let isWell = false;
          const world = new World(limits, () => (isWell ? 'now' : (modes.next().value as CreateMode)));
          for (const { run } of steps) {
            await run(world);
            await flush();
            world.verify();
          }
          isWell = true;
          // Breakers open for a second at least: their callers are refused meanwhile.
          await world.recover();
          world.verify();
          expect(
            world.calls.every(({ settled }) => settled),
            'nobody waits for ever',
          ).toBe(true);
          const closing = world.pool.close({ deadline: 10 });
          await vi.advanceTimersByTimeAsync(11);
          expect(await closing).toEqual({ leaked: 0, leases: [] });
          expect(world.wires.size).toBe(0);
          expect(world.pool.keys()).toEqual([]);
          expect(vi.getTimerCount(), 'no timer is left').toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('serves a key in bounded time however the others churn', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          busy: fc.integer({ min: 1, max: 6 }),
          workers: fc.integer({ min: 1, max: 12 }),
          max: fc.integer({ min: 1, max: 5 }),
          maxTotal: fc.integer({ min: 1, max: 6 }),
          concurrency: fc.constantFrom(1, 1, 3),
          hold: fc.integer({ min: 0, max: 10 }),
          create: fc.integer({ min: 0, max: 10 }),
        }),
        async ({ busy, workers, max, maxTotal, concurrency, hold, create }) => {
          vi.clearAllTimers();
          const pool = new KeyedPool({
            create: (key: string) => new Promise<{ key: string }>((resolve) => setTimeout(resolve, create, { key })),
            max,
            maxTotal,
            concurrency,
          });
          const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
          const world = { isOver: false };
          const work = async (key: string): Promise<void> => {
            while (!world.isOver) await pool.use(key, () => sleep(hold));
          };
          const all = Array.from({ length: busy * workers }, (_, at) => work(`busy ${at % busy}`));
          await vi.advanceTimersByTimeAsync(200);
          const began = performance.now();
          let waited = Infinity;
          const served = pool.use('new', () => {
            waited = performance.now() - began;
          });
          // Each key stands before it once, with a create, and with all of its workers on one connection.
          await vi.advanceTimersByTimeAsync(busy * (create + (workers + 1) * (hold + 1)) + create + hold + 50);
          world.isOver = true;
          expect(waited).toBeLessThan(Infinity);
          await served;
          await vi.advanceTimersByTimeAsync(10_000);
          await Promise.all(all);
          const closing = pool.close();
          await vi.advanceTimersByTimeAsync(100);
          await closing;
        },
      ),
      { numRuns: 60 },
    );
  });
});
