import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionPool, type ErrorClass, type Lease } from '../../src/index.ts';
import { deferred, flush, type Deferred } from '../support.ts';

/** A connection of the world outside the pool. */
interface Wire {
  readonly id: number;
  evict: (error?: unknown) => void;
  /** Nobody may lease it from here on. */
  dead: boolean;
  destroyed: number;
  holders: number;
  readonly places: number;
  /** What the pool calls it. */
  name: string;
}

interface Check extends Deferred<boolean> {
  readonly wire: Wire;
}

/** One call of `acquire` and what became of it. */
interface Call {
  readonly controller: AbortController;
  readonly due: number;
  readonly priority: number;
  /** When it came, made earlier by its priority. */
  readonly rank: number;
  settled: boolean;
}

const CREATE_MODES = ['later', 'later', 'later', 'now', 'throws', 'dead on arrival', 'nothing', 'again'] as const;
const DESTROY_MODES = ['now', 'throws', 'hangs'] as const;
const RESET_MODES = ['now', 'now', 'later', 'throws'] as const;
type CreateMode = (typeof CREATE_MODES)[number];
type DestroyMode = (typeof DESTROY_MODES)[number];
type ResetMode = (typeof RESET_MODES)[number];

/** How the functions of the pool behave, call by call. */
interface Modes {
  readonly create: () => CreateMode;
  readonly destroy: () => DestroyMode;
  readonly reset: () => ResetMode;
}

interface Limits {
  readonly min: number;
  readonly minIdle: number;
  readonly max: number;
  readonly maxConcurrentCreates: number;
  /** 0: each connection says itself how many leases it takes. */
  readonly concurrency: number;
  readonly maxPending: number;
  readonly order: 'lifo' | 'fifo';
  readonly validateAfter: number;
  readonly maxLifetime: number;
  readonly maxUses: number;
  readonly createRetries: number;
  readonly leakThreshold: number;
  readonly resets: boolean;
}

/** The pool under test, everything that it touches, and what must hold at every moment. */
class World {
  readonly pool: ConnectionPool<Wire>;
  readonly stranger = new ConnectionPool<Wire>({ create: () => wire(-1) });
  readonly limits: Limits;
  readonly wires: Wire[] = [];
  readonly creates: Deferred<Wire>[] = [];
  /** Creates that began before all connections were declared invalid. */
  readonly outdated = new Set<Deferred<Wire>>();
  readonly checks: Check[] = [];
  readonly destroys: Deferred<void>[] = [];
  readonly resets: (Deferred<void> & { readonly wire: Wire })[] = [];
  readonly checking = new Map<Wire, Check>();
  readonly resetting = new Set<Wire>();
  readonly calls: Call[] = [];
  readonly held: Lease<Wire>[] = [];
  readonly spent: Lease<Wire>[] = [];
  readonly violations: unknown[] = [];
  acquires = 0;
  /** As `resize` has left them, and the highest that ever held. */
  min: number;
  max: number;
  ceiling: number;
  wasResized = false;
  /** What is down fails as it fails; what is well makes connections at once. */
  isWell = false;

