import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionPool, type Lease } from '../../src/index.ts';
import { deferred, flush, type Deferred } from '../support.ts';

/** A connection of the world outside the pool. */
interface Wire {
  readonly id: number;
  evict: (error?: unknown) => void;
  /** Nobody may lease it from here on. */
  dead: boolean;
  destroyed: number;
  holders: number;
}

interface Check extends Deferred<boolean> {
  readonly wire: Wire;
}

/** One call of `acquire` and what became of it. */
interface Call {
  readonly controller: AbortController;
  readonly due: number;
  settled: boolean;
}

const CREATE_MODES = ['later', 'later', 'later', 'now', 'throws', 'dead on arrival'] as const;
const DESTROY_MODES = ['now', 'throws', 'hangs'] as const;
type CreateMode = (typeof CREATE_MODES)[number];
type DestroyMode = (typeof DESTROY_MODES)[number];

interface Limits {
  readonly min: number;
  readonly max: number;
  readonly concurrency: number;
  readonly maxPending: number;
  readonly order: 'lifo' | 'fifo';
}

/** The pool under test, everything that it touches, and what must hold at every moment. */
class World {
  readonly pool: ConnectionPool<Wire>;
  readonly stranger = new ConnectionPool<Wire>({ create: () => wire(-1) });
  readonly limits: Limits;
  readonly wires: Wire[] = [];
  readonly creates: Deferred<Wire>[] = [];
  readonly checks: Check[] = [];
  readonly destroys: Deferred<void>[] = [];
  readonly calls: Call[] = [];
  readonly held: Lease<Wire>[] = [];
  readonly spent: Lease<Wire>[] = [];
  readonly violations: unknown[] = [];
  acquires = 0;
  underCheck: Check | undefined;

  constructor(limits: Limits, createMode: () => CreateMode, destroyMode: () => DestroyMode) {
    this.limits = limits;
    this.pool = new ConnectionPool<Wire>({
      ...limits,
      acquireTimeout: 300,
      createTimeout: 400,
      idleTimeout: 900,
      healthCheckInterval: 250,
      maxRetries: 2,
      create: () => this.create(createMode()),
      destroy: (line) => this.destroy(line, destroyMode()),
      validate: (line) => {
        this.note(() => {
          assert.equal(this.underCheck, undefined, 'checks run one at a time');
          assert.equal(line.holders, 0, 'only what is idle is checked');
        });
        const check: Check = { ...deferred<boolean>(), wire: line };
        this.underCheck = check;
        this.checks.push(check);
        return check.promise;
      },
      onClosed: (line, evict) => {
        line.evict = evict;
        if (line.dead) evict(new Error('dead on arrival'));
      },
    });
    // A check ends by its answer, with its connection, or by a time-out, of which only this tells.
    this.pool.on('connectionError', ({ phase }) => {
      if (phase === 'validate') this.underCheck = undefined;
    });
  }

