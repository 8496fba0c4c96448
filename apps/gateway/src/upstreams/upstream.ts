import { RequestBatcher, type BatcherMetrics } from '@forge/batcher';
import type { ResponseCache } from '@forge/cache';
import { cacheKey, callPolicy, lifetime, type CallPolicy } from '@forge/mcp/caching';
import { isToolError, rawMembers, type Answer, type Feature, type Method } from '@forge/mcp/protocol';
import { isUpstreamError, type UpstreamCall, type UpstreamConnection, type UpstreamInfo } from '@forge/mcp/sessions';
import { ConnectionPool, type PoolMetrics } from '@forge/pool';
import type { UpstreamConfig } from '../config/gateway-config.ts';
import { Availability } from './availability.ts';
import { connect } from './connect.ts';
import { CallTimeoutError, explainFailure, isTimeout } from './failure.ts';

/** An answer as the cache keeps it, with what every use of it asks, read once. */
export interface Kept {
  readonly answer: Answer;
  readonly outcome: 'ok' | 'error' | 'tool_error';
  /** Of a list that goes on. */
  readonly nextCursor: string | undefined;
  /** When it came, and until when it may be used: both on the clock of `performance.now()`, in ms. */
  readonly at: number;
  readonly freshUntil: number;
}

/** How an answer was come by. */
export type Source = 'hit' | 'coalesced' | 'upstream';

export interface Obtained {
  readonly kept: Kept;
  readonly source: Source;
}

/** A call with what decides whether it may be kept or merged. */
export interface GatewayCall extends UpstreamCall {
  readonly rule: Method;
  /** On whose behalf; a result is never shown to another. */
  readonly principal: string;
}

/** Tells how one call that reached the upstream went. */
export type CallObserver = (upstream: string, method: string, outcome: Outcome, milliseconds: number) => void;
export type Outcome = Kept['outcome'] | 'cancelled';

/** What the upstreams of a gateway share. */
export interface UpstreamContext {
  readonly cache: ResponseCache<Kept>;
  /** Calls that may wait, for each upstream. */
  readonly maxQueueSize: number;
  readonly observe: CallObserver;
  /** One line for the operator. */
  readonly log: (line: string) => void;
}

interface Forwarded {
  readonly call: GatewayCall;
  /** Equal keys under way at once are one call; undefined is never merged. */
  readonly mergeKey: string | undefined;
}

const HEALTH_CHECK_INTERVAL = 30_000;

const PROBE_TIMEOUT = 5000;

/** Calls that may wait for a connection when every batch has been let through. */
const MAX_PENDING = 10_000;

/**
 * One upstream with what stands before it: the cache keeps what may be kept and shares its loads, the batcher merges what
 * may only be merged and bounds what is under way, the pool gives each call a place on a connection.
 */
export class Upstream {
  readonly config: UpstreamConfig;
  readonly #cache: ResponseCache<Kept>;
  readonly #pool: ConnectionPool<UpstreamConnection>;
  readonly #batcher: RequestBatcher<Forwarded, Answer>;
  readonly #observe: CallObserver;
  readonly #log: (line: string) => void;
  readonly #ending = new Set<Promise<void>>();
  #info: UpstreamInfo | undefined;
  readonly #availability = new Availability();
  #probing = false;
  #closing = false;

