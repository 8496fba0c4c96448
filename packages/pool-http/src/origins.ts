import { errors } from 'undici';
import { Origin, type OriginLinks } from './origin.ts';

/** The origins that were named last. */
export class Origins {
  readonly #max: number;
  readonly #links: OriginLinks;
  readonly #known = new Map<string, Origin>();
  #uses = 0;

  constructor(max: number, links: OriginLinks) {
    this.#max = max;
    this.#links = links;
  }

  get all(): Iterable<Origin> {
    return this.#known.values();
  }

  /** @throws TypeError when it is no URL, InvalidArgumentError of undici when it is not of HTTP */
  get(name: string | URL): Origin {
    const origin = this.#known.get(typeof name === 'string' ? name : name.origin) ?? this.#add(new URL(name));
    origin.lastUsed = this.#uses += 1;
    return origin;
  }

  /** Under the one spelling that all others have in common. */
  #add(url: URL): Origin {
    const known = this.#known.get(url.origin);
    if (known !== undefined) return known;
    if (!/^https?:$/.test(url.protocol)) {
      throw new errors.InvalidArgumentError('Invalid URL protocol: the URL must start with `http:` or `https:`.');
    }
    if (this.#known.size >= this.#max) this.#forget();
    const origin = new Origin(new URL(url.origin), this.#links);
    this.#known.set(url.origin, origin);
    return origin;
  }

  /** Requests on their way keep theirs; if it is named again it begins anew. */
  #forget(): void {
    let oldest: Origin | undefined;
    for (const origin of this.#known.values()) {
      if (oldest === undefined || origin.lastUsed < oldest.lastUsed) oldest = origin;
    }
    if (oldest !== undefined) this.#known.delete(oldest.url.origin);
  }
}
