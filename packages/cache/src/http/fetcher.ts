import { after } from '@forge/internal';
import type { Milliseconds } from '../units.ts';
import { answerFrom } from './answer.ts';
import { closeSource } from './body-reader.ts';
import { freshenByHead } from './conditional.ts';
import { Fences, type Fence } from './fences.ts';
import { Flight } from './flight.ts';
import type { ResponseTimes } from './freshness.ts';
import type { HttpResponse } from './http-message.ts';
import type { HttpCacheSettings } from './http-options.ts';
import type { Invalidated } from './invalidation.ts';
import { NOTHING_TO_STORE, type FetchTerms, type Job, type Outcome } from './job.ts';
import { Keeper, sharedRecord, supersedes } from './keeper.ts';
import { groupTag, urlTag } from './keys.ts';
import { mayStandIn } from './reuse.ts';
import type { Target } from './target.ts';
import { Unshared } from './unshared.ts';
import { fetchFor } from './upstream.ts';
import { Variants } from './variants.ts';

/** Errors of a server that `stale-if-error` covers (RFC 5861 §4). */
const SERVER_ERRORS: ReadonlySet<number> = new Set([500, 502, 503, 504]);
const REFRESH_TIME: Milliseconds = 30_000;

/**
 * Fetches what is missing.
 *
 * One flight per resource: requests that come while it is on its way wait for its answer (RFC 9111 §4), unless the
 * resource is known for answers that cannot be shared. A flight stays joinable until its answer is stored, so that no
 * request falls between the two.
 */
export class Fetcher {
  readonly variants: Variants;
  readonly #settings: HttpCacheSettings;
  readonly #onError: (error: unknown, url: URL) => void;
  readonly #keeper: Keeper;
  readonly #flights = new Map<string, { readonly flight: Flight<Outcome>; readonly fence: Fence }>();
  readonly #fences = new Fences();
  readonly #unshared: Unshared;

  constructor(settings: HttpCacheSettings, onError: (error: unknown, url: URL) => void) {
    this.#settings = settings;
    this.#onError = onError;
    this.variants = new Variants(settings.cache);
    this.#keeper = new Keeper(settings, this.variants, onError);
    this.#unshared = new Unshared(settings.clock);
  }

  /** The flight for the resource that a request may join. */
  running({ resource }: Target): Flight<Outcome> | undefined {
    return this.#unshared.has(resource) ? undefined : this.#latest(resource);
  }

