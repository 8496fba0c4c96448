import type { CacheStore, StoreLease, StoreRecord } from '../tiers/store.ts';
import type { Milliseconds } from '../units.ts';

/** Longer than any case takes. */
export const LONG: Milliseconds = 60_000;

/** Strings that are easily mistaken for others, for syntax or for nothing; all different. */
export const HOSTILE: readonly string[] = [
  '',
  ' ',
  '{',
  '}',
  '{}',
  '{a}b',
  'a{b}',
  '}{',
  '*',
  '?',
  'a*b',
  '[a]',
  '\\',
  '\\*',
  '%',
  '%7D',
  ':',
  'a:b',
  'a\0b',
  'a\r\nb',
  '__proto__',
  'constructor',
  '\ud800',
  '\udc00',
  '\ufffd',
  'a\ud800b',
  '🙂',
  '\u00e9',
  'e\u0301',
  `${'k'.repeat(300)}1`,
  `${'k'.repeat(300)}2`,
  `${'k'.repeat(1 << 20)}1`,
  `${'k'.repeat(1 << 20)}2`,
];

export function recordOf(text: string, { tags = [], ttl = LONG }: Partial<StoreRecord> = {}): StoreRecord {
  return { bytes: new TextEncoder().encode(text), tags, ttl };
}

/** What the store holds under the key, as text. */
export async function textIn(
  store: CacheStore,
  key: string,
  tags: readonly string[] = [],
): Promise<string | undefined> {
  const record = await store.read(key, tags);
  return record === undefined ? undefined : new TextDecoder().decode(record.bytes);
}

/** A lease that must be given. */
export async function leaseFrom(store: CacheStore, key: string, tags: readonly string[] = []): Promise<StoreLease> {
  const lease = await store.lease(key, tags, LONG);
  if (lease === undefined) throw new Error(`No lease for ${JSON.stringify(key)}`);
  return lease;
}
