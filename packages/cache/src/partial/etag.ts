import { createHash } from 'node:crypto';

/**
 * A strong entity tag: 128 bits of SHA-256, so that nobody who chooses the content can choose its tag.
 *
 * Bytes are hashed as they are, anything else as its JSON, in which lone surrogates differ too.
 *
 * @throws TypeError when the value has no JSON form
 */
export function contentEtag(value: unknown): string {
  if (value instanceof Uint8Array) return etagOf('bytes', value);
  const json = JSON.stringify(value) as string | undefined;
  if (json !== undefined) return jsonEtag(json);
  throw new TypeError(`Cannot tag a value: it has no JSON form, got a ${typeof value}`);
}

/** The tag of the value whose JSON this is. */
export function jsonEtag(json: string): string {
  return etagOf('json', json);
}

/** Whether equal tags mean equal bytes, so that parts under the tag may be combined. */
export function isStrong(etag: string | undefined): etag is string {
  return etag !== undefined && etag !== '' && !etag.startsWith('W/');
}

/** The kind is hashed too: a text and its bytes differ. */
function etagOf(kind: string, content: string | Uint8Array): string {
  return `"${createHash('sha256').update(kind).update(content).digest('base64url').slice(0, 22)}"`;
}
