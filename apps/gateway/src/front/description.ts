import type { Feature } from '@forge/mcp/protocol';
import type { UpstreamInfo } from '@forge/mcp/sessions';
import type { Router } from '../routing/router.ts';
import type { Upstream } from '../upstreams/upstream.ts';

export interface Description {
  readonly capabilities: Readonly<Partial<Record<Feature, object>>>;
  readonly instructions: string | undefined;
}

/** A client that connects is not kept waiting for a slow upstream for longer than this, in ms. */
const PATIENCE = 5000;

/** What the upstreams offer together; one that cannot be reached in time adds nothing now, and its tools when it is back. */
export async function describe(router: Router): Promise<Description> {
  const infos = await Promise.all(router.upstreams.map(infoInTime));
  // Tools are promised in any case: that is what a gateway is for, and an upstream may come back with some.
  const features: Feature[] = ['tools', 'prompts', 'resources'];
  const offered = features.filter(
    (feature) => feature === 'tools' || infos.some((info) => info?.capabilities[feature] !== undefined),
  );
  return {
    capabilities: Object.fromEntries(offered.map((feature) => [feature, {}])),
    instructions: instructions(router, infos),
  };
}

async function infoInTime(upstream: Upstream): Promise<UpstreamInfo | undefined> {
  if (!upstream.isUp) {
    upstream.probe();
    return upstream.known;
  }
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort(new Error(`no connection within ${PATIENCE} ms`));
  }, PATIENCE);
  try {
    return await upstream.info(late.signal);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

function instructions(
  router: Router,
  infos: readonly ({ readonly instructions: string | undefined } | undefined)[],
): string | undefined {
  const only = infos.length === 1;
  const texts = infos.flatMap((info, index) => {
    const text = info?.instructions;
    if (text === undefined) return [];
    return only ? [text] : [`# ${router.upstreams[index]?.id ?? ''}\n\n${text}`];
  });
  return texts.length === 0 ? undefined : texts.join('\n\n');
}
