import type { Milliseconds } from '../units.ts';
import type { EntryOptions } from './cache-config.ts';
import { dependenciesOf, ownTags } from './dependents.ts';
import type { Entry } from './entry.ts';

/** One entry as `dump()` gives it and `load()` takes it. */
export interface DumpedEntry<V> extends EntryOptions {
  readonly key: string;
  readonly value: V;
}

/** @param ttl what is left of it */
export function dumped<V>(key: string, value: V, entry: Entry, ttl: Milliseconds): DumpedEntry<V> {
  const { staleWhileRevalidate, staleIfError, etag, tags } = entry;
  return {
    key,
    value,
    ttl,
    tags: ownTags(tags),
    dependsOn: dependenciesOf(tags),
    etag,
    staleWhileRevalidate,
    staleIfError,
  };
}
