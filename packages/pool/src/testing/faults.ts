/**
 * What may go wrong with one direction of a connection: the toxics of Shopify's toxiproxy [1], under these names:
 * latency (`latency`, `jitter`), bandwidth (`bandwidth`), slow_close (`slowClose`), timeout (`blackHole`), reset_peer
 * (`reset`), slicer (`slice`), limit_data (`limit`), down (`down`).
 *
 * It departs from toxiproxy in one thing. There the timeout drops what arrives, so that a connection which outlives the
 * fault has a hole in its stream, as TCP never has. Here a black hole keeps it back and tells the sender nothing; when
 * it ends, the rest arrives in order, as a retransmission would bring it.
 *
 * [1] https://github.com/Shopify/toxiproxy#toxics
 */
import { numberOption, objectOption } from '@forge/internal';
import type { Milliseconds } from '../options.ts';

export type Bytes = number;
export type BytesPerSecond = number;

/** How a stream is cut into pieces, each of which is a write of its own. */
export interface Slicing {
  /** Bytes of a piece, on average. */
  readonly size: Bytes;
  /** By how much a piece may be larger or smaller, at random. @default 0 */
  readonly variation?: Bytes;
  /** Between two pieces; with 0 the receiver may find several in one read. @default 1 */
  readonly delay?: Milliseconds;
}

/** The faults of one direction; they add up, and what is absent is no fault. */
export interface Faults {
  /** What arrives is passed on this much later, a close included. @default 0 */
  readonly latency?: Milliseconds;
  /** By how much the latency may be longer or shorter, at random; nothing is overtaken. @default 0 */
  readonly jitter?: Milliseconds;
  /** @default Infinity */
  readonly bandwidth?: BytesPerSecond;
  /** A close is passed on this much later than the last byte. @default 0 */
  readonly slowClose?: Milliseconds;
  /**
   * Nothing gets through, neither bytes nor a close, and the sender is not told: the other side looks half-open. As a
   * number, both sides are closed after it.
   *
   * @default false
   */
  readonly blackHole?: boolean | Milliseconds;
  /** The first bytes are not passed on; this long after them both sides are reset. @default none */
  readonly reset?: Milliseconds;
  readonly slice?: Slicing;
  /** Both sides are closed after so many bytes, counted on each connection since the faults were set. @default Infinity */
  readonly limit?: Bytes;
}

/** The faults of a proxy: for both directions, unless a direction says otherwise. */
export interface ProxyFaults extends Faults {
  /** From the client, who connects to the proxy, to the server behind it. */
  readonly toServer?: Faults;
  readonly toClient?: Faults;
  /** Closes every connection and refuses new ones, as a server that is not running. @default false */
  readonly down?: boolean;
}

/** {@link Faults} checked and filled with what means no fault. */
export interface FlowFaults {
  readonly latency: Milliseconds;
  readonly jitter: Milliseconds;
  readonly bandwidth: BytesPerSecond;
  readonly slowClose: Milliseconds;
  /** Infinity closes nothing. */
  readonly blackHole: Milliseconds | undefined;
  readonly reset: Milliseconds | undefined;
  readonly slice: Required<Slicing> | undefined;
  readonly limit: Bytes;
}

export interface ResolvedFaults {
  readonly toServer: FlowFaults;
  readonly toClient: FlowFaults;
  readonly down: boolean;
}

const SUBJECT = 'set the faults of a proxy';
const FLOW_NAMES: readonly (keyof Faults)[] = [
  'latency',
  'jitter',
  'bandwidth',
  'slowClose',
  'blackHole',
  'reset',
  'slice',
  'limit',
];
const PROXY_NAMES: readonly (keyof ProxyFaults)[] = [...FLOW_NAMES, 'toServer', 'toClient', 'down'];
const SLICING_NAMES: readonly (keyof Slicing)[] = ['size', 'variation', 'delay'];

/** @throws TypeError, RangeError for a field that is wrong or does not exist: a fault misspelt would be a test of nothing */
export function resolveFaults(faults: ProxyFaults): ResolvedFaults {
  known('the faults', faults, PROXY_NAMES);
  const { toServer = {}, toClient = {}, down = false, ...both } = faults;
  known('toServer', toServer, FLOW_NAMES);
  known('toClient', toClient, FLOW_NAMES);
  if (typeof down !== 'boolean') throw new TypeError(`Cannot ${SUBJECT}: down must be a boolean, got ${typeof down}`);
  return { toServer: resolveFlow({ ...both, ...toServer }), toClient: resolveFlow({ ...both, ...toClient }), down };
}

function resolveFlow({ blackHole = false, reset, slice, ...faults }: Faults): FlowFaults {
  const patience = typeof blackHole === 'boolean' ? Infinity : numberOption(SUBJECT, 'blackHole', blackHole, Infinity);
  return {
    latency: numberOption(SUBJECT, 'latency', faults.latency, 0),
    jitter: numberOption(SUBJECT, 'jitter', faults.jitter, 0, { max: Number.MAX_VALUE }),
    bandwidth: numberOption(SUBJECT, 'bandwidth', faults.bandwidth, Infinity, { min: 1 }),
    slowClose: numberOption(SUBJECT, 'slowClose', faults.slowClose, 0),
    blackHole: blackHole === false ? undefined : patience,
    reset: reset === undefined ? undefined : numberOption(SUBJECT, 'reset', reset, 0),
    slice: slice === undefined ? undefined : resolveSlicing(slice),
    limit: numberOption(SUBJECT, 'limit', faults.limit, Infinity, { integer: true }),
  };
}

function resolveSlicing(slicing: Slicing): Required<Slicing> {
  known('slice', slicing, SLICING_NAMES);
  const size = numberOption(SUBJECT, 'slice.size', slicing.size, NaN, { min: 1, integer: true });
  if (Number.isNaN(size)) throw new TypeError(`Cannot ${SUBJECT}: slice.size must be a number, got undefined`);
  return {
    size,
    variation: numberOption(SUBJECT, 'slice.variation', slicing.variation, 0, { max: size - 1, integer: true }),
    delay: numberOption(SUBJECT, 'slice.delay', slicing.delay, 1),
  };
}

function known(what: string, given: object, names: readonly string[]): void {
  objectOption(SUBJECT, what, given);
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new TypeError(`Cannot ${SUBJECT}: ${what} must be of ${names.join(', ')}, got ${JSON.stringify(unknown)}`);
}