  constructor(config: UpstreamConfig, { cache, maxQueueSize, observe, log }: UpstreamContext) {
    this.config = config;
    this.#cache = cache;
    this.#observe = observe;
    this.#log = log;
    this.#pool = new ConnectionPool<UpstreamConnection>({
      ...config.pool,
      create: (signal) => this.#connect(signal),
      destroy: (connection) => this.#end(connection),
      validate: async (connection, signal) => {
        await connection.ping(signal);
        return true;
      },
      onClosed: (connection, evict) => {
        connection.onClosed((reason) => {
          this.#lose(reason);
          evict(reason);
        });
      },
      acquireTimeout: config.timeout,
      // The rounds are enough: a call pays no round trip for a check.
      validateAfter: Infinity,
      healthCheckInterval: HEALTH_CHECK_INTERVAL,
      maxPending: MAX_PENDING,
    });
    // A batch of one: MCP has no message that carries several calls, so that what batching gives here is one shared call
    // for equal ones, a bound on what is under way, a bounded queue and a deadline.
    this.#batcher = new RequestBatcher<Forwarded, Answer>({
      process: async (requests, { signal }) => Promise.all(requests.map(({ call }) => this.#forward(call, signal))),
      dedupeBy: ({ mergeKey }) => mergeKey,
      maxBatchSize: 1,
      // Each call has its own deadline.
      batchTimeout: Infinity,
      maxConcurrency: config.maxConcurrency,
      maxQueueSize,
    });
  }

  get id(): string {
    return this.config.id;
  }

  /** What the upstream said of itself; connects if nobody has. */
  async info(signal?: AbortSignal): Promise<UpstreamInfo> {
    if (this.#info !== undefined) return this.#info;
    return this.#pool.use(async (connection) => connection.info, { ...(signal && { signal }) });
  }

  /** What it said of itself when it was last connected to. */
  get known(): UpstreamInfo | undefined {
    return this.#info;
  }

  /** False while it cannot be reached or its lists come too late: whoever asks others too need not wait for it. */
  get isUp(): boolean {
    return this.#availability.isUp;
  }

  /** Why it is not up. */
  get failure(): Error | undefined {
    return this.#availability.failure;
  }

  /** Somebody has waited for a list in vain. */
  late(reason: Error): void {
    this.#availability.late(reason);
  }

  /**
   * Finds out in the background whether it is up again, by a list where there is one that failed; past the cache, at most
   * one attempt at a time, and none in the pause after an outage.
   */
  probe(list?: GatewayCall): void {
    if (this.#probing || this.#availability.refusal !== undefined) return;
    this.#probing = true;
    const controller = new AbortController();
    const timer = setTimeout(() => {
      controller.abort(new Error(`no sign of life within ${PROBE_TIMEOUT} ms`));
    }, PROBE_TIMEOUT);
    const { signal } = controller;
    const attempt = async (connection: UpstreamConnection): Promise<void> => {
      if (list === undefined) return connection.ping(signal);
      await connection.request({ ...list, params: new Map() }, signal);
      this.#availability.listed();
    };
    void this.#pool
      .use(attempt, { signal })
      // What fails is known already: the upstream is not up.
      .catch(() => {})
      .finally(() => {
        clearTimeout(timer);
        this.#probing = false;
      });
  }

  /** Drops what is kept of one kind. */
  async forget(feature: Feature): Promise<void> {
    await this.#cache.invalidateTag(`${this.id}:${feature}`);
  }

  offers(feature: Feature): boolean {
    return this.#info?.capabilities[feature] !== undefined;
  }

  /** @throws PoolError, BatchError, UpstreamError; `signal.reason` on abort */
  async call(call: GatewayCall, signal: AbortSignal): Promise<Obtained> {
    const policy = callPolicy(call.rule, call.params, this.config.rules);
    if (!policy.cache && !policy.merge)
      return { kept: await this.#load(call, policy, undefined, signal), source: 'upstream' };
    const { protocolVersion, era } = await this.info(signal);
    const key = cacheKey({
      upstream: this.id,
      principal: call.principal,
      protocolVersion,
      method: call.method,
      params: call.params,
      clientCapabilities: era === 'modern' ? (call.clientCapabilities ?? {}) : {},
      paramHeaders: call.paramHeaders,
    });
    if (!policy.cache) return { kept: await this.#load(call, policy, key, signal), source: 'upstream' };
    return this.#cached(key, call, policy, signal);
  }

  get state(): UpstreamState {
    return {
      id: this.id,
      transport: this.config.target.kind,
      connected: this.#pool.getMetrics().totalConnections > 0,
      info: this.#info,
      lastError: this.#availability.failure?.message,
      pool: this.#pool.getMetrics(),
      batcher: this.#batcher.getMetrics(),
    };
  }

  /** The cores, for the monitor to observe. */
  get sources(): {
    readonly pool: ConnectionPool<UpstreamConnection>;
    readonly batcher: RequestBatcher<Forwarded, Answer>;
  } {
    return { pool: this.#pool, batcher: this.#batcher };
  }

  /** Ends every connection, however long a process takes to end; calls under way have until `deadline`, in ms. */
  async close(deadline: number): Promise<void> {
    this.#closing = true;
    await this.#pool.close({ deadline });
    await Promise.all(this.#ending);
    await this.#batcher.close();
  }

  async #cached(key: string, call: GatewayCall, policy: CallPolicy, signal: AbortSignal): Promise<Obtained> {
    const asked = performance.now();
    const own: { kept?: Kept } = {};
    const kept = await this.#cache.getOrSet(
      key,
      async (load) => (own.kept = await this.#load(call, policy, undefined, load.signal)),
      { ttl: ({ at, freshUntil }) => freshUntil - at, tags: [this.id, `${this.id}:${call.rule.feature}`], signal },
    );
    return { kept, source: kept === own.kept ? 'upstream' : kept.at < asked ? 'hit' : 'coalesced' };
  }

  async #load(call: GatewayCall, policy: CallPolicy, mergeKey: string | undefined, signal: AbortSignal): Promise<Kept> {
    const timeout = this.#timeoutOf(call);
    try {
      const answer = await this.#batcher.addRequest(
        { call, mergeKey },
        { signal, deadline: performance.now() + timeout },
      );
      return keep(answer, policy, call.rule);
    } catch (error) {
      throw isTimeout(error) ? new CallTimeoutError(timeout) : error;
    }
  }

  #timeoutOf({ rule, params }: GatewayCall): number {
    const { timeout, toolTimeouts } = this.config;
    const tool: unknown =
      rule.kind === 'call' && toolTimeouts.size > 0 ? JSON.parse(params.get('name') ?? 'null') : undefined;
    return Math.min(timeout, (typeof tool === 'string' ? toolTimeouts.get(tool) : undefined) ?? timeout);
  }

  async #forward(call: GatewayCall, signal: AbortSignal): Promise<Answer> {
    const start = performance.now();
    let outcome: Outcome = 'error';
    try {
      const answer = await this.#send(call, signal);
      this.#availability.reached();
      if (call.rule.kind === 'list') this.#availability.listed();
      outcome = outcomeOf(answer, call.rule);
      return answer;
    } catch (error) {
      if (signal.aborted) outcome = 'cancelled';
      throw error;
    } finally {
      this.#observe(this.id, call.method, outcome, performance.now() - start);
    }
  }

  /**
   * Sends again, once, what certainly did not reach the upstream (the connection was found dead, or its session lost), and
   * a list or a read whose connection broke: these change nothing.
   */
  async #send(call: GatewayCall, signal: AbortSignal): Promise<Answer> {
    const once = (): Promise<Answer> => this.#pool.use((connection) => connection.request(call, signal), { signal });
    const before = this.#info;
    try {
      return await once();
    } catch (error) {
      if (signal.aborted || !maySendAgain(error, call.rule)) throw error;
      // An upstream of the same era as before has refused the call itself, whatever its words were.
      const isSuspicion = isUpstreamError(error) && error.code === 'MCP_ERA_CHANGED';
      if (isSuspicion && (await this.info(signal)).era === before?.era) throw error;
      return once();
    }
  }

  async #connect(signal: AbortSignal): Promise<UpstreamConnection> {
    const { refusal } = this.#availability;
    if (refusal !== undefined) throw refusal;
    try {
      const listen = (method: string): void => {
        this.#onNotification(method);
      };
      const connection = await connect(this.config.target, this.#info, listen, signal);
      // What an earlier process said may not hold for this one.
      const isRestart = this.#info !== undefined && this.config.target.kind === 'stdio';
      this.#info = connection.info;
      this.#availability.reached();
      if (isRestart) void this.#cache.invalidateTag(this.id);
      return connection;
    } catch (error) {
      this.#availability.unreachable(error);
      this.#tell(error);
      throw error;
    }
  }

  /** A connection has ended by itself. */
  #lose(reason: Error | undefined): void {
    // What it was is not what it is: the next connection asks again.
    if (isUpstreamError(reason) && reason.code === 'MCP_ERA_CHANGED') this.#info = undefined;
    this.#tell(reason);
  }

  /** What goes wrong with an upstream's connections is the operator's to know, its last words included. */
  #tell(reason: unknown): void {
    if (reason === undefined || this.#closing) return;
    const words = isUpstreamError(reason) ? reason.lastWords : undefined;
    this.#log(
      `${explainFailure(this.id, reason)}${words === undefined || words === '' ? '' : `; its last words: ${words}`}`,
    );
  }

  #end(connection: UpstreamConnection): Promise<void> {
    const ended = connection.close().finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
    return ended;
  }

  #onNotification(method: string): void {
    const feature = LIST_CHANGES.get(method);
    if (feature !== undefined) void this.forget(feature);
  }
}

