import { isObject, resultAnswer, resultValue, type Answer, type Hints, type Method } from '@forge/mcp/protocol';
import type { GatewayCall, Kept, Obtained, Source, Upstream } from '../upstreams/upstream.ts';

/** One upstream's whole list: its pages in order. */
export interface Part {
  readonly upstream: string;
  readonly pages: readonly Kept[];
  readonly source: Source;
}

/** An upstream that pages for ever is cut off here. */
const MAX_PAGES = 100;

/** Reads a list to its end, page by page; each page has its own entry and clock in the cache. */
export async function readList(upstream: Upstream, call: GatewayCall, signal: AbortSignal): Promise<Part> {
  const pages: Kept[] = [];
  let source: Source = 'hit';
  let params: ReadonlyMap<string, string> = new Map();
  while (pages.length < MAX_PAGES) {
    const obtained: Obtained = await upstream.call({ ...call, params }, signal);
    if (obtained.source !== 'hit') source = obtained.source;
    pages.push(obtained.kept);
    const cursor = obtained.kept.nextCursor;
    if (cursor === undefined) break;
    params = new Map([['cursor', JSON.stringify(cursor)]]);
  }
  return { upstream: upstream.id, pages, source };
}

/**
 * The lists of several upstreams as one page, in the order of the configuration, each item under its front name. What is
 * no item with a name is left out: one upstream's fault is not to take the others' lists away.
 */
export function mergeLists(
  parts: readonly Part[],
  rule: Method,
  frontName: (upstream: string, name: string) => string,
): Answer {
  const { items: member = '', itemName = 'name' } = rule;
  const items = parts.flatMap(({ upstream, pages }) =>
    pages.flatMap(({ answer }) => {
      const listed = resultValue(answer)?.[member];
      return (Array.isArray(listed) ? listed : []).flatMap((item: unknown) => {
        const name = isObject(item) ? item[itemName] : undefined;
        return typeof name === 'string' ? [{ ...(item as object), [itemName]: frontName(upstream, name) }] : [];
      });
    }),
  );
  return resultAnswer(JSON.stringify({ [member]: items }));
}

/** What a client may be told of a merged list: the shortest remaining time, and private if any part is. */
export function mergedHints(parts: readonly Part[], now: number): Hints {
  const pages = parts.flatMap((part) => part.pages);
  const ttl = Math.min(...pages.map(({ freshUntil }) => freshUntil - now));
  const isPublic = pages.every(({ answer }) => answer.kind === 'result' && answer.scope === 'public');
  return { ttl: Number.isFinite(ttl) ? Math.max(ttl, 0) : 0, scope: isPublic ? 'public' : 'private' };
}