  /** An assertion within a callback of the pool, which would take a throw for a failure of the connection. */
  note(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.violations.push(error);
    }
  }

  create(mode: CreateMode): Wire | Promise<Wire> {
    const { pending, creating, totalConnections } = this.pool.getMetrics();
    const { concurrency, min, max } = this.limits;
    this.note(() => {
      assert.ok(totalConnections + creating <= max, 'creates stay within max');
      const needed = pending > (creating - 1) * concurrency || totalConnections + creating <= min;
      assert.ok(needed, 'no create without a caller or a minimum that needs it');
    });
    if (mode === 'throws') throw new Error('refused');
    if (mode === 'now' || mode === 'dead on arrival') return this.wire(mode === 'dead on arrival');
    const create = deferred<Wire>();
    this.creates.push(create);
    return create.promise;
  }

  wire(dead = false): Wire {
    const made = wire(this.wires.length);
    made.dead = dead;
    this.wires.push(made);
    return made;
  }

  destroy(line: Wire, mode: DestroyMode): void | Promise<void> {
    line.destroyed += 1;
    line.dead = true;
    if (this.underCheck?.wire === line) this.underCheck = undefined;
    if (mode === 'throws') throw new Error('cannot destroy');
    if (mode === 'now') return;
    const destroy = deferred<void>();
    this.destroys.push(destroy);
    return destroy.promise;
  }

  acquire(timeout: number | undefined): void {
    const controller = new AbortController();
    const call: Call = { controller, due: performance.now() + (timeout ?? 300), settled: false };
    const { signal } = controller;
    this.calls.push(call);
    this.acquires += 1;
    this.pool.acquire(timeout === undefined ? { signal } : { signal, timeout }).then(
      (lease) => {
        const overtaken = this.calls.slice(0, this.calls.indexOf(call)).filter(({ settled }) => !settled);
        this.note(() => assert.deepEqual(overtaken, [], 'first come, first served'));
        call.settled = true;
        this.take(lease);
      },
      () => {
        call.settled = true;
      },
    );
  }

  tryAcquire(): void {
    const lease = this.pool.tryAcquire();
    if (lease === undefined) return;
    this.acquires += 1;
    this.take(lease);
  }

  take(lease: Lease<Wire>): void {
    const line = lease.connection;
    line.holders += 1;
    this.note(() => {
      assert.ok(!line.dead, 'a dead connection is never handed out');
      assert.notEqual(line, this.underCheck?.wire, 'nor one under check');
      assert.ok(line.holders <= this.limits.concurrency, 'no more owners than places');
    });
    this.held.push(lease);
  }

  giveBack(index: number, how: 'release' | 'destroy' | 'destroy with an error'): void {
    const lease = pick(this.held, index);
    if (lease === undefined) return;
    const line = lease.connection;
    this.held.splice(this.held.indexOf(lease), 1);
    this.spent.push(lease);
    line.holders -= 1;
    if (how === 'release') {
      lease.release();
      return;
    }
    line.dead = true;
    this.pool.destroy(lease, how === 'destroy' ? undefined : new Error('broken'));
  }

  misuse(index: number): void {
    const old = pick(this.spent, index);
    if (old !== undefined) {
      assert.throws(() => this.pool.release(old), { code: 'POOL_LEASE_STALE' });
      assert.throws(() => old.destroy(), { code: 'POOL_LEASE_STALE' });
    }
    const own = pick(this.held, index);
    if (own !== undefined) {
      assert.throws(() => this.stranger.release(own), { code: 'POOL_LEASE_FOREIGN' });
    }
  }

  closeItself(index: number, error: Error | undefined): void {
    const line = pick(
      this.wires.filter(({ dead }) => !dead),
      index,
    );
    if (line === undefined) return;
    line.dead = true;
    if (this.underCheck?.wire === line) this.underCheck = undefined;
    line.evict(error);
  }

  settleCreate(index: number, succeeds: boolean): void {
    const create = pick(this.creates, index);
    if (create === undefined) return;
    this.creates.splice(this.creates.indexOf(create), 1);
    if (succeeds) create.resolve(this.wire());
    else create.reject(new Error('create'));
  }

  answer(index: number, verdict: 'passes' | 'fails' | 'throws'): void {
    const check = pick(this.checks, index);
    if (check === undefined) return;
    this.checks.splice(this.checks.indexOf(check), 1);
    if (this.underCheck === check) this.underCheck = undefined;
    if (verdict === 'throws') check.reject(new Error('check'));
    else check.resolve(verdict === 'passes');
  }

  verify(): void {
    assert.deepEqual(this.violations, []);
    const { concurrency, max, maxPending } = this.limits;
    const metrics = this.pool.getMetrics();
    const { acquired, timeouts, aborted, rejected, pending, leases, totalConnections: total } = metrics;
    const live = this.wires.filter(({ destroyed }) => destroyed === 0);
    assert.equal(leases, this.held.length);
    assert.equal(leases, acquired - metrics.released);
    assert.ok(leases <= max * concurrency);
    assert.ok(total + metrics.creating <= max);
    assert.equal(metrics.created, this.wires.length);
    assert.equal(metrics.created - metrics.destroyed, total, 'created = destroyed + live');
    assert.equal(live.length, total);
    assert.ok(this.wires.every(({ destroyed }) => destroyed <= 1));
    assert.equal(metrics.inUseConnections, live.filter(({ holders }) => holders > 0).length);
    assert.equal(acquired + timeouts + aborted + rejected + pending, this.acquires, 'every acquire is somewhere');
    assert.equal(pending, this.calls.filter(({ settled }) => !settled).length);
    assert.ok(pending <= maxPending + max * concurrency, 'the queue is bounded');
    const free = live.filter((line) => !line.dead && line.holders < concurrency && line !== this.underCheck?.wire);
    if (pending > 0) assert.deepEqual(free, [], 'while somebody waits no place is free');
    for (const { settled, due, controller } of this.calls) {
      assert.ok(settled || due > performance.now(), 'every acquire settles by its deadline');
      if (settled) assert.deepEqual(getEventListeners(controller.signal, 'abort'), []);
    }
  }
}

