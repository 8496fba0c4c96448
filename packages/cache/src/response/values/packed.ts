import type { BrotliOptions, ZstdOptions } from 'node:zlib';
import type { Bytes } from '../../units.ts';

/** Bytes as they are kept or sent: compressed where that made them shorter. */
export interface Packed {
  readonly bytes: Uint8Array;
  readonly encoding: Encoding;
  /** When they are unpacked. */
  readonly length: Bytes;
}

/** Index is what a record says of its encoding; never reorder. */
export const ENCODINGS = ['identity', 'brotli', 'zstd'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** Below this the headers of a compressed format eat what it gains. */
const THRESHOLD: Bytes = 1024;
/** What bytes that came from elsewhere may become: a few kilobytes of a hostile record can claim gigabytes. */
const MOST_UNPACKED: Bytes = 64 * 2 ** 20;

/** Fast enough for the way to an answer; its first levels take most of what there is to gain. */
const BROTLI_QUALITY = 4;

export function identity(bytes: Uint8Array): Packed {
  return { bytes, encoding: 'identity', length: bytes.byteLength };
}

/** In the best encoding that this Node has; as they are when they are short, too long to be unpacked, or would not become shorter. */
export async function pack(bytes: Uint8Array): Promise<Packed> {
  const plain = identity(bytes);
  if (bytes.byteLength < THRESHOLD || bytes.byteLength > MOST_UNPACKED) return plain;
  const { brotliCompress, zstdCompress, constants } = zlib();
  const encoding = hasZstd() ? 'zstd' : 'brotli';
  const shorter = hasZstd()
    ? await run(zstdCompress, bytes, {})
    : await run(brotliCompress, bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } });
  return shorter.byteLength < bytes.byteLength ? { bytes: shorter, encoding, length: bytes.byteLength } : plain;
}

/** At once for what is not compressed. @throws Error for damaged bytes, or ones that become others than they claim */
export function unpack(packed: Packed): Uint8Array | Promise<Uint8Array> {
  return packed.encoding === 'identity' ? packed.bytes : decompressed(packed);
}

async function decompressed({ bytes, encoding, length }: Packed): Promise<Uint8Array> {
  if (length > MOST_UNPACKED) throw new RangeError(`Cannot unpack a record: it claims ${length} bytes`);
  // Never 0, which zlib refuses.
  const unpacked = await decompress(encoding, bytes, { maxOutputLength: Math.max(1, length) });
  if (unpacked.byteLength === length) return unpacked;
  throw new RangeError(`Cannot unpack a record: it claims ${length} bytes, got ${unpacked.byteLength}`);
}

function decompress(encoding: Encoding, bytes: Uint8Array, limit: { maxOutputLength: Bytes }): Promise<Buffer> {
  if (encoding === 'brotli') return run(zlib().brotliDecompress, bytes, limit);
  if (!hasZstd()) throw new Error('Cannot unpack a record: this Node has no zstd');
  return run(zlib().zstdDecompress, bytes, limit);
}

/** From Node 22.15 on. */
function hasZstd(): boolean {
  return typeof zlib().zstdCompress === 'function';
}

/** Loaded when it is first needed: most caches compress nothing, and to import it takes as long as all of this package. */
function zlib(): typeof import('node:zlib') {
  return process.getBuiltinModule('node:zlib');
}

type Codec<Options> = (
  bytes: Uint8Array,
  options: Options,
  done: (error: Error | null, result: Buffer) => void,
) => void;

function run<Options extends BrotliOptions | ZstdOptions>(
  codec: Codec<Options>,
  bytes: Uint8Array,
  options: Options,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    codec(bytes, options, (error, result) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}
