/** Tells a fetch whether what it brings may still be stored. */
export interface Fence {
  readonly url: URL;
  /** What it guards was invalidated since it began. */
  broken: boolean;
}

/**
 * The fetches that run: an invalidation breaks the fences of those that it concerns, for the answer that they bring may be
 * older than it.
 */
export class Fences {
  readonly #open = new Set<Fence>();

  open(url: URL): Fence {
    const fence: Fence = { url, broken: false };
    this.#open.add(fence);
    return fence;
  }

  close(fence: Fence): void {
    this.#open.delete(fence);
  }

  /** O(fetches that run). */
  break(isConcerned: (url: URL) => boolean): void {
    for (const fence of this.#open) if (isConcerned(fence.url)) fence.broken = true;
  }
}
