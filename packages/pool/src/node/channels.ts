import type { PoolEvents } from '../events.ts';
import type { AcquireOptions, Milliseconds } from '../options.ts';
import type { ConnectionPool } from '../pool/connection-pool.ts';
import type { Lease } from '../pool/lease.ts';

/** Names for `node:diagnostics_channel`; `acquire` is that of a `TracingChannel`, the others are plain channels. */
export const CHANNELS = {
  acquire: 'forge:pool:acquire',
  created: 'forge:pool:connection:created',
  acquired: 'forge:pool:connection:acquired',
  released: 'forge:pool:connection:released',
  destroyed: 'forge:pool:connection:destroyed',
  error: 'forge:pool:connection:error',
  leaked: 'forge:pool:lease:leaked',
  drain: 'forge:pool:drain',
  measure: 'forge:pool:measure',
} as const;

/** Which pool a message is about. */
export interface PoolMessage {
  readonly pool: ConnectionPool<unknown>;
  /** As given to `publish`. */
  readonly name: string;
}

/** The context of one `acquire`, from its call to its end, for subscribers to add to. */
export interface AcquireTrace extends PoolMessage {
  readonly options: AcquireOptions | undefined;
  /** From `asyncStart` on, when it was served. */
  result?: Lease<unknown>;
  /** From `error` on. */
  error?: unknown;
}

/** A duration as `onMeasure` tells it. */
export interface MeasureMessage extends PoolMessage {
  /** `wait`, `create` or `use`. */
  readonly measure: string;
  readonly value: Milliseconds;
}

type Told<Name extends keyof PoolEvents> = PoolMessage & PoolEvents[Name][0];

/** What each channel carries. */
export interface ChannelMessages {
  readonly acquire: AcquireTrace;
  readonly created: Told<'connectionCreated'>;
  readonly acquired: Told<'connectionAcquired'>;
  readonly released: Told<'connectionReleased'>;
  readonly destroyed: Told<'connectionDestroyed'>;
  readonly error: Told<'connectionError'>;
  readonly leaked: Told<'leaseLeaked'>;
  readonly drain: Told<'drain'>;
  readonly measure: MeasureMessage;
}
