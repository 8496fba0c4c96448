/** Turns values into bytes and back, for `values: 'bytes'` and for a second tier. */
export interface Codec<V> {
  /** Throws for what it cannot encode without loss. */
  encode(value: V): Uint8Array;
  /** Throws for what `encode` cannot have made. */
  decode(bytes: Uint8Array): V;
}

/** The first byte says what follows. */
const JSON_TEXT = 0;
const STRING = 1;
const BYTES = 2;
const UNDEFINED = 3;
/** UTF-8 has no lone surrogates: they would come back as U+FFFD. */
const STRING_UTF16 = 4;

/** As deep as JSON is written and read by every engine's stack. */
const DEEPEST = 1000;

/**
 * The codec of a cache that is given none: strings and bytes as they are, anything else as JSON. It refuses what JSON
 * would lose without a word (a Map, a Date, a class's instance, NaN), for the loss would show only after a restart.
 */
export const jsonCodec: Codec<unknown> = {
  encode(value) {
    if (typeof value === 'string') {
      return /\p{Surrogate}/u.test(value)
        ? framed(STRING_UTF16, Buffer.from(value, 'utf16le'))
        : framed(STRING, Buffer.from(value));
    }
    if (value instanceof Uint8Array) return framed(BYTES, value);
    if (value === undefined) return Uint8Array.of(UNDEFINED);
    refuseLossy(value, '$', new Set());
    return framed(JSON_TEXT, Buffer.from(JSON.stringify(value)));
  },
  decode(bytes) {
    const body = Buffer.from(bytes.buffer, bytes.byteOffset + 1, Math.max(0, bytes.byteLength - 1));
    switch (bytes[0] ?? -1) {
      case STRING:
        return body.toString();
      case STRING_UTF16:
        return body.toString('utf16le');
      case BYTES:
        return Buffer.from(body);
      case UNDEFINED:
        return undefined;
      case JSON_TEXT:
        return parse(body.toString());
      default:
        throw new TypeError(`Cannot decode a value: its first byte must be 0 to 4, got ${bytes[0]}`);
    }
  },
};

function framed(kind: number, body: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(body.byteLength + 1);
  frame[0] = kind;
  frame.set(body, 1);
  return frame;
}

/** JSON.parse makes `__proto__` a property of its own; whoever copies the value by assignment would set a prototype. */
function parse(text: string): unknown {
  if (!text.includes('"__proto__"') && !text.includes('\\u')) return JSON.parse(text);
  return JSON.parse(text, (name, value: unknown) => (name === '__proto__' ? undefined : value));
}

function refuseLossy(value: unknown, path: string, above: Set<object>): void {
  const refuse = (what: string): never => {
    throw new TypeError(`Cannot encode a value: ${what} at ${path} has no JSON form (give the cache a codec)`);
  };
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number') {
    if (Object.is(value, -0)) return refuse('-0');
    return Number.isFinite(value) ? undefined : refuse(String(value));
  }
  if (value === undefined) return refuse('undefined');
  if (typeof value !== 'object') return refuse(`a ${typeof value}`);
  if (above.has(value)) return refuse('a cycle');
  if (above.size >= DEEPEST) throw new TypeError(`Cannot encode a value: it is nested deeper than ${DEEPEST} levels`);
  above.add(value);
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) refuseLossy(value[index], `${path}[${index}]`, above);
  } else {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) refuse(`a ${nameOf(prototype)}`);
    if (Object.getOwnPropertySymbols(value).length > 0) refuse('a symbol as a name');
    for (const [name, member] of Object.entries(value)) {
      if (name === '__proto__') refuse('a member named __proto__');
      // Left out by JSON, and read as undefined all the same.
      if (member !== undefined) refuseLossy(member, `${path}.${name}`, above);
    }
  }
  above.delete(value);
}

function nameOf(prototype: unknown): string {
  const constructor: unknown = (prototype as { readonly constructor?: unknown }).constructor;
  return typeof constructor === 'function' ? constructor.name : 'class instance';
}