  /** @param joinable whether other requests may wait for it: its own conditions and wishes must not shape the answer */
  start(job: Job, joinable: boolean): Flight<Outcome> {
    return this.#launch(job, joinable, async (terms, signal) => {
      const outcome = await this.#fetch({ ...job, request: { ...job.request, signal } }, terms);
      if (joinable) this.#unshared.note(job.target.resource, outcome.shared === undefined);
      return outcome;
    });
  }

  /** Renews what is stored, behind the back of its client; returns false when that goes on already. */
  refresh(job: Job): boolean {
    if (this.#latest(job.target.resource) !== undefined) return false;
    const flight = this.start(job, true);
    const stop = after(REFRESH_TIME, () => flight.abort(new Error('The refresh took too long')), { unref: true });
    const refreshed = flight.join(undefined).then((outcome) => {
      abandon(outcome, flight);
      if (outcome.failure !== undefined) this.#onError(outcome.failure, job.target.url);
    });
    void refreshed.catch((error: unknown) => this.#onError(error, job.target.url)).finally(stop);
    return true;
  }

  /** Stores an answer that came by another way; the outcome has what is to be read in its place. */
  keep(job: Job, response: HttpResponse, times: ResponseTimes): Promise<Outcome> {
    const arrive = async (terms: FetchTerms): Promise<Outcome> => this.#keeper.arrived(job, response, times, terms);
    return this.#launch(job, true, arrive).join(undefined);
  }

  /** Forwards a HEAD; what its answer says about the stored response updates or removes that (RFC 9111 §4.3.5). */
  async head(job: Job): Promise<HttpResponse> {
    const { target, request, stored, forward } = job;
    const { clock } = this.#settings;
    const fence = this.#fences.open(target.url);
    try {
      const requestedAt = clock.now();
      const response = await forward(request);
      if (stored === undefined || !supersedes(response.status)) return response;
      const updated = freshenByHead(stored, response, { requestedAt, receivedAt: clock.now() });
      await (updated === undefined ? this.#keeper.drop(job) : this.#keeper.validated(job, updated, fence).storing);
      return response;
    } finally {
      this.#fences.close(fence);
    }
  }

  async invalidate({ urls, groups }: Invalidated, { origin }: URL): Promise<void> {
    // Which groups an answer belongs to is known only when it is there.
    this.#fences.break((url) => urls.includes(url.href) || (groups.length > 0 && url.origin === origin));
    const tags = [...urls.map(urlTag), ...groups.map((group) => groupTag(origin, group))];
    await Promise.all(tags.map((tag) => this.#settings.cache.invalidateTag(tag)));
  }

  #launch(
    { target: { resource, url } }: Job,
    joinable: boolean,
    run: (terms: FetchTerms, signal: AbortSignal) => Promise<Outcome>,
  ): Flight<Outcome> {
    const fence = this.#fences.open(url);
    const flight = new Flight<Outcome>(async (signal, abort) => {
      let storing: Promise<unknown> = NOTHING_TO_STORE;
      try {
        const outcome = await run({ fence, abort }, signal);
        ({ storing } = outcome);
        return outcome;
      } finally {
        void storing.then(() => {
          this.#fences.close(fence);
          if (this.#flights.get(resource)?.flight === flight) this.#flights.delete(resource);
        });
      }
    });
    if (joinable) this.#flights.set(resource, { flight, fence });
    return flight;
  }

  /** The flight that will renew the resource; where answers cannot be shared there are others beside it. */
  #latest(resource: string): Flight<Outcome> | undefined {
    const latest = this.#flights.get(resource);
    return latest === undefined || latest.fence.broken || latest.flight.aborted ? undefined : latest.flight;
  }

  async #fetch(job: Job, terms: FetchTerms): Promise<Outcome> {
    const { clock, staleOnDisconnect } = this.#settings;
    let fetched;
    try {
      fetched = await fetchFor(job.plan, job.request, job.forward, () => clock.now());
    } catch (error) {
      const standIn = this.#standIn(job, terms, staleOnDisconnect);
      if (standIn === undefined || job.request.signal?.aborted === true) throw error;
      return { ...standIn, failure: error };
    }
    const { response, validated } = fetched;
    if (validated !== undefined) return this.#keeper.validated(job, validated, terms.fence);
    const standIn = SERVER_ERRORS.has(response.status) ? this.#standIn(job, terms, 0) : undefined;
    if (standIn === undefined) return this.#keeper.arrived(job, response, fetched, terms);
    // Its body may never end, and nobody reads it.
    terms.abort();
    return { ...standIn, fwdStatus: response.status };
  }

  /** @param allowance how stale it may be where neither side says so */
  #standIn(
    { stored, request, wishes, target }: Job,
    { fence }: FetchTerms,
    allowance: Milliseconds,
  ): Outcome | undefined {
    if (stored === undefined || fence.broken) return undefined;
    const { shared, clock } = this.#settings;
    const now = clock.now();
    if (!mayStandIn(stored, wishes, { shared, now, allowance })) return undefined;
    if (answerFrom(stored, request, now) === undefined) return undefined;
    const forOthers = sharedRecord(target, request, stored, true);
    return { own: stored, shared: forOthers, storing: NOTHING_TO_STORE };
  }
}

/** Lets go of an outcome whose client has left. */
export function abandon({ arrived, shared }: Outcome, flight: Flight<Outcome>): void {
  // A body that is shared goes on being read for others and for storage; its reader is one that knows how to leave.
  if (shared === undefined) flight.abort();
  else if (arrived?.body !== undefined && !(arrived.body instanceof Uint8Array)) {
    closeSource(arrived.body[Symbol.asyncIterator]());
  }
}
