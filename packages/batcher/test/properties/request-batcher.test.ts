/* oxlint-disable vitest/no-standalone-expect -- the model below is called by the one test of this file */
import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RequestBatcher, type BatchResponse } from '../../src/index.ts';
import { settled } from '../support.ts';

interface Item {
  readonly id: number;
  readonly key: string;
  readonly group: string;
}

interface Waiting {
  readonly place: Place;
  readonly deadline: number;
  readonly controller: AbortController;
  aborted: boolean;
  /** Filled when its promise settles. */
  outcome: { readonly value: string } | { readonly reason: unknown } | undefined;
  settledAt: number;
}

/** The model's slot: the callers who share a request. */
interface Place {
  readonly item: Item;
  readonly addedAt: number;
  readonly callers: Waiting[];
  call: Call | undefined;
  flushed: boolean;
}

interface Call {
  readonly group: string;
  readonly places: readonly Place[];
  readonly startedAt: number;
  readonly signal: AbortSignal;
  answered: boolean;
  /** Whether the promise jobs have run since, so that the batcher knows. */
  seen: boolean;
  /** What each place was given, by position; undefined when the batch failed as a whole. */
  given: readonly (string | Error)[] | undefined;
  resolve(response: BatchResponse<string>): void;
  reject(error: unknown): void;
}

const ANSWERS = ['ok', 'partial', 'missing', 'extra', 'hole', 'promises', 'reject'] as const;

const command = fc.oneof(
  {
    weight: 40,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      key: fc.constantFrom('x', 'y', 'z', 'unique'),
      group: fc.constantFrom('g', 'h'),
      patience: fc.oneof(fc.constant(Infinity), fc.integer({ min: -1, max: 40 })),
    }),
  },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('abort' as const), pick: fc.nat() }) },
  {
    weight: 20,
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      pick: fc.nat(),
      how: fc.constantFrom(...ANSWERS),
    }),
  },
  { weight: 20, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  {
    weight: 15,
    arbitrary: fc.record({ do: fc.constant('advance' as const), by: fc.integer({ min: 0, max: 20 }) }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('throwNext' as const) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const) }) },
);

const config = fc.record({
  maxBatchSize: fc.integer({ min: 1, max: 4 }),
  maxWaitTime: fc.constantFrom(0, 10),
  batchTimeout: fc.constantFrom(30, Infinity),
  requestTimeout: fc.constantFrom(25, 50, Infinity),
  maxConcurrency: fc.integer({ min: 1, max: 2 }),
  maxQueueSize: fc.integer({ min: 2, max: 8 }),
  dedupe: fc.boolean(),
});

type Config = typeof config extends fc.Arbitrary<infer T> ? T : never;

/** Drives a batcher beside a naive account of what it should do, and compares at each step. */
class Model {
  readonly calls: Call[] = [];
  readonly callers: Waiting[] = [];
  readonly places: Place[] = [];
  readonly batcher: RequestBatcher<Item, string>;
  readonly #config: Config;
  #throws = false;
  #closed = false;
  readonly #reading: Promise<void>[] = [];
  readonly #faults: unknown[] = [];

  constructor(options: Config) {
    this.#config = options;
    const { dedupe, ...rest } = options;
    this.batcher = new RequestBatcher<Item, string>({
      ...rest,
      groupBy: ({ group }) => group,
      dedupeBy: ({ key }) => (dedupe && key !== 'unique' ? key : undefined),
      process: (items, { signal, group }) => this.#process(items, signal, group),
    });
  }

  live(): Call[] {
    return this.calls.filter(({ answered, signal }) => !answered && !signal.aborted);
  }

  queued(): Place[] {
    return this.places.filter((place) => place.call === undefined && waiting(place).length > 0);
  }

