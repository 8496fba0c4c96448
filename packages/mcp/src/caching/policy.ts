import { isToolError, type Answer } from '../protocol/answer.ts';
import type { Method } from '../protocol/methods.ts';

/** What the operator says of an upstream, or of one of its tools; it wins over every hint. Durations in ms. */
export interface CacheRules {
  /** For lists, whatever their hint is (a legacy upstream gives none). */
  readonly lists?: number | undefined;
  /** For resource reads, whatever their hint is. */
  readonly reads?: number | undefined;
  readonly tools?: Readonly<Record<string, ToolRule>> | undefined;
}

export interface ToolRule {
  /** Results of this tool may be kept for so long; 0 = not at all. */
  readonly ttl?: number | undefined;
  /** Equal calls that are under way at once may reach the upstream as one. A tool that may be kept may be merged. */
  readonly merge?: boolean | undefined;
}

/** What may be done with one call. */
export interface CallPolicy {
  /** Whether its answer may be kept at all; for how long, {@link lifetime} says when the answer is there. */
  readonly cache: boolean;
  /** Whether equal calls that are under way at once may share one answer. */
  readonly merge: boolean;
  /** The operator's word, in ms; undefined leaves it to the hint. */
  readonly ttl: number | undefined;
}

/**
 * The table of what may be kept and merged (2026-07-28: only lists and reads are cacheable by hint; tools and prompts
 * carry none, and a tool's annotations are the word of an upstream that nobody has vouched for).
 *
 * | method | kept | merged |
 * |---|---|---|
 * | lists, resources/read | by `lists`, `reads`, else by hint | yes |
 * | tools/call | by the tool's rule alone | by the tool's rule alone |
 * | prompts/get | no | no |
 *
 * A call that continues a round trip (`inputResponses`, `requestState`) is neither.
 */
export function callPolicy(method: Method, params: ReadonlyMap<string, string>, rules: CacheRules): CallPolicy {
  if (params.has('inputResponses') || params.has('requestState')) return NEITHER;
  switch (method.kind) {
    case 'list':
      return { cache: true, merge: true, ttl: rules.lists };
    case 'read':
      return { cache: true, merge: true, ttl: rules.reads };
    case 'call': {
      const rule = toolRule(params, rules);
      const ttl = rule?.ttl ?? 0;
      return { cache: ttl > 0, merge: ttl > 0 || rule?.merge === true, ttl };
    }
    case 'get':
      return NEITHER;
  }
}

const NEITHER: CallPolicy = { cache: false, merge: false, ttl: 0 };

function toolRule(params: ReadonlyMap<string, string>, { tools }: CacheRules): ToolRule | undefined {
  const raw = params.get('name');
  const name: unknown = raw === undefined ? undefined : JSON.parse(raw);
  return typeof name === 'string' && tools !== undefined && Object.hasOwn(tools, name) ? tools[name] : undefined;
}

/** For how long an answer may be kept, in ms; 0 for errors, tool failures and unfinished round trips. */
export function lifetime(answer: Answer, policy: CallPolicy): number {
  if (!policy.cache || answer.kind === 'error' || answer.resultType !== 'complete') return 0;
  const ttl = policy.ttl ?? answer.ttl ?? 0;
  return ttl > 0 && !isToolError(answer) ? ttl : 0;
}
