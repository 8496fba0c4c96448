import { stringOption } from '@forge/internal';
import { durationOf } from '../../memory/load-entries.ts';
import { ttlOption } from '../../memory/memory-options.ts';
import type { Bytes, Milliseconds } from '../../units.ts';
import { checkEntryOptions, type EntryOptions } from '../cache-config.ts';
import { dependenciesOf, ownTags } from './dependents.ts';
import type { Entry } from './entry.ts';

/** One entry as `dump()` gives it and `load()` takes it: what is not said is as with `set`. */
export interface DumpedEntry<V> extends EntryOptions {
  readonly key: string;
  readonly value: V;
}

/** What is known of an entry besides. */
export interface Remains {
  /** What is left of it. */
  readonly ttl: Milliseconds;
  /** What it was said or found to be; undefined where the values' form says it anew. */
  readonly size: Bytes | undefined;
}

export function dumped<V>(key: string, value: V, entry: Entry, { ttl, size }: Remains): DumpedEntry<V> {
  const { staleWhileRevalidate, staleIfError, etag, tags } = entry;
  return {
    key,
    value,
    ttl,
    size,
    tags: ownTags(tags),
    dependsOn: dependenciesOf(tags),
    etag,
    staleWhileRevalidate,
    staleIfError,
  };
}

/** The entry, with the durations that went through JSON. @throws TypeError or RangeError for what `set` would not take */
export function readDumped<V>(entry: DumpedEntry<V>): DumpedEntry<V> {
  const subject = 'read it';
  const ttl = durationOf(entry.ttl);
  const staleWhileRevalidate = durationOf(entry.staleWhileRevalidate);
  const read = { ...entry, ttl, staleWhileRevalidate, staleIfError: durationOf(entry.staleIfError) };
  stringOption(subject, 'the key', read.key);
  checkEntryOptions(subject, read);
  ttlOption(subject, ttl);
  return read;
}
