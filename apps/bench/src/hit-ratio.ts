import { MemoryCache } from '@forge/cache';
import { LRUCache } from 'lru-cache';
import { CELLS, meanOfOptimum, replayCell, sizedHitRatio, type CellResult, type ReplayedCache } from './replay.ts';
import { renderTable, type Column } from './table.ts';
import { readSizedTrace, readTrace, type TraceName } from './traces.ts';

/** Bytes of the caches that replay the trace with sizes. */
const BYTE_SIZES = [1, 4, 16, 64].map((megabytes) => megabytes * 2 ** 20);

export const adaptiveCache = (maxSize: number): ReplayedCache => new MemoryCache({ maxSize, policy: 'adaptive' });

/** LRU as the package shows it that everybody uses. */
export const lruCache = (maxSize: number): ReplayedCache => new LRUCache<string, number>({ max: maxSize });

/** Replays the cells of the traces that are there; `scarab` says in which folder the one is that the repository lacks. */
export function replayAll(scarab: URL | undefined): CellResult[] {
  const read = new Map<TraceName, Uint32Array>();
  const cells = CELLS.filter(({ trace }) => trace !== 'scarab' || scarab !== undefined);
  return cells.map((cell) => {
    const { trace: name } = cell;
    const trace = read.get(name) ?? readTrace(name, name === 'scarab' ? scarab : undefined);
    read.set(name, trace);
    return replayCell(cell, trace, { lru: lruCache, adaptive: adaptiveCache });
  });
}

/** The page that is kept in `results/hit-ratio.md`. */
export function hitRatioPage(results: readonly CellResult[]): string {
  const columns = [{ header: 'trace @ entries' }, ...['lru-cache', 'adaptive', 'optimum', 'of optimum'].map(right)];
  const rows = results.map(({ trace, maxSize, lru, adaptive, optimum }) => [
    `${trace} @ ${maxSize}`,
    percent(lru),
    percent(adaptive),
    percent(optimum),
    (adaptive / optimum).toFixed(3),
  ]);
  const sized = readSizedTrace();
  const byteRows = BYTE_SIZES.map((maxBytes) => [
    `${maxBytes / 2 ** 20} MB`,
    ...(['lru', 'adaptive', 'gdsf'] as const).map((policy) =>
      percent(sizedHitRatio(new MemoryCache({ maxBytes, policy }), sized)),
    ),
  ]);
  return [
    '# Hit ratios on recorded traces',
    '',
    'Requests from `apps/bench/traces`, replayed as a get and, on a miss, a set. In percent of the requests. The optimum',
    'is Belady’s, which knows the future. Made with `pnpm -C apps/bench replay --scarab FOLDER`; the figures do not depend',
    'on the machine, and those of the adaptive policy by some tenths on its random seed.',
    '',
    renderTable(columns, rows),
    '',
    `In the mean the adaptive policy reaches ${meanOfOptimum(results).toFixed(3)} of the optimum, lru-cache ${meanOfOptimum(results, 'lru').toFixed(3)}.`,
    '',
    '## Bounded by bytes',
    '',
    'The sized trace; requests hit, in percent.',
    '',
    renderTable([{ header: 'bytes' }, ...['lru', 'adaptive', 'gdsf'].map(right)], byteRows),
    '',
  ].join('\n');
}

function percent(ratio: number): string {
  return (100 * ratio).toFixed(2);
}

function right(header: string): Column {
  return { header, align: 'right' };
}
