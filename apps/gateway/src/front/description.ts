import type { Feature } from '@forge/mcp/protocol';
import type { Router } from '../routing/router.ts';

export interface Description {
  readonly capabilities: Readonly<Partial<Record<Feature, object>>>;
  readonly instructions: string | undefined;
}

/** A client that connects is not kept waiting for a slow upstream for longer than this, in ms. */
const PATIENCE = 5000;

/** What the upstreams offer together; one that cannot be reached in time adds nothing now, and its tools when it is back. */
export async function describe(router: Router): Promise<Description> {
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort();
  }, PATIENCE);
  const infos = await Promise.all(
    router.upstreams.map((upstream) => upstream.info(late.signal).catch(() => undefined)),
  );
  clearTimeout(timer);
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