  constructor({ resets, ...limits }: Limits, modes: Modes, random: () => number) {
    this.limits = { resets, ...limits };
    this.min = limits.min;
    this.max = limits.max;
    this.ceiling = limits.max;
    this.pool = new ConnectionPool<Wire>({
      ...limits,
      ...(resets && { reset: (line) => this.reset(line, modes.reset()) }),
      concurrency: limits.concurrency === 0 ? ({ places }) => places : limits.concurrency,
      random,
      classifyError: (error) => (error as Error).message as ErrorClass,
      acquireTimeout: 300,
      createTimeout: 400,
      idleTimeout: 900,
      healthCheckInterval: 250,
      maxRetries: 2,
      create: () => this.create(this.isWell ? 'now' : modes.create()),
      destroy: (line) => this.destroy(line, modes.destroy()),
      validate: (line) => {
        this.note(() => {
          assert.equal(line.holders, 0, 'only what is idle is checked');
          assert.ok(!this.resetting.has(line));
        });
        if (this.isWell) return true;
        const check: Check = { ...deferred<boolean>(), wire: line };
        this.checking.set(line, check);
        this.checks.push(check);
        return check.promise;
      },
      onClosed: (line, evict) => {
        line.evict = evict;
        line.name = `${this.pool.getMetrics().created}`;
        if (line.dead) evict(new Error('dead on arrival'));
      },
    });
    // A check ends by its answer, with its connection, or by a time-out, of which only this tells.
    this.pool.on('connectionError', ({ phase, error, connection }) => {
      const line = this.wires.find((each) => each.name === connection?.id);
      if (phase === 'validate' && line !== undefined) this.checking.delete(line);
      const message = (error as Error & { cause?: Error }).cause?.message ?? (error as Error).message;
      if (message === 'outage') this.invalidate();
    });
  }

  /** Nothing that was made or begun before may be leased again. */
  invalidate(): void {
    for (const line of this.wires) line.dead = true;
    for (const create of this.creates) this.outdated.add(create);
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
    const { availableConnections, pending, creating, totalConnections } = this.pool.getMetrics();
    const { concurrency, minIdle, maxConcurrentCreates } = this.limits;
    this.note(() => {
      assert.ok(totalConnections + creating <= this.max, 'creates stay within max');
      assert.ok(creating <= maxConcurrentCreates);
      const lacksSpare = minIdle > 0 && availableConnections + creating - pending <= minIdle;
      const lacks = totalConnections + creating <= this.min || lacksSpare;
      const needed = pending > (creating - 1) * concurrency || lacks;
      assert.ok(needed || this.limits.maxLifetime < Infinity, 'no create without a caller or a minimum that needs it');
    });
    if (mode === 'throws') throw new Error('refused');
    if (mode === 'now' || mode === 'dead on arrival') return this.wire(mode === 'dead on arrival');
    const old = this.wires.find(({ holders }) => holders > 0);
    if (mode === 'nothing' || (mode === 'again' && old === undefined)) return undefined as unknown as Wire;
    if (mode === 'again' && old !== undefined) return old;
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
    this.checking.delete(line);
    this.resetting.delete(line);
    if (mode === 'throws') throw new Error('cannot destroy');
    if (mode === 'now' || this.isWell) return;
    const destroy = deferred<void>();
    this.destroys.push(destroy);
    return destroy.promise;
  }

  reset(line: Wire, mode: ResetMode): void | Promise<void> {
    this.note(() => assert.equal(line.holders, 0, 'only what came back altogether is reset'));
    if (mode === 'throws') throw new Error('cannot reset');
    if (mode === 'now' || this.isWell) return;
    const reset = { ...deferred<void>(), wire: line };
    this.resetting.add(line);
    this.resets.push(reset);
    return reset.promise;
  }

  acquire(timeout: number | undefined, priority: number): void {
    const controller = new AbortController();
    const now = performance.now();
    const rank = now - priority * 1000;
    const call: Call = { controller, due: now + (timeout ?? 300), priority, rank, settled: false };
    const { signal } = controller;
    this.calls.push(call);
    this.acquires += 1;
    this.pool.acquire(timeout === undefined ? { signal, priority } : { signal, timeout, priority }).then(
      (lease) => {
        const before = this.calls.slice(0, this.calls.indexOf(call));
        const overtaken = before.filter(
          (other) => !other.settled && (other.priority === priority ? other.rank <= rank : other.rank < rank),
        );
        this.note(() => assert.deepEqual(overtaken, [], 'first come, first served, within the aged priority'));
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
      assert.ok(!this.checking.has(line) && !this.resetting.has(line), 'nor one under check or reset');
      assert.ok(line.holders <= (this.limits.concurrency || line.places), 'no more owners than places');
    });
    this.held.push(lease);
  }

