import { objectOption } from '@forge/internal';
import { CacheError } from '../errors.ts';
import type { Milliseconds } from '../units.ts';
import { entryTerms, type EntryTerms, type LoadableEntry, type MemorySettings } from './memory-options.ts';

/**
 * Gives each entry that is still alive to `store`, and returns how many of them that stored.
 *
 * @throws CacheError `CACHE_ENTRY_INVALID` at the first that `set` would not take
 */
export function loadEntries<V>(
  entries: Iterable<LoadableEntry<V>>,
  settings: MemorySettings<V>,
  store: (key: string, value: V, terms: EntryTerms) => boolean,
): number {
  iterableOption(entries, [Symbol.iterator]);
  // What is left of a life has had its jitter.
  const exact: MemorySettings<V> = { ...settings, jitter: (ttl) => ttl };
  const termsOf = (entry: LoadableEntry<V>): EntryTerms => {
    const ttl = durationOf(entry.ttl);
    return entryTerms(ttl === undefined ? settings : exact, entry.key, entry.value, { ...entry, ttl });
  };
  let position = 0;
  let stored = 0;
  for (const entry of entries) {
    const terms = readEntry(entry, position++, termsOf);
    if (terms.ttl > 0 && terms.idleTTL > 0 && store(entry.key, entry.value, terms)) stored++;
  }
  return stored;
}

/** @throws TypeError when it cannot be walked through, as what JSON makes of a dump that was not read into an array */
export function iterableOption(entries: unknown, ways: readonly symbol[]): void {
  if (typeof entries === 'object' && entries !== null && ways.some((way) => way in entries)) return;
  const got = entries === null ? 'null' : typeof entries;
  throw new TypeError(`Cannot load entries: they must be an array or another iterable, got ${got}`);
}

/**
 * What `read` makes of an entry that comes from outside.
 *
 * @throws CacheError `CACHE_ENTRY_INVALID`, with what `read` threw as its cause
 */
export function readEntry<E extends object, T>(entry: E, position: number, read: (entry: E) => T): T {
  try {
    objectOption('read it', 'an entry', entry);
    return read(entry);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CacheError('CACHE_ENTRY_INVALID', `Cannot load the entry at position ${position}: ${why}`, { cause });
  }
}

/** JSON makes null of Infinity. */
export function durationOf(duration: Milliseconds | null | undefined): Milliseconds | undefined {
  return duration === null ? Infinity : duration;
}
