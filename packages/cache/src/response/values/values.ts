import type { Codec } from './codec.ts';
import { identity, pack, unpack, type Packed } from './packed.ts';

/**
 * How a value is kept, which decides what happens when somebody changes one that he got: `share` the same object for all,
 * so that he changes everyone's; `freeze` deeply frozen, so that he cannot; `clone` a copy in and a copy out; `bytes`
 * encoded, so that every reader gets a value of his own, and compressed if the cache is to.
 */
export type ValuePolicy = 'share' | 'freeze' | 'clone' | 'bytes';

export interface Values<V> {
  /** What is kept of the value. @throws when it cannot be kept in this way */
  hold(value: V): unknown;
  /** The value, for one reader. */
  readonly give: (held: unknown) => V | Promise<V>;
  /** The bytes of what is held; undefined where its size must be asked of `sizeOf`. */
  sizeOf(held: unknown): number | undefined;
  /** A shorter form of what is held, if there is one. */
  shrink?(held: unknown): Promise<unknown>;
}

export function valuesFor<V>(policy: ValuePolicy, codec: Codec<V>, compresses: boolean): Values<V> {
  switch (policy) {
    case 'share':
      return { hold: (value) => value, give: (held) => held as V, sizeOf: () => undefined };
    case 'freeze':
      return { hold: deepFreeze, give: (held) => held as V, sizeOf: () => undefined };
    case 'clone':
      return { hold: structuredClone, give: (held) => structuredClone(held as V), sizeOf: () => undefined };
    case 'bytes':
      return {
        hold: (value) => identity(codec.encode(value)),
        give: (held) => {
          const bytes = unpack(held as Packed);
          return bytes instanceof Promise ? bytes.then((unpacked) => codec.decode(unpacked)) : codec.decode(bytes);
        },
        sizeOf: (held) => (held as Packed).bytes.byteLength,
        ...(compresses && { shrink }),
      };
  }
}

async function shrink(held: unknown): Promise<unknown> {
  const { bytes, encoding } = held as Packed;
  // What is compressed already might become shorter still, and would then be unpacked but once.
  return encoding === 'identity' ? pack(bytes) : held;
}

/**
 * Also below what is frozen already. A Buffer or typed array cannot be frozen and stays as it is, and so does what a Map, a
 * Set or a Date holds inside.
 */
function deepFreeze<T>(value: T): T {
  const seen = new Set<object>();
  const rest: unknown[] = [value];
  while (rest.length > 0) {
    const next = rest.pop();
    if (typeof next !== 'object' || next === null || ArrayBuffer.isView(next) || seen.has(next)) continue;
    seen.add(Object.freeze(next));
    for (const key of Reflect.ownKeys(next)) rest.push(Object.getOwnPropertyDescriptor(next, key)?.value);
  }
  return value;
}