  giveBack(index: number, how: 'release' | 'destroy' | 'outage' | 'broken'): void {
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
    this.pool.destroy(lease, how === 'destroy' ? undefined : new Error(how));
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
    this.checking.delete(line);
    this.resetting.delete(line);
    line.evict(error);
  }

  settleCreate(index: number, failure?: string): void {
    const create = pick(this.creates, index);
    if (create === undefined) return;
    this.creates.splice(this.creates.indexOf(create), 1);
    if (failure !== undefined) {
      create.reject(new Error(failure));
      return;
    }
    const line = this.wire();
    // The pool sees it arrive, and onClosed must not report it.
    if (this.outdated.has(create)) void Promise.resolve().then(() => (line.dead = true));
    create.resolve(line);
  }

  settleReset(index: number, succeeds: boolean): void {
    const reset = pick(this.resets, index);
    if (reset === undefined) return;
    this.resets.splice(this.resets.indexOf(reset), 1);
    this.resetting.delete(reset.wire);
    if (succeeds) reset.resolve();
    else reset.reject(new Error('cannot reset'));
  }

  resize(min: number, max: number): void {
    [this.min, this.max] = [min, max];
    this.wasResized = true;
    this.ceiling = Math.max(this.ceiling, max);
    this.pool.resize({ min, max });
  }

  /** Everything that hangs ends, everything that is out comes back, and nothing fails from here on. */
  async recover(): Promise<void> {
    this.isWell = true;
    while (this.held.length > 0) this.giveBack(0, 'release');
    while (this.creates.length > 0) this.settleCreate(0);
    while (this.checks.length > 0) this.answer(0, 'passes');
    while (this.resets.length > 0) this.settleReset(0, true);
    for (const destroy of this.destroys) destroy.resolve();
    await flush();
    await vi.advanceTimersByTimeAsync(60_000);
    // Those who waited have got theirs meanwhile.
    while (this.held.length > 0) this.giveBack(0, 'release');
    await flush();
  }

  answer(index: number, verdict: 'passes' | 'fails' | 'throws'): void {
    const check = pick(this.checks, index);
    if (check === undefined) return;
    this.checks.splice(this.checks.indexOf(check), 1);
    if (this.checking.get(check.wire) === check) this.checking.delete(check.wire);
    if (verdict === 'throws') check.reject(new Error('check'));
    else check.resolve(verdict === 'passes');
  }

  verify(): void {
    assert.deepEqual(this.violations, []);
    const { maxPending } = this.limits;
    const concurrency = this.limits.concurrency || 3;
    const max = this.ceiling;
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
    assert.ok(pending <= maxPending + 2 * max * concurrency, 'the queue is bounded');
    const isBusy = (line: Wire): boolean => this.checking.has(line) || this.resetting.has(line);
    const places = (line: Wire): number => this.limits.concurrency || line.places;
    const free = live.filter((line) => !line.dead && !isBusy(line) && line.holders < places(line));
    // A check under way may be for one who waits, and only the pool knows which of the leased it has condemned.
    const knows = concurrency === 1 || (this.limits.maxLifetime === Infinity && this.limits.maxUses === Infinity);
    if (pending > this.checking.size && knows && !this.wasResized)
      assert.deepEqual(free, [], 'while somebody waits no place is free');
    for (const { settled, due, controller } of this.calls) {
      assert.ok(settled || due > performance.now(), 'every acquire settles by its deadline');
      if (settled) assert.deepEqual(getEventListeners(controller.signal, 'abort'), []);
    }
  }
}

function wire(id: number): Wire {
  return { id, evict: () => {}, dead: false, destroyed: 0, holders: 0, places: 1 + (Math.abs(id) % 3), name: '' };
}

function pick<T>(items: readonly T[], index: number): T | undefined {
  return items.length === 0 ? undefined : items[index % items.length];
}

