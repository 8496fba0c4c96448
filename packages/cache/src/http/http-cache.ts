import { EventEmitter } from 'node:events';
import { emit, functionOption, objectOption, signalOption, stringOption } from '@forge/internal';
import { answerFrom, streamedAnswer } from './answer.ts';
import { requestDirectives, type Directives } from './cache-control.ts';
import { withCacheStatus, type CacheStatus, type ForwardReason } from './cache-status.ts';
import { hasValidator, isConditional, isForOrigin } from './conditional.ts';
import { abandon, Fetcher } from './fetcher.ts';
import { orAborted, type Flight } from './flight.ts';
import { hasField, parseUrl, type HttpRequest, type HttpResponse } from './http-message.ts';
import { httpCounters, type HttpCacheMetrics, type HttpCounters } from './http-metrics.ts';
import { httpCacheSettings, type HttpCacheOptions, type HttpCacheSettings } from './http-options.ts';
import { invalidatedBy, isSafe, representsGet, type Invalidated } from './invalidation.ts';
import type { Job, Outcome, Shared } from './job.ts';
import { variantKey } from './keys.ts';
import { reuseOf, type Reuse } from './reuse.ts';
import { completeBody, type StoredResponse } from './stored-response.ts';
import { getTarget, targetOf, type Target } from './target.ts';
import { completionOf, whileRead, type Forward, type Plan } from './upstream.ts';
import type { Selection } from './variants.ts';

/** The events of an `HttpCache`; each has one frozen object. */
export interface HttpCacheEvents {
  /** The store or a refresh failed; the client was answered all the same. */
  httpCacheError: [{ readonly url: string; readonly error: unknown }];
}

/**
 * An HTTP cache (RFC 9111) for whole requests with their responses, free of any framework: what goes between a server and
 * the function that answers its requests, be that a proxy's client or an application.
 *
 * What may not be stored, may not be shared or cannot be understood goes through untouched. A failure of the store is a
 * miss, told of by `httpCacheError`.
 *
 * @example
 * const cache = new HttpCache({ cache: new ResponseCache<HttpRecord>({ maxBytes: 2 ** 28 }) });
 * const response = await cache.handle({ method: 'GET', url, headers, signal }, forward);
 */
export class HttpCache extends EventEmitter<HttpCacheEvents> {
  /** All are counters. */
  readonly metricKinds: Readonly<Record<string, 'counter'>>;

  readonly #settings: HttpCacheSettings;
  readonly #fetcher: Fetcher;
  readonly #counters: HttpCounters = httpCounters();