function wire(id: number): Wire {
  return { id, evict: () => {}, dead: false, destroyed: 0, holders: 0 };
}

function pick<T>(items: readonly T[], index: number): T | undefined {
  return items.length === 0 ? undefined : items[index % items.length];
}

const index = fc.nat({ max: 100 });
const step: fc.Arbitrary<{ readonly label: string; readonly run: (world: World) => void | Promise<unknown> }> =
  fc.oneof(
    op(5, 'acquire', fc.constantFrom(undefined, undefined, 0, 50, 700), (world, timeout) => world.acquire(timeout)),
    op(1, 'tryAcquire', index, (world) => world.tryAcquire()),
    op(4, 'release', index, (world, at) => world.giveBack(at, 'release')),
    op(1, 'destroy', index, (world, at) => world.giveBack(at, at % 2 === 0 ? 'destroy' : 'destroy with an error')),
    op(1, 'misuse', index, (world, at) => world.misuse(at)),
    op(1, 'abort', index, (world, at) => pick(world.calls, at)?.controller.abort()),
    op(4, 'create succeeds', index, (world, at) => world.settleCreate(at, true)),
    op(1, 'create fails', index, (world, at) => world.settleCreate(at, false)),
    op(1, 'closes itself', index, (world, at) => world.closeItself(at, at % 2 === 0 ? new Error('reset') : undefined)),
    op(2, 'check', fc.tuple(index, fc.constantFrom('passes', 'fails', 'throws')), (world, [at, verdict]) =>
      world.answer(at, verdict),
    ),
    op(1, 'destroy ends', index, (world, at) => pick(world.destroys, at)?.resolve()),
    op(3, 'time', fc.constantFrom(1, 40, 260, 450, 1000, 6000), (_, ms) => vi.advanceTimersByTimeAsync(ms)),
  );

function op<T>(
  weight: number,
  name: string,
  argument: fc.Arbitrary<T>,
  run: (world: World, value: T) => void | Promise<unknown>,
): fc.WeightedArbitrary<{ readonly label: string; readonly run: (world: World) => void | Promise<unknown> }> {
  const arbitrary = argument.map((value) => ({
    label: `${name} ${String(value)}`,
    run: (world: World) => run(world, value),
    toString: () => `${name} ${String(value)}`,
  }));
  return { weight, arbitrary };
}

describe('ConnectionPool', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('keeps its invariants under every interleaving of callers, failures and time', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          min: fc.constantFrom(0, 0, 1, 2),
          max: fc.constantFrom(2, 3, 5),
          concurrency: fc.constantFrom(1, 1, 2, 3),
          maxPending: fc.constantFrom(0, 2, 1000),
          order: fc.constantFrom('lifo', 'fifo'),
        }),
        fc.infiniteStream(fc.constantFrom(...CREATE_MODES)),
        fc.infiniteStream(fc.constantFrom(...DESTROY_MODES)),
        fc.array(step, { minLength: 10, maxLength: 60 }),
        fc.constantFrom(0, 500),
        async (limits, createModes, destroyModes, steps, deadline) => {
          // What a failed run left behind must not fail the next one.
          vi.clearAllTimers();
          const world = new World(
            limits,
            () => createModes.next().value as CreateMode,
            () => destroyModes.next().value as DestroyMode,
          );
          await flush();
          for (const { run } of steps) {
            await run(world);
            await flush();
            world.verify();
          }
          const closing = world.pool.close({ deadline });
          world.giveBack(0, 'release');
          await vi.advanceTimersByTimeAsync(deadline + 1);
          const leaked = world.held.length;
          await expect(closing).resolves.toEqual({ leaked });
          expect(vi.getTimerCount(), 'no timer is left').toBe(0);
          for (const { settled, controller } of world.calls) {
            expect(settled).toBe(true);
            expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
          }
          for (const create of world.creates) create.resolve(world.wire());
          for (const [at, old] of world.held.entries()) {
            if (at % 2 === 0) old.release();
            else old.destroy();
          }
          await flush();
          const { created, destroyed, leases, totalConnections } = world.pool.getMetrics();
          expect({ created, destroyed, leases, totalConnections }).toEqual({
            created,
            destroyed: created,
            leases: 0,
            totalConnections: 0,
          });
        },
      ),
      { numRuns: 300 },
    );
  });
});
