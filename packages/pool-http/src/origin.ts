import { after } from '@forge/internal';
import { Balancer, type Clock, type Milliseconds } from '@forge/pool';
import { errors } from 'undici';
import { idOf, keyOf, needsOf, soleEndpoint, USUAL_NEEDS, type RequestOptions } from './destination.ts';
import type { FindEndpoints } from './endpoints.ts';
import { BalancedRoute, onlyRoute, type Route } from './route.ts';

/** How origins find their endpoints. */
export interface OriginLinks {
  readonly clock: Clock;
  readonly random: (() => number) | undefined;
  /** Without it each origin is one endpoint. */
  readonly endpoints: FindEndpoints | undefined;
  readonly refreshInterval: Milliseconds;
  /** An endpoint of the origin is one no more. */
  readonly removed: (origin: URL, endpoint: string) => void;
}

/** An endpoint that fails is a reason to look whether it is still one, but not with each request. */
const PAUSE: Milliseconds = 1_000;

/** A search that takes longer has failed; another one may begin. */
const PATIENCE: Milliseconds = 10_000;

/** An origin that requests have named, and where it is served. */
export class Origin {
  readonly url: URL;
  /** Requests that wait for a connection. */
  waiting = 0;
  /** When it was last named, as a count. */
  lastUsed = 0;
  /** Somebody was told to wait for `drain`. */
  needsDrain = false;
  readonly #links: OriginLinks;
  readonly #usual: Route;
  /** Undefined until endpoints were found; and where nobody looks for them. */
  #balancer: Balancer<string> | undefined;
  #foundAt: Milliseconds = -Infinity;
  #finding: Promise<Balancer<string>> | undefined;

  constructor(url: URL, links: OriginLinks) {
    this.url = url;
    this.#links = links;
    this.#usual = onlyRoute(keyOf(soleEndpoint(url), url, USUAL_NEEDS));
  }

  /** Those that get no requests for a while. */
  get ejected(): number {
    const states = this.#balancer?.endpoints.map((endpoint) => this.#balancer?.statusOf(endpoint)?.state);
    return states?.filter((state) => state === 'ejected' || state === 'probing').length ?? 0;
  }

  /** 0 where they were not found yet. */
  get endpoints(): number {
    return this.#links.endpoints === undefined ? 1 : (this.#balancer?.endpoints.length ?? 0);
  }

  /** The way for a request; undefined where it has to be found first. */
  route(options: RequestOptions): Route | undefined {
    const needs = needsOf(this.url, options);
    if (this.#links.endpoints === undefined) {
      return needs === USUAL_NEEDS ? this.#usual : onlyRoute(keyOf(soleEndpoint(this.url), this.url, needs));
    }
    if (this.#balancer === undefined) return undefined;
    this.#refresh(this.#links.refreshInterval);
    return this.#choose(this.#balancer, needs);
  }

  /** The way for a request whose `route` is not known. */
  async find(options: RequestOptions): Promise<Route> {
    const balancer = await (this.#finding ?? this.#search());
    const route = this.#choose(balancer, needsOf(this.url, options));
    if (route !== undefined) return route;
    throw new errors.SocketError(`no endpoint of ${this.url.origin} is known`);
  }

  /** Another way for a request that got no connection; undefined where there is none. */
  reroute(route: Route, error: unknown, options: RequestOptions): Route | undefined {
    route.failed(error);
    if (this.#balancer === undefined || !(route instanceof BalancedRoute)) return undefined;
    this.#refresh(PAUSE);
    return this.#choose(this.#balancer, needsOf(this.url, options), route.tried);
  }

  #choose(balancer: Balancer<string>, needs: string, tried?: Set<string>): Route | undefined {
    const turn =
      tried === undefined
        ? balancer.pick({ lastResort: true })
        : balancer.pick({ accepts: (endpoint) => !tried.has(endpoint) });
    return turn && new BalancedRoute(keyOf(turn.endpoint, this.url, needs), turn, this.#links.clock, tried);
  }

  /** Behind the request that needs it; what fails changes nothing, and the next request tries again. */
  #refresh(interval: Milliseconds): void {
    if (this.#finding !== undefined || this.#links.clock.now() - this.#foundAt <= interval) return;
    this.#search().catch(() => {});
  }

  #search(): Promise<Balancer<string>> {
    const finding = this.#ask().finally(() => {
      this.#foundAt = this.#links.clock.now();
      this.#finding = undefined;
    });
    this.#finding = finding;
    return finding;
  }

  async #ask(): Promise<Balancer<string>> {
    const { endpoints, clock, random, removed } = this.#links;
    const found = await within(PATIENCE, async () => endpoints!(this.url));
    const ids = Array.from(found, idOf);
    if (ids.length === 0) throw new errors.SocketError(`${this.url.origin} has no endpoints`);
    const before = this.#balancer?.endpoints ?? [];
    if (this.#balancer !== undefined) this.#balancer.setEndpoints(ids);
    this.#balancer ??= new Balancer({ endpoints: ids, clock, ...(random === undefined ? undefined : { random }) });
    for (const endpoint of before) if (!ids.includes(endpoint)) removed(this.url, endpoint);
    return this.#balancer;
  }
}

function within<T>(patience: Milliseconds, run: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const expire = (): void => reject(new errors.ConnectTimeoutError(`no endpoints were found in ${patience} ms`));
    const cancel = after(patience, expire, { unref: true });
    run().then(resolve, reject).finally(cancel);
  });
}
