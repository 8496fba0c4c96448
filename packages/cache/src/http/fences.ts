/** Tells a fetch whether what it brings may still be stored. */
export interface Fence {
  readonly url: URL;
  /** What it guards was invalidated since it began. */
  broken: boolean;
}

/**
 * The fetches that run, by their URL: an invalidation breaks the fences of those that it concerns, for the answer that
 * they bring may be older than it.
 */
export class Fences {
  readonly #byUrl = new Map<string, Set<Fence>>();

  open(url: URL): Fence {
    const fence: Fence = { url, broken: false };
    const fences = this.#byUrl.get(url.href);
    if (fences === undefined) this.#byUrl.set(url.href, new Set([fence]));
    else fences.add(fence);
    return fence;
  }

  close(fence: Fence): void {
    const fences = this.#byUrl.get(fence.url.href);
    fences?.delete(fence);
    if (fences?.size === 0) this.#byUrl.delete(fence.url.href);
  }

  breakUrl(url: string): void {
    for (const fence of this.#byUrl.get(url) ?? []) fence.broken = true;
  }

  /** For a group: which groups an answer belongs to is known only when it is there. */
  breakOrigin(origin: string): void {
    for (const fences of this.#byUrl.values()) {
      for (const fence of fences) if (fence.url.origin === origin) fence.broken = true;
    }
  }
}