  /** @throws TypeError or RangeError when an option has the wrong type or is out of range */
  constructor(options: HttpCacheOptions) {
    super();
    this.#settings = httpCacheSettings(options);
    const kinds = Object.keys(this.#counters).map((name) => [name, 'counter'] as const);
    this.metricKinds = Object.freeze(Object.fromEntries(kinds));
    this.#fetcher = new Fetcher(this.#settings, (error, url) => this.#failed(error, url));
  }

  /**
   * Answers from the cache or else forwards.
   *
   * Requests for the same thing that come while it is fetched share one call of `forward`, if its answer may be shared.
   * `forward` gets the request with conditions of the cache's own, where something stored can be validated, and with a
   * signal that aborts when nobody waits any more. For `stale-while-revalidate` it is called after the client has its
   * answer, and it is called twice for one request when the first answer turns out useless.
   *
   * The body of the response is to be read to its end, or its iterator's `return()` called. A client that leaves early
   * does not harm the stored copy: up to `maxBodyBytes` the body is read without it.
   *
   * Rejects with what `forward` rejects with, and with the signal's reason.
   */
  handle(request: HttpRequest, forward: Forward): Promise<HttpResponse> {
    const subject = 'handle a request';
    objectOption(subject, 'the request', request);
    stringOption(subject, 'method', request.method);
    stringOption(subject, 'url', request.url);
    if (!Array.isArray(request.headers)) objectOption(subject, 'headers, as a list of fields,', undefined);
    functionOption(subject, 'forward', forward);
    signalOption(subject, request.signal);
    if (request.signal?.aborted === true) return Promise.reject(request.signal.reason as Error);
    return this.#handle(request, forward);
  }

  /** A frozen snapshot of the counters. */
  getMetrics(): HttpCacheMetrics {
    return Object.freeze({ ...this.#counters });
  }

  async #handle(request: HttpRequest, forward: Forward): Promise<HttpResponse> {
    const { method, headers, body } = request;
    const url = parseUrl(request.url);
    if (url === undefined) return this.#pass(request, forward, 'bypass');
    const target = targetOf(url, request, this.#settings);
    if (target === undefined) {
      if (!isSafe(method)) return this.#unsafe(url, request, forward);
      return this.#pass(request, forward, body === undefined ? 'method' : 'bypass');
    }
    const wishes = requestDirectives(request.headers);
    if (wishes === undefined || isForOrigin(headers)) return this.#pass(request, forward, 'bypass');
    return this.#read(target, request, wishes, forward);
  }

  async #read(target: Target, request: HttpRequest, wishes: Directives, forward: Forward): Promise<HttpResponse> {
    const { known, stored } = await this.#select(target, request);
    const now = this.#settings.clock.now();
    const reuse = stored && reuseOf(stored, wishes, this.#settings.shared, now);
    const job: Job = { target, request, wishes, stored, forward, plan: planFor(request, stored, reuse) };
    if (stored !== undefined && reuse !== undefined && isUsable(reuse)) {
      const answer = answerFrom(stored, request, now);
      if (answer !== undefined) {
        if (reuse.verdict === 'refresh') this.#refresh(job, stored);
        this.#counters.hits++;
        return this.#marked(answer, { hit: true, ttl: reuse.ttl });
      }
    }
    if (wishes.has('only-if-cached')) {
      this.#counters.misses++;
      return this.#marked(GATEWAY_TIMEOUT, {});
    }
    const fwd = reasonOf(known, reuse);
    if (request.method !== 'HEAD') return this.#fetch(job, fwd, isJoinable(job, reuse));
    const response = await this.#fetcher.head(job);
    this.#counters.misses++;
    return this.#marked(response, { fwd });
  }

  async #fetch(job: Job, fwd: ForwardReason, joinable: boolean): Promise<HttpResponse> {
    const { target, request } = job;
    const running = joinable ? this.#fetcher.running(target) : undefined;
    if (running !== undefined) {
      const { shared, fwdStatus } = await running.join(request.signal);
      const answer = shared && (await this.#join(shared, job));
      if (answer !== undefined) {
        this.#counters.collapsed++;
        return this.#marked(answer, { fwd, fwdStatus, collapsed: true });
      }
    }
    // Who has waited in vain goes alone: to wait again would be to go one by one.
    const flight = this.#fetcher.start(job, joinable && running === undefined);
    const outcome = await flight.join(request.signal, (abandoned) => abandon(abandoned, flight));
    return this.#landed(outcome, flight, job, fwd);
  }

  /** The answer for a request that waited for another's. */
  async #join(shared: Shared, { target, request, wishes }: Job): Promise<HttpResponse | undefined> {
    const { head, vary, key, standsIn, record, stream } = shared;
    if (variantKey(target.resource, vary, request.headers) !== key) return undefined;
    const now = this.#settings.clock.now();
    if (!standsIn && !isUsable(reuseOf(head, wishes, this.#settings.shared, now))) return undefined;
    const body = isConditional(request.headers) ? undefined : stream?.read();
    if (body !== undefined) return streamedAnswer(head, body, stream!.length, now);
    const stored = await orAborted(record, request.signal);
    return stored && answerFrom(stored, request, now);
  }

  /** The answer for the request that a flight was for. */
  #landed(outcome: Outcome, flight: Flight<Outcome>, { request }: Job, fwd: ForwardReason): HttpResponse {
    const { arrived, own, shared, fwdStatus } = outcome;
    if (arrived !== undefined) {
      this.#counters.misses++;
      if (shared !== undefined) return this.#marked(arrived, { fwd, stored: true });
      return this.#marked(
        whileRead(arrived, request.signal, () => abandon(outcome, flight)),
        { fwd },
      );
    }
    const standsIn = shared?.standsIn === true;
    this.#counters[standsIn ? 'stoodIn' : 'revalidated']++;
    // What was validated is whole, and what stands in was seen to answer.
    const answer = answerFrom(own!, request, this.#settings.clock.now())!;
    return this.#marked(answer, { fwd, fwdStatus, detail: standsIn ? 'stale-if-error' : undefined });
  }

  #refresh(job: Job, stored: StoredResponse): void {
    const { request } = job;
    const canAsk = canValidate(request, stored);
    // What the client asks under conditions of its own would not renew what is stored.
    if (request.method === 'HEAD' || (!canAsk && isConditional(request.headers))) return;
    const plan: Plan = canAsk ? { kind: 'validate', stored } : { kind: 'forward' };
    if (this.#fetcher.refresh({ ...job, plan, request: { ...request, signal: undefined } })) this.#counters.refreshes++;
  }

  async #unsafe(url: URL, request: HttpRequest, forward: Forward): Promise<HttpResponse> {
    const { clock } = this.#settings;
    this.#counters.bypassed++;
    const requestedAt = clock.now();
    let response: HttpResponse;
    try {
      response = await forward(request);
    } catch (error) {
      // It may have been done all the same.
      await this.#invalidate({ urls: [url.href], groups: [] }, url);
      throw error;
    }
    const times = { requestedAt, receivedAt: clock.now() };
    await this.#invalidate(invalidatedBy(url, response), url);
    const wishes = requestDirectives(request.headers);
    if (wishes === undefined || !representsGet(url, request, response))
      return this.#marked(response, { fwd: 'method' });
    const target = getTarget(url, request, this.#settings);
    const job: Job = { target, request, wishes, stored: undefined, forward, plan: { kind: 'forward' } };
    const { arrived, shared } = await this.#fetcher.keep(job, response, times);
    return this.#marked(arrived ?? response, { fwd: 'method', stored: shared !== undefined });
  }

  async #invalidate(invalidated: Invalidated, url: URL): Promise<void> {
    await this.#fetcher.invalidate(invalidated, url).catch((error: unknown) => this.#failed(error, url));
  }

  async #pass(request: HttpRequest, forward: Forward, fwd: ForwardReason): Promise<HttpResponse> {
    this.#counters.bypassed++;
    return this.#marked(await forward(request), { fwd });
  }

  async #select({ resource, url }: Target, { headers, signal }: HttpRequest): Promise<Selection> {
    const selection = this.#fetcher.variants.select(resource, headers).catch((error: unknown): Selection => {
      this.#failed(error, url);
      return { known: false, stored: undefined };
    });
    return orAborted(selection, signal);
  }

  #marked(response: HttpResponse, status: CacheStatus): HttpResponse {
    return { ...response, headers: withCacheStatus(response.headers, this.#settings.name, status) };
  }

  #failed(error: unknown, { href: url }: URL): void {
    this.#counters.errors++;
    emit(this, 'httpCacheError', () => ({ url, error }));
  }
}

