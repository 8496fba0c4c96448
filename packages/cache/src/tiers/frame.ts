import type { Invalidation } from './store.ts';

/** What one process tells the others at once. */
export interface Frame {
  readonly node: string;
  /** One life of the node. */
  readonly epoch: string;
  /** The number of a frame that carries invalidations; in one that carries none, that of the last that did. */
  readonly seq: number;
  readonly items: readonly Invalidation[];
  /** It is the node's last. */
  readonly isEnd: boolean;
}

/** Processes whose versions differ do not hear each other: a new version goes with a new channel. */
const VERSION = 1;
/** In UTF-16 code units. A longer frame is not sent and not read, so that reading one takes well under a millisecond. */
const LONGEST_FRAME = 64 * 1024;
const LONGEST_ITEMS = 60 * 1024;
export const LONGEST_NAME = 200;

/** @param items JSON texts of invalidations, joined by commas */
export function frameText({ node, epoch, seq, isEnd }: Omit<Frame, 'items'>, items: string): string {
  const head = JSON.stringify({ v: VERSION, node, epoch, seq, end: isEnd });
  return `${head.slice(0, -1)},"items":[${items}]}`;
}

/** The items of as many frames as are needed; undefined stands for an invalidation that fits none. */
export function* itemTexts(invalidations: readonly Invalidation[]): Generator<string | undefined> {
  let items = '';
  for (const invalidation of invalidations) {
    const item = lengthOf(invalidation) > LONGEST_ITEMS ? '' : JSON.stringify(invalidation);
    if (item === '' || item.length > LONGEST_ITEMS) {
      yield undefined;
    } else if (items === '') {
      items = item;
    } else if (items.length + item.length < LONGEST_ITEMS) {
      items += `,${item}`;
    } else {
      yield items;
      items = item;
    }
  }
  if (items !== '') yield items;
}

/** The frame, `foreign` for one of another version, undefined for what is none: a bus carries what anybody sends. */
export function parseFrame(text: unknown): Frame | 'foreign' | undefined {
  if (typeof text !== 'string' || text.length > LONGEST_FRAME) return undefined;
  const { v, node, epoch, seq, end, items } = parsed(text);
  if (v !== VERSION) return v === undefined ? undefined : 'foreign';
  const isFrame = isName(node) && isName(epoch) && Number.isSafeInteger(seq) && (seq as number) >= 0;
  if (!isFrame || !Array.isArray(items)) return undefined;
  const invalidations = items.map(invalidationOf);
  if (invalidations.includes(undefined)) return undefined;
  return { node, epoch, seq: seq as number, items: invalidations as Invalidation[], isEnd: end === true };
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= LONGEST_NAME;
}

/** Built anew, so that nothing else of what was sent gets in. */
function invalidationOf(value: unknown): Invalidation | undefined {
  const { kind, key, tag, soft, prefix, glob } = Object(value) as Readonly<Record<string, unknown>>;
  if (kind === 'all') return { kind };
  if (kind === 'key' && typeof key === 'string') return { kind, key };
  if (kind === 'tag' && typeof tag === 'string') return soft === true ? { kind, tag, soft } : { kind, tag };
  if (kind !== 'pattern' || typeof prefix !== 'string' || typeof glob !== 'string') return undefined;
  return { kind, prefix, glob };
}

function lengthOf(invalidation: Invalidation): number {
  if (invalidation.kind === 'all') return 0;
  if (invalidation.kind === 'key') return invalidation.key.length;
  return invalidation.kind === 'tag' ? invalidation.tag.length : invalidation.prefix.length + invalidation.glob.length;
}