const LIST_CHANGES: ReadonlyMap<string, Feature> = new Map([
  ['notifications/tools/list_changed', 'tools'],
  ['notifications/prompts/list_changed', 'prompts'],
  ['notifications/resources/list_changed', 'resources'],
  ['notifications/resources/updated', 'resources'],
]);

export interface UpstreamState {
  readonly id: string;
  readonly transport: 'stdio' | 'http';
  readonly connected: boolean;
  readonly info: UpstreamInfo | undefined;
  readonly lastError: string | undefined;
  readonly pool: PoolMetrics;
  readonly batcher: BatcherMetrics;
}

function keep(answer: Answer, policy: CallPolicy, rule: Method): Kept {
  const at = performance.now();
  const freshUntil = at + lifetime(answer, policy);
  return { answer, outcome: outcomeOf(answer, rule), nextCursor: nextCursorOf(answer, rule), at, freshUntil };
}

function outcomeOf(answer: Answer, rule: Method): Kept['outcome'] {
  if (answer.kind === 'error') return 'error';
  return rule.kind === 'call' && isToolError(answer) ? 'tool_error' : 'ok';
}

function nextCursorOf(answer: Answer, rule: Method): string | undefined {
  const raw = answer.kind === 'result' && rule.kind === 'list' ? rawMembers(answer.body).get('nextCursor') : undefined;
  const cursor: unknown = raw === undefined ? undefined : JSON.parse(raw);
  return typeof cursor === 'string' ? cursor : undefined;
}

/** What undici says when a kept-alive socket turns out to be closed, and Node when one is reset. */
const BROKEN_SOCKET: ReadonlySet<unknown> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'MCP_CONNECTION_CLOSED']);

/** Not reached, but another try at once would fare no better. */
const NOT_CURED: ReadonlySet<string> = new Set(['MCP_HTTP_STATUS', 'MCP_BACKPRESSURE']);

function maySendAgain(error: unknown, { kind }: Method): boolean {
  if (isUpstreamError(error) && error.notProcessed) return !NOT_CURED.has(error.code);
  const changesNothing = kind === 'list' || kind === 'read';
  return changesNothing && error instanceof Error && 'code' in error && BROKEN_SOCKET.has(error.code);
}