/** Wishes that shape what an answer comes to. */
const OF_ONE_CLIENT = ['no-store', 'no-cache', 'stale-if-error'] as const;
/** RFC 9111 §5.2.1.7 */
const GATEWAY_TIMEOUT: HttpResponse = { status: 504, headers: [['Content-Length', '0']] };

function isUsable({ verdict }: Reuse): boolean {
  return verdict === 'fresh' || verdict === 'refresh';
}

function canValidate(request: HttpRequest, stored: StoredResponse): boolean {
  return request.method === 'GET' && completeBody(stored) !== undefined && hasValidator(stored.headers);
}

function planFor(request: HttpRequest, stored: StoredResponse | undefined, reuse: Reuse | undefined): Plan {
  const forward: Plan = { kind: 'forward' };
  if (stored === undefined || reuse === undefined || request.method !== 'GET') return forward;
  if (!isUsable(reuse)) return canValidate(request, stored) ? { kind: 'validate', stored } : forward;
  return hasField(request.headers, 'range') ? forward : (completionOf(stored) ?? forward);
}

/** Whether the request's answer depends on nothing but what its resource's variants depend on. */
function isJoinable({ plan, request, wishes }: Job, reuse: Reuse | undefined): boolean {
  if (OF_ONE_CLIENT.some((name) => wishes.has(name)) || reuse?.verdict === 'request') return false;
  return plan.kind !== 'forward' || !isConditional(request.headers);
}

function reasonOf(known: boolean, reuse: Reuse | undefined): ForwardReason {
  if (reuse === undefined) return known ? 'vary-miss' : 'uri-miss';
  if (isUsable(reuse)) return 'partial';
  return reuse.verdict === 'request' ? 'request' : 'stale';
}