  #process(items: readonly Item[], signal: AbortSignal, group: string): Promise<BatchResponse<string>> {
    const now = performance.now();
    const places = items.map((item) => this.places.find((place) => place.item === item) as Place);
    this.#collect(() => {
      expect(items.length).toBeGreaterThan(0);
      expect(items.length).toBeLessThanOrEqual(this.#config.maxBatchSize);
      // The requests of the group that are queued longest, in their order: none is passed over.
      const queue = this.queued().filter(({ item }) => item.group === group);
      expect(items).toEqual(queue.slice(0, items.length).map(({ item }) => item));
      for (const place of places) for (const { deadline } of waiting(place)) expect(deadline).toBeGreaterThan(now);
    });
    const { promise, resolve, reject } = withResolvers<BatchResponse<string>>();
    const call: Call = {
      group,
      places,
      startedAt: now,
      signal,
      answered: false,
      seen: false,
      given: undefined,
      resolve,
      reject,
    };
    for (const place of places) place.call = call;
    this.calls.push(call);
    this.#collect(() => {
      const parallel = this.live().filter((each) => each.group === group);
      expect(parallel.length).toBeLessThanOrEqual(this.#config.maxConcurrency);
    });
    if (!this.#throws) return promise;
    this.#throws = false;
    call.answered = true;
    throw new Error('thrown');
  }

  /** Keeps a failed expectation for the next check: the batcher would take it for a failure of process. */
  #collect(expectations: () => void): void {
    try {
      expectations();
    } catch (error) {
      this.#faults.push(error);
    }
  }

  throwNext(): void {
    this.#throws = true;
  }

  add(key: string, group: string, patience: number): void {
    const now = performance.now();
    const item: Item = { id: this.callers.length, key, group };
    const deadline = Math.min(now + patience, now + this.#config.requestTimeout);
    const shared =
      this.#config.dedupe && key !== 'unique'
        ? this.places.find((place) => {
            if (place.item.key !== key || place.item.group !== group) return false;
            return place.call === undefined
              ? waiting(place).length > 0
              : !place.call.signal.aborted && !place.call.seen;
          })
        : undefined;
    const full = this.queued().length >= this.#config.maxQueueSize;
    const before = this.batcher.getMetrics();
    const controller = new AbortController();
    const result = this.batcher.addRequest(item, { signal: controller.signal, deadline: now + patience });
    result.catch(() => {}); // Its real handlers are attached below, when the expectations have held.
    const after = this.batcher.getMetrics();

    const refused = this.#closed || (deadline > now && shared === undefined && full);
    expect(after.rejected - before.rejected).toBe(refused ? 1 : 0);
    const joins = !refused && deadline > now && shared !== undefined;
    expect(after.deduplicated - before.deduplicated).toBe(joins ? 1 : 0);
    if (refused) {
      const code = this.#closed ? 'BATCH_CLOSED' : 'BATCH_QUEUE_FULL';
      const settle = (reason: unknown): void => {
        this.#collect(() => {
          expect(reason).toMatchObject({ code });
        });
      };
      this.#reading.push(result.then(settle, settle));
      return;
    }
    const place = joins ? shared : { item, addedAt: now, callers: [], call: undefined, flushed: false };
    if (!joins && deadline > now) this.places.push(place);
    const caller: Waiting = { place, deadline, controller, aborted: false, outcome: undefined, settledAt: NaN };
    this.callers.push(caller);
    if (deadline > now) place.callers.push(caller);
    const settle = (outcome: Waiting['outcome']): void => {
      caller.outcome = outcome;
      caller.settledAt = performance.now();
    };
    this.#reading.push(
      result.then(
        (value) => {
          settle({ value });
        },
        (reason: unknown) => {
          settle({ reason });
        },
      ),
    );
  }

  abort(pick: number): void {
    const open = this.callers.filter((caller) => caller.outcome === undefined && !caller.aborted);
    const caller = open[pick % Math.max(open.length, 1)];
    if (caller === undefined) return;
    caller.aborted = caller.place.callers.includes(caller);
    caller.controller.abort(caller);
    // The batch goes in the same tick with the last of its callers.
    const { call } = caller.place;
    if (call === undefined || call.answered || call.signal.aborted) return;
    expect(call.places.some((place) => waiting(place).length > 0)).toBe(true);
  }

  answer(pick: number, how: (typeof ANSWERS)[number]): void {
    const live = this.live();
    const call = live[pick % Math.max(live.length, 1)];
    if (call === undefined) return;
    call.answered = true;
    const good = call.places.map(({ item }) => `result of ${item.id}`);
    if (how === 'reject') {
      call.reject(new Error('rejected'));
    } else if (how === 'missing') {
      call.resolve(good.slice(1));
    } else if (how === 'extra') {
      call.resolve([...good, 'extra']);
    } else if (how === 'promises') {
      call.resolve(good.map((each) => Promise.reject(new Error(each)) as unknown as string));
    } else if (how === 'hole') {
      const response: string[] = [...good];
      // oxlint-disable-next-line typescript/no-array-delete
      delete response[0];
      call.resolve(response);
    } else {
      call.given = how === 'ok' ? good : good.map((each, at) => (at % 2 === 0 ? new Error('partial') : each));
      call.resolve(call.given);
    }
  }

  flush(): void {
    for (const place of this.queued()) place.flushed = true;
    this.batcher.flush();
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const place of this.queued()) place.flushed = true;
    return this.batcher.close();
  }

  /** What holds whenever the promise jobs have run. */
  check(): void {
    const { maxBatchSize, maxConcurrency, maxQueueSize, maxWaitTime, batchTimeout } = this.#config;
    for (const fault of this.#faults) throw fault;
    for (const call of this.calls) call.seen ||= call.answered;
    const now = performance.now();
    const live = this.live();
    const queued = this.queued();
    const metrics = this.batcher.getMetrics();
    expect(queued.length).toBeLessThanOrEqual(maxQueueSize);
    expect(metrics.inFlightBatches).toBe(live.length);
    expect(metrics.pendingRequests).toBe(this.callers.filter(({ outcome }) => outcome === undefined).length);
    expect(metrics.groups).toBe(
      new Set([...live.map(({ group }) => group), ...queued.map(({ item }) => item.group)]).size,
    );
    for (const call of live) expect(call.startedAt + batchTimeout).toBeGreaterThan(now);
    for (const caller of this.callers) {
      if (caller.outcome === undefined) expect(caller.deadline).toBeGreaterThan(now);
    }
    // Nothing waits that could leave.
    for (const group of ['g', 'h']) {
      if (live.filter((call) => call.group === group).length >= maxConcurrency) continue;
      const queue = queued.filter(({ item }) => item.group === group);
      const [head] = queue;
      if (head === undefined) continue;
      expect(queue.length).toBeLessThan(maxBatchSize);
      expect(head.flushed).toBe(false);
      expect(head.addedAt + maxWaitTime).toBeGreaterThan(now);
    }
  }

  /** Each caller got what was due to it. */
  checkOutcomes(): void {
    for (const fault of this.#faults) throw fault;
    let fulfilled = 0;
    for (const caller of this.callers) {
      const { place, outcome } = caller;
      expect(outcome).toBeDefined();
      if (outcome === undefined) continue;
      expect(getEventListeners(caller.controller.signal, 'abort')).toEqual([]);
      const { call } = place;
      const given = call?.given?.[call.places.indexOf(place)];
      if ('value' in outcome) {
        fulfilled++;
        expect(outcome.value).toBe(`result of ${place.item.id}`);
        expect(given).toBe(outcome.value);
        continue;
      }
      const { reason } = outcome;
      if (caller.aborted) {
        expect(reason).toBe(caller);
        continue;
      }
      expect(reason).toBeInstanceOf(Error);
      const { code, message } = reason as Error & { code?: string };
      if (code === 'BATCH_REQUEST_TIMEOUT') expect(caller.settledAt).toBeGreaterThanOrEqual(caller.deadline);
      else if (code === 'BATCH_TIMEOUT')
        expect(caller.settledAt).toBe((call?.startedAt ?? NaN) + this.#config.batchTimeout);
      else if (message === 'partial') expect(given).toBe(reason);
      else {
        expect(code ?? message).toMatch(/BATCH_RESULT_MISMATCH|rejected|thrown/);
        expect(call?.answered).toBe(true);
        expect(given).toBeUndefined();
      }
    }
    const { totalRequests, errors, timeouts, aborted, ...metrics } = this.batcher.getMetrics();
    expect(totalRequests).toBe(this.callers.length);
    expect(fulfilled + errors + timeouts + aborted).toBe(totalRequests);
    expect(metrics).toMatchObject({
      pendingRequests: 0,
      inFlightBatches: 0,
      groups: 0,
      totalBatches: this.calls.length,
    });
  }

  async finish(): Promise<void> {
    const closed = this.close();
    this.#throws = false;
    for (let live = this.live(); ; live = this.live()) {
      for (let left = live.length; left > 0; left--) this.answer(0, 'ok');
      await settled();
      if (this.live().length === 0 && this.queued().length === 0) break;
    }
    await closed;
    await Promise.all(this.#reading);
  }
}

function withResolvers<T>(): Pick<Call, 'reject'> & { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

function waiting(place: Place): Waiting[] {
  const now = performance.now();
  return place.callers.filter(({ outcome, aborted, deadline }) => outcome === undefined && !aborted && deadline > now);
}

describe('RequestBatcher', () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => {
    unhandled.push(reason);
  };
  beforeEach(() => {
    vi.useFakeTimers();
    process.on('unhandledRejection', note);
  });
  afterEach(() => {
    vi.useRealTimers();
    process.off('unhandledRejection', note);
  });

  it(
    'agrees with a naive account under random requests, aborts, answers, time and closing',
    { timeout: 60_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(config, fc.array(command, { maxLength: 80, size: 'max' }), async (options, commands) => {
          // A run that failed may have left something behind, on which the next would fail too.
          vi.clearAllTimers();
          unhandled.length = 0;
          const model = new Model(options);
          for (const each of commands) {
            if (each.do === 'add') model.add(each.key, each.group, each.patience);
            else if (each.do === 'abort') model.abort(each.pick);
            else if (each.do === 'answer') model.answer(each.pick, each.how);
            else if (each.do === 'throwNext') model.throwNext();
            else if (each.do === 'flush') model.flush();
            else if (each.do === 'close') void model.close();
            else {
              await settled();
              if (each.do === 'advance') await vi.advanceTimersByTimeAsync(each.by);
              await settled();
              model.check();
            }
          }
          await settled();
          model.check();
          await model.finish();
          model.checkOutcomes();
          expect(vi.getTimerCount()).toBe(0);
          expect(unhandled).toEqual([]);
        }),
        { numRuns: 500 },
      );
    },
  );
});
