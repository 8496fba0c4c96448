import type { CacheSettings } from '../cache-config.ts';
import type { Entry } from './entry.ts';
import { identity, type Packed } from '../values/packed.ts';

export interface Encoded {
  readonly bytes: Packed;
  readonly contentId: string;
}

/** What the store and the wire carry of a value, and the name of its content. @throws when it cannot be encoded */
export function encoded<V>({ codec }: CacheSettings<V>, value: V): Encoded {
  const bytes = codec.encode(value);
  return { bytes: identity(bytes), contentId: contentIdOf(bytes) };
}

/** Equal for equal values; undefined where there is no way to tell. */
export function contentNameOf<V>(settings: CacheSettings<V>, { etag, contentId, held }: Entry): string | undefined {
  if (etag !== undefined) return `etag:${etag}`;
  if (contentId !== undefined) return contentId;
  try {
    // Where values are kept as bytes they have a name; in every other form what is held is the value.
    return encoded(settings, held as V).contentId;
  } catch {
    return undefined;
  }
}

function contentIdOf(bytes: Uint8Array): string {
  // Loaded when it is first needed: it takes half as long to import as all of this package.
  return process.getBuiltinModule('node:crypto').hash('sha256', bytes, 'base64url').slice(0, 22);
}
