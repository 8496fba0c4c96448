import { createHash } from 'node:crypto';

/** Keys and tags of more UTF-8 bytes are named by a digest. */
const LONGEST_NAME = 256;

/** How much of a long name stays readable in front of its digest. */
const READABLE = 48;

/** Only those without their other half: with `u`, a pair is one character. */
const LONE_SURROGATE = /\p{Surrogate}/gu;

/**
 * The names of a namespace's keys in Redis.
 *
 * In a cluster the text between the first `{` and the next `}` chooses the slot, so a value and its lease share one, and
 * so do the ledger and all tags. A `}` within a cache key only cuts that text short, for both names alike.
 */
export class Names {
  readonly namespace: string;
  readonly ledger: string;

  constructor(namespace: string) {
    this.namespace = namespace;
    this.ledger = `{${namespace}}:ledger`;
  }

  /** Of the value and the lease of a cache key. */
  pair(key: string): [value: string, lease: string] {
    const name = nameOf(key);
    return [`${this.namespace}:v:{${name}}`, `${this.namespace}:l:{${name}}`];
  }

  tag(tag: string): string {
    return `{${this.namespace}}:t:${nameOf(tag)}`;
  }
}

/**
 * Another name for each text. A lone surrogate has no UTF-8, so that all would become one character: such a text goes by
 * its digest, like a long one. The first letter keeps a text from looking like the digest of another, and `{}` from being
 * empty, which would not choose the slot.
 */
function nameOf(text: string): string {
  if (Buffer.byteLength(text) <= LONGEST_NAME && text.search(LONE_SURROGATE) < 0) return `k${text}`;
  const digest = createHash('sha256').update(text, 'utf16le').digest('base64url');
  return `h${text.slice(0, READABLE).replace(LONE_SURROGATE, '?')}#${digest}`;
}
