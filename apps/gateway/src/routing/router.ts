import { errorAnswer, errorBody, ErrorCode, type Answer, type Hints, type Method } from '@forge/mcp/protocol';
import type { GatewayCall, Kept, Source, Upstream } from '../upstreams/upstream.ts';
import { CallTimeoutError, explainFailure, failureBody } from '../upstreams/failure.ts';
import { withFrontUris } from './front-uris.ts';
import { mergedHints, mergeLists, readList, type Part } from './merged-list.ts';
import { resourceUris, toolNames, type Names } from './names.ts';

export interface Routed {
  readonly answer: Answer;
  readonly outcome: Kept['outcome'];
  /** Of lists and reads alone: only they carry hints. */
  readonly hints: Hints | undefined;
  readonly source: Source | undefined;
}

/** A list is given without an upstream that has not answered by then, in ms. */
const LIST_DEADLINE = 10_000;

/**
 * Finds the upstream that a call means, and under which name. One upstream stands behind the endpoint as it is; several
 * are told apart by prefixes, and their lists are asked for at once and merged.
 */
export class Router {
  readonly upstreams: readonly Upstream[];
  readonly #byId: ReadonlyMap<string, Upstream>;
  readonly #names: Names;
  readonly #uris: Names;
  readonly #merged = new Map<string, { readonly pages: readonly Kept[]; readonly answer: Answer }>();

  constructor(upstreams: readonly Upstream[]) {
    this.upstreams = upstreams;
    this.#byId = new Map(upstreams.map((upstream) => [upstream.id, upstream]));
    // The longest first, so that `a+b` is not taken for `a`.
    const ids = upstreams.map(({ id }) => id).sort((a, b) => b.length - a.length);
    this.#names = toolNames(ids);
    this.#uris = resourceUris(ids);
  }

  /** Never rejects: what goes wrong is a JSON-RPC error for the client. */
  async route(call: GatewayCall, signal: AbortSignal): Promise<Routed> {
    const only = this.upstreams.length === 1 ? this.upstreams[0] : undefined;
    if (only !== undefined) return this.#ask(only, call, signal);
    return call.rule.kind === 'list' ? this.#list(call, signal) : this.#askNamed(call, signal);
  }

  async #ask(upstream: Upstream, call: GatewayCall, signal: AbortSignal): Promise<Routed> {
    try {
      const { kept, source } = await upstream.call(call, signal);
      return { answer: kept.answer, outcome: kept.outcome, hints: hintsOf(kept, call.rule), source };
    } catch (error) {
      return failed(failureBody(upstream.id, error));
    }
  }

  async #askNamed(call: GatewayCall, signal: AbortSignal): Promise<Routed> {
    const member = call.rule.nameMember ?? 'name';
    const front: unknown = JSON.parse(call.params.get(member) ?? 'null');
    const names = member === 'uri' ? this.#uris : this.#names;
    const meant = typeof front === 'string' ? names.split(front) : undefined;
    const upstream = meant === undefined ? undefined : this.#byId.get(meant.upstream);
    if (meant === undefined || upstream === undefined) return failed(unknownName(call.rule, front, names));
    const params = new Map(call.params).set(member, JSON.stringify(meant.name));
    const routed = await this.#ask(upstream, { ...call, params }, signal);
    return { ...routed, answer: withFrontUris(routed.answer, call.rule, (uri) => this.#uris.join(upstream.id, uri)) };
  }

  async #list(call: GatewayCall, signal: AbortSignal): Promise<Routed> {
    const outcomes = await Promise.all(this.upstreams.map((upstream) => this.#readPart(upstream, call, signal)));
    const parts = outcomes.flatMap(({ part }) => part ?? []);
    const failures = outcomes.flatMap(({ failure }) => failure ?? []);
    if (parts.length === 0 && failures.length > 0) return failed(errorBody(ErrorCode.upstream, failures.join('; ')));
    const answer = this.#mergedAnswer(parts, call);
    const hints = mergedHints(parts, performance.now());
    const source = parts.every((part) => part.source === 'hit') ? 'hit' : 'upstream';
    // A list with a part missing is not to be kept by anybody.
    return { answer, outcome: 'ok', hints: failures.length > 0 ? { ...hints, ttl: 0 } : hints, source };
  }

  /** One upstream's part of a list. One that is down is not waited for: it is looked after in the background. */
  async #readPart(
    upstream: Upstream,
    call: GatewayCall,
    signal: AbortSignal,
  ): Promise<{ part?: Part; failure?: string }> {
    if (!upstream.isUp) {
      upstream.probe(call);
      return { failure: explainFailure(upstream.id, upstream.failure) };
    }
    const late = new AbortController();
    const timer = setTimeout(() => {
      const reason = new Error(`no list within ${LIST_DEADLINE} ms`);
      upstream.late(reason);
      late.abort(reason);
    }, LIST_DEADLINE);
    const giveUp = (): void => {
      late.abort(signal.reason);
    };
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      await upstream.info(late.signal);
      if (!upstream.offers(call.rule.feature)) return {};
      const part = await readList(upstream, call, late.signal);
      const error = part.pages.find(({ answer }) => answer.kind === 'error')?.answer;
      if (error === undefined) return { part };
      // A cursor that has grown old, for one: the first page that is kept is of another list then.
      await upstream.forget(call.rule.feature);
      return { failure: `${upstream.id}: ${error.body}` };
    } catch (error) {
      if (error instanceof CallTimeoutError) upstream.late(error);
      return { failure: explainFailure(upstream.id, error) };
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** While every page is the very one that was merged last, so is the answer: of whatever principal it is. */
  #mergedAnswer(parts: readonly Part[], call: GatewayCall): Answer {
    const pages = parts.flatMap((part) => part.pages);
    const last = this.#merged.get(call.method);
    if (
      last !== undefined &&
      last.pages.length === pages.length &&
      last.pages.every((page, index) => page === pages[index])
    ) {
      return last.answer;
    }
    const names = call.rule.itemName === 'name' ? this.#names : this.#uris;
    const answer = mergeLists(parts, call.rule, (upstream, name) => names.join(upstream, name));
    this.#merged.set(call.method, { pages, answer });
    return answer;
  }
}

function hintsOf(kept: Kept, rule: Method): Hints | undefined {
  if ((rule.kind !== 'list' && rule.kind !== 'read') || kept.answer.kind === 'error') return undefined;
  return { ttl: Math.max(kept.freshUntil - performance.now(), 0), scope: kept.answer.scope };
}

function failed(body: string): Routed {
  return { answer: errorAnswer(body), outcome: 'error', hints: undefined, source: undefined };
}

function unknownName(rule: Method, name: unknown, names: Names): string {
  const what = rule.feature.slice(0, -1);
  return errorBody(
    ErrorCode.invalidParams,
    `Unknown ${what}: ${JSON.stringify(name)}; with several servers a ${what} is called ${names.join('server', 'name')}`,
  );
}