const index = fc.nat({ max: 100 });
const step: fc.Arbitrary<{ readonly label: string; readonly run: (world: World) => void | Promise<unknown> }> =
  fc.oneof(
    op(
      5,
      'acquire',
      fc.tuple(fc.constantFrom(undefined, undefined, 0, 50, 700), fc.constantFrom(0, 0, 0, 1, 7)),
      (world, [timeout, priority]) => world.acquire(timeout, priority),
    ),
    op(1, 'tryAcquire', index, (world) => world.tryAcquire()),
    op(4, 'release', index, (world, at) => world.giveBack(at, 'release')),
    op(1, 'destroy', fc.tuple(index, fc.constantFrom('destroy', 'broken', 'broken', 'outage')), (world, [at, how]) =>
      world.giveBack(at, how),
    ),
    op(1, 'misuse', index, (world, at) => world.misuse(at)),
    op(1, 'abort', index, (world, at) => pick(world.calls, at)?.controller.abort()),
    op(4, 'create succeeds', index, (world, at) => world.settleCreate(at)),
    op(
      2,
      'create fails',
      fc.tuple(index, fc.constantFrom('refused', 'refused', 'fatal', 'outage', 'overloaded')),
      (world, [at, failure]) => world.settleCreate(at, failure),
    ),
    op(2, 'reset ends', index, (world, at) => world.settleReset(at, at % 4 > 0)),
    op(1, 'resize', fc.constantFrom([0, 1], [1, 2], [2, 4], [0, 6]), (world, [min, max]) => world.resize(min, max)),
    op(1, 'invalidateAll', index, (world) => {
      world.pool.invalidateAll();
      world.invalidate();
    }),
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

function endless<T>(modes: readonly T[]): fc.Arbitrary<() => T> {
  return fc.infiniteStream(fc.constantFrom(...modes)).map((stream) => () => stream.next().value as T);
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
          minIdle: fc.constantFrom(0, 0, 1),
          max: fc.constantFrom(2, 3, 5),
          maxConcurrentCreates: fc.constantFrom(1, 2, Infinity, Infinity),
          concurrency: fc.constantFrom(1, 1, 2, 3, 0),
          maxPending: fc.constantFrom(0, 2, 1000),
          order: fc.constantFrom('lifo', 'fifo'),
          validateAfter: fc.constantFrom(0, 100, Infinity, Infinity),
          maxLifetime: fc.constantFrom(700, Infinity, Infinity),
          maxUses: fc.constantFrom(1, 3, Infinity, Infinity),
          createRetries: fc.constantFrom(0, 2),
          leakThreshold: fc.constantFrom(500, Infinity),
          resets: fc.boolean(),
        }),
        fc.record({
          create: endless(CREATE_MODES),
          destroy: endless(DESTROY_MODES),
          reset: endless(RESET_MODES),
        }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        fc.array(step, { minLength: 10, maxLength: 60 }),
        fc.constantFrom('recovers', 'drains', 0, 500),
        async (limits, modes, ratios, steps, end) => {
          // What a failed run left behind must not fail the next one.
          vi.clearAllTimers();
          const world = new World(limits, modes, () => ratios.next().value as number);
          await flush();
          for (const { run } of steps) {
            await run(world);
            await flush();
            world.verify();
          }
          if (typeof end === 'string') {
            await world.recover();
            world.verify();
            const lease = await world.pool.acquire({ timeout: 10_000 });
            world.acquires += 1;
            lease.release();
          }
          const deadline = typeof end === 'string' ? 1_000 : end;
          const closing = end === 'drains' ? world.pool.drain({ deadline }) : world.pool.close({ deadline });
          world.giveBack(0, 'release');
          await vi.advanceTimersByTimeAsync(deadline + 1);
          const leaked = world.held.length;
          await expect(closing).resolves.toMatchObject({ leaked });
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
