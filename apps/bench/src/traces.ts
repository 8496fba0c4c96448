import { readFileSync } from 'node:fs';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

/**
 * Recorded requests to caches, from the files in `traces`, whose README tells the origin, the format and the licence of
 * each. `scarab` is too large for the repository: its folder is given where it is wanted.
 */
export type TraceName = 'oltp' | 'scarab' | 'corda' | 'mixed' | 'web12' | 'gli' | 'multi3' | 'loop';

/** One request: a key, numbered from 0 in order of its first request, and the bytes of what it stands for. */
export interface SizedRequest {
  readonly key: number;
  readonly bytes: number;
}

const TRACES = new URL('../traces/', import.meta.url);

/** The keys that are asked for, one after the other, numbered from 0 in order of their first request. */
export function readTrace(name: TraceName, folder: URL = TRACES): Uint32Array {
  return numbered(KEYS[name](folder));
}

/** The one trace that knows sizes. */
export function readSizedTrace(folder: URL = TRACES): SizedRequest[] {
  const rows = textLines(gunzip(folder, 'adaptsize-request.txt.gz')).map((line) => line.split(' '));
  const keys = numbered(rows.map(([, key]) => key));
  return rows.map(([, , bytes], index) => ({ key: keys[index]!, bytes: Number(bytes) }));
}

const KEYS: Readonly<Record<TraceName, (folder: URL) => Iterable<unknown>>> = {
  oltp: (folder) => textLines(gunzip(folder, 'arc-oltp.lis.gz')).flatMap(blockRange),
  scarab: (folder) => words(brotliDecompressSync(readFileSync(new URL('scarab-recs.be64.br', folder))), 8),
  corda: (folder) => words(gunzip(folder, 'corda-vaultservice.be64.gz'), 8),
  mixed: function* (folder) {
    const corda = [...KEYS.corda(folder)];
    const loop = [...KEYS.loop(folder)];
    yield* corda;
    for (let round = 0; round < 5; round++) yield* loop;
    yield* corda;
  },
  web12: (folder) => words(gunzip(folder, 'cache2k-web12.be32.gz'), 4),
  gli: (folder) => textLines(gunzip(folder, 'lirs-gli.txt.gz')),
  multi3: (folder) => textLines(gunzip(folder, 'lirs-multi3.txt.gz')),
  loop: (folder) => textLines(gunzip(folder, 'lirs-loop.txt.gz')),
};

function gunzip(folder: URL, file: string): Buffer {
  return gunzipSync(readFileSync(new URL(file, folder)));
}

function textLines(text: Buffer): string[] {
  return text
    .toString('latin1')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** A line of the ARC paper's traces: the first block, how many blocks, and two numbers that do not matter here. */
function blockRange(line: string): number[] {
  const [start, count] = line.split(' ').map(Number);
  return Array.from({ length: count! }, (_, index) => start! + index);
}

function* words(bytes: Buffer, size: 4 | 8): Iterable<number | bigint> {
  for (let offset = 0; offset + size <= bytes.length; offset += size) {
    yield size === 4 ? bytes.readInt32BE(offset) : bytes.readBigInt64BE(offset);
  }
}

function numbered(keys: Iterable<unknown>): Uint32Array {
  const numbers = new Map<unknown, number>();
  const numberOf = (key: unknown): number => {
    const known = numbers.get(key) ?? numbers.size;
    numbers.set(key, known);
    return known;
  };
  return Uint32Array.from(Array.from(keys, numberOf));
}
