/**
 * JSON Merge Patch [1]: a patch looks like the object that it changes, with `null` for a member that goes.
 *
 * Some changes have no such patch: a member that becomes null, or a new object with a null anywhere outside of an array.
 * `diff` then gives none, so that whenever it gives one, `mergePatch(before, diff(before, after))` equals `after`.
 *
 * Departures: a member named `__proto__` is neither written nor taken over, and values nested deeper than 100 are not
 * patched. Both take time in proportion to what they read, and stacks of bounded depth.
 *
 * 1. P. Hoffman, J. Snell, RFC 7396, 2014.
 */

/** A value as `JSON.parse` gives it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [member: string]: Json };

type JsonObject = { readonly [member: string]: Json };

const DEEPEST = 100;
const UNSAFE = '__proto__';

/**
 * The value with the patch applied. Neither argument is changed; what the patch does not touch is shared with the target.
 *
 * @throws RangeError when the patch is nested deeper than 100
 */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  return merge(target, patch, 0);
}

/** The patch that makes `after` of `before`; undefined when there is none. Only objects are patched. */
export function diff(before: Json, after: Json): { readonly [member: string]: Json } | undefined {
  return isObject(before) && isObject(after) ? diffObjects(before, after, 0) : undefined;
}

function merge(target: Json | undefined, patch: Json, depth: number): Json {
  if (depth > DEEPEST) throw new RangeError(`Cannot apply a merge patch: it is nested deeper than ${DEEPEST}`);
  if (Array.isArray(patch)) return patch.map((item) => copied(item, depth + 1));
  if (!isObject(patch)) return patch;
  const members = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, change] of Object.entries(patch)) {
    if (change === null) members.delete(name);
    else members.set(name, merge(members.get(name), change, depth + 1));
  }
  members.delete(UNSAFE);
  return Object.fromEntries(members);
}

/** A value inside an array, where null is null. */
function copied(value: Json, depth: number): Json {
  if (depth > DEEPEST) throw new RangeError(`Cannot apply a merge patch: it is nested deeper than ${DEEPEST}`);
  if (Array.isArray(value)) return value.map((item) => copied(item, depth + 1));
  if (!isObject(value)) return value;
  const members = Object.entries(value).filter(([name]) => name !== UNSAFE);
  return Object.fromEntries(members.map(([name, member]) => [name, copied(member, depth + 1)]));
}

function diffObjects(before: JsonObject, after: JsonObject, depth: number): JsonObject | undefined {
  if (depth > DEEPEST || Object.hasOwn(before, UNSAFE) || Object.hasOwn(after, UNSAFE)) return undefined;
  const patch: [string, Json][] = [];
  for (const name of Object.keys(before)) if (!Object.hasOwn(after, name)) patch.push([name, null]);
  for (const [name, value] of Object.entries(after)) {
    const old = Object.hasOwn(before, name) ? before[name] : undefined;
    if (isObject(old) && isObject(value)) {
      // To ask whether they are equal first would read what is deep once for each level above it.
      const change = diffObjects(old, value, depth + 1);
      if (change === undefined) return undefined;
      if (Object.keys(change).length > 0) patch.push([name, change]);
    } else if (old === undefined || !equal(old, value, depth + 1)) {
      if (!isPlain(value, false, depth + 1)) return undefined;
      patch.push([name, value]);
    }
  }
  return Object.fromEntries(patch);
}

/** Whether a patch that brings this value as it is has the value as its result. */
function isPlain(value: Json, inArray: boolean, depth: number): boolean {
  if (depth > DEEPEST) return false;
  if (value === null) return inArray;
  if (Array.isArray(value)) return value.every((item) => isPlain(item, true, depth + 1));
  if (!isObject(value)) return true;
  return Object.entries(value).every(([name, member]) => name !== UNSAFE && isPlain(member, inArray, depth + 1));
}

function equal(a: Json, b: Json, depth: number): boolean {
  if (a === b) return true;
  if (depth > DEEPEST) return false;
  if (Array.isArray(a)) {
    return (
      Array.isArray(b) && a.length === b.length && a.every((item, index) => equal(item, b[index] as Json, depth + 1))
    );
  }
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && equal(a[name]!, b[name]!, depth + 1))
  );
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
