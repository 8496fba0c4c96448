/** The places of a table of keys, so that a key, a tag and a prefix each name a part of it that the others cross. */
export const ROWS = 20;
export const COLUMNS = 10;
export const KEYS: number = ROWS * COLUMNS;

export const rowPrefix = (row: number): string => `item:${row}:`;
export const columnTag = (column: number): string => `column:${column}`;
export const keyName = (key: number): string => `${rowPrefix(Math.floor(key / COLUMNS))}${key % COLUMNS}`;
export const keyTag = (key: number): string => columnTag(key % COLUMNS);

/** What a worker is told at its start. */
export interface WorkerPlan {
  readonly storeUrl: string;
  /** Of the connection that hears the bus, which can be cut off by itself. */
  readonly busUrl: string;
  /** Between this process's clock and the machine's, in ms, and how fast it goes. */
  readonly clock: { readonly offset: number; readonly rate: number };
  /** `unruly`: each frame of the bus comes twice, late and out of order. */
  readonly frames: 'orderly' | 'unruly';
  readonly ttl: number;
  readonly staleWhileRevalidate: number;
  readonly seed: number;
}

/** What the cache holds: the origin's version of the key, and when the worker that loaded it had it. */
export interface Value {
  readonly version: number;
  readonly loadedAt: number;
}

export type Target =
  | { readonly kind: 'key'; readonly key: number }
  | { readonly kind: 'tag'; readonly column: number }
  | { readonly kind: 'prefix'; readonly row: number };

export type ToWorker =
  | { readonly kind: 'loaded'; readonly call: number; readonly version: number }
  | { readonly kind: 'invalidate'; readonly call: number; readonly target: Target }
  | { readonly kind: 'readAll'; readonly call: number };

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'load'; readonly call: number; readonly key: number }
  /** The call is over, with this error or none, at this moment. */
  | { readonly kind: 'done'; readonly call: number; readonly at: number; readonly error: string | undefined }
  | Batch;

/** What a worker has seen since its last batch. */
export interface Batch {
  readonly kind: 'batch';
  /** {@link READ_FIELDS} numbers for each read: its key, the version, when that was loaded, its begin and its end. */
  readonly reads: Float64Array;
  readonly errors: readonly string[];
  /** Loads that began while this process took the store to be out, and so asked nobody whether they are needed. */
  readonly loneLoads: number;
  /** In ms, the slowest load. */
  readonly longestLoad: number;
  /** In ms, the longest time for which the process did not come to its work. */
  readonly stall: number;
  /** The begin and the end of each time for which Redis did not answer it, longer than {@link PROBE_EVERY} by much. */
  readonly outages: readonly (readonly [from: number, to: number])[];
}

export const READ_FIELDS = 5;

/** In ms, between two questions of a worker to Redis. */
export const PROBE_EVERY = 20;

/** Monotonic, in ms, and the same in all processes of the machine. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
