import { objectOption } from '@forge/internal';
import { CacheError } from '../errors.ts';
import { entryTerms, type CacheEntry, type EntryTerms, type MemorySettings } from './memory-options.ts';

/**
 * Gives each entry that is still alive to `store`, and returns how many of them that stored.
 *
 * @throws CacheError `CACHE_ENTRY_INVALID` at the first that `set` would not take
 */
export function loadEntries<V>(
  entries: Iterable<CacheEntry<V>>,
  settings: MemorySettings<V>,
  store: (key: string, value: V, terms: EntryTerms) => boolean,
): number {
  // What is left of a life has had its jitter.
  const exact: MemorySettings<V> = { ...settings, jitter: (ttl) => ttl };
  let position = 0;
  let stored = 0;
  for (const entry of entries) {
    const terms = checkedTerms(exact, entry, position++);
    if (terms.ttl > 0 && terms.idleTTL > 0 && store(entry.key, entry.value, terms)) stored++;
  }
  return stored;
}

function checkedTerms<V>(settings: MemorySettings<V>, entry: CacheEntry<V>, position: number): EntryTerms {
  try {
    objectOption('read it', 'an entry', entry);
    const { ttl } = entry as Partial<CacheEntry<V>>;
    // JSON makes null of Infinity.
    return entryTerms(settings, entry.key, entry.value, { ...entry, ttl: ttl ?? Infinity });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CacheError('CACHE_ENTRY_INVALID', `Cannot load the entry at position ${position}: ${why}`, { cause });
  }
}
