import { admissionOf, isUnstorable } from './admission.ts';
import { BodyCollector } from './body-collector.ts';
import { strongTag } from './conditional.ts';
import type { Fence } from './fences.ts';
import type { ResponseTimes } from './freshness.ts';
import { groupsOf } from './groups.ts';
import { statedLength, withoutFields, type HttpRequest, type HttpResponse } from './http-message.ts';
import type { HttpCacheSettings } from './http-options.ts';
import { NOTHING_TO_STORE, type FetchTerms, type Job, type Outcome, type Shared } from './job.ts';
import { groupTag, urlTag, variantKey } from './keys.ts';
import { receivedPart, withPart } from './ranges.ts';
import { retentionOf } from './reuse.ts';
import { completeBody, storedHead, withCompleteBody, type StoredHead, type StoredResponse } from './stored-response.ts';
import type { Target } from './target.ts';
import { parseVary } from './vary.ts';
import type { Variants } from './variants.ts';

/** Decides which answers are stored, and stores them while they stream to their clients. */
export class Keeper {
  readonly #settings: HttpCacheSettings;
  readonly #variants: Variants;
  readonly #onError: (error: unknown, url: URL) => void;

  constructor(settings: HttpCacheSettings, variants: Variants, onError: (error: unknown, url: URL) => void) {
    this.#settings = settings;
    this.#variants = variants;
    this.#onError = onError;
  }

  /** An answer with a body of its own. */
  arrived(
    job: Job,
    response: HttpResponse,
    { requestedAt, receivedAt }: ResponseTimes,
    { fence, abort }: FetchTerms,
  ): Outcome {
    const { target, request, wishes } = job;
    const { maxBodyBytes, shared: isShared } = this.#settings;
    const { status, headers, body = new Uint8Array() } = response;
    const timed = { status, headers, requestedAt, receivedAt };
    const length = statedLength(headers);
    const admission = admissionOf(request, wishes, timed, isShared);
    const isStorable = length === undefined || length <= maxBodyBytes;
    if (admission === undefined || !isStorable) {
      const outdates = supersedes(status) && (!isStorable || isUnstorable(timed, isShared));
      return { arrived: response, storing: outdates ? this.drop(job) : NOTHING_TO_STORE };
    }
    const { vary, omitted } = admission;
    const head = storedHead(response, timed, omitted);
    const key = variantKey(target.resource, vary, request.headers);
    const collector = body instanceof Uint8Array ? undefined : new BodyCollector(body, maxBodyBytes, abort);
    const record = this.#told(
      target,
      this.#recordOf(job, head, response, collector?.collected ?? (body as Uint8Array)),
    );
    const streams = collector !== undefined && length !== undefined && status === 200;
    const stream = streams ? { length, read: () => collector.join() } : undefined;
    return {
      arrived: collector === undefined ? response : { ...response, body: collector.read() },
      shared: { head, vary, key, standsIn: false, record, stream },
      storing: this.#put(job, vary, record, fence),
    };
  }

  /** A stored response that the next server has just said to be valid. */
  validated(job: Job, validated: StoredResponse, fence: Fence): Outcome {
    const { target, request, wishes } = job;
    const { shared: isShared } = this.#settings;
    const own = { own: validated, fwdStatus: 304 };
    const admission = admissionOf(request, wishes, validated, isShared);
    if (admission === undefined) {
      const storing = isUnstorable(validated, isShared) ? this.drop(job) : NOTHING_TO_STORE;
      return { ...own, storing };
    }
    const stored = { ...validated, headers: withoutFields(validated.headers, new Set(admission.omitted)) };
    const shared = sharedRecord(target, request, stored, false);
    return { ...own, shared, storing: this.#put(job, admission.vary, shared.record, fence) };
  }

  /** The stored response is no longer what the origin answers. */
  drop({ stored, target, request }: Job): Promise<unknown> {
    if (stored === undefined) return NOTHING_TO_STORE;
    const vary = parseVary(stored.headers) ?? [];
    return this.#told(target, this.#variants.delete(target.resource, vary, request.headers));
  }

  /** What to store of an answer whose body has come; undefined when it is incomplete (RFC 9111 §3.3) or too long. */
  async #recordOf(
    { target, request }: Job,
    head: StoredHead,
    response: HttpResponse,
    body: Uint8Array | Promise<Uint8Array | undefined>,
  ): Promise<StoredResponse | undefined> {
    const { maxBodyBytes } = this.#settings;
    const bytes = await body;
    if (bytes === undefined || bytes.length > maxBodyBytes) return undefined;
    if (bytes.length !== (statedLength(response.headers) ?? bytes.length)) return undefined;
    if (head.status !== 206) return withCompleteBody(head, bytes);
    const received = receivedPart(request.headers, response.headers, bytes);
    if (received === undefined) return undefined;
    // Read anew, for other parts may have been stored while this one was on its way.
    const { stored } = await this.#variants.select(target.resource, request.headers);
    const tag = strongTag(head.headers);
    const combines =
      tag !== undefined && stored?.length === received.length && strongTag(stored?.headers ?? []) === tag;
    const parts = withPart(combines ? (stored?.parts ?? []) : [], received.part, maxBodyBytes);
    const record: StoredResponse = { ...head, parts, length: received.length };
    return completeBody(record) === undefined ? record : { ...record, status: 200, statusText: 'OK' };
  }

  #put(
    { target, request }: Job,
    vary: readonly string[],
    record: Promise<StoredResponse | undefined>,
    fence: Fence,
  ): Promise<unknown> {
    const { shared, clock, staleOnDisconnect: allowance } = this.#settings;
    const put = async (): Promise<void> => {
      const response = await record;
      if (response === undefined || fence.broken) return;
      const ttl = retentionOf(response, { shared, now: clock.now(), allowance });
      const groups = groupsOf(response.headers).map((group) => groupTag(target.url.origin, group));
      const tags = [urlTag(target.url.href), ...groups];
      const terms = { ttl, tags, isFenced: () => fence.broken };
      await this.#variants.put(target.resource, vary, request.headers, response, terms);
    };
    return this.#told(target, put());
  }

  /** A failure of the store is a miss, and known. */
  #told<T>({ url }: Target, promise: Promise<T>): Promise<T | undefined> {
    return promise.catch((error: unknown) => {
      this.#onError(error, url);
      return undefined;
    });
  }
}

/** What is stored already, for those who wait. */
export function sharedRecord(
  { resource }: Target,
  request: HttpRequest,
  stored: StoredResponse,
  standsIn: boolean,
): Shared {
  const vary = parseVary(stored.headers) ?? [];
  const key = variantKey(resource, vary, request.headers);
  return { head: stored, vary, key, standsIn, record: Promise.resolve(stored) };
}

/** Errors that speak of the resource and not of the request, so that nobody can drive out what others use. */
const OF_THE_RESOURCE: ReadonlySet<number> = new Set([401, 403, 404, 410, 451]);

/** Whether an answer speaks of the resource as it is now, and of the whole. */
export function supersedes(status: number): boolean {
  return status < 400 ? status !== 206 && status !== 304 : OF_THE_RESOURCE.has(status);
}
