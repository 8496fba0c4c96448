/**
 * A pool on `node:diagnostics_channel`, for tracers and loggers that know the channel and not the pool.
 *
 * @example
 * import { tracingChannel } from 'node:diagnostics_channel';
 * import { CHANNELS, publish } from '@forge/pool/node';
 *
 * publish(pool, { name: 'orders' });
 * tracingChannel(CHANNELS.acquire).subscribe({ error: ({ name, error }) => log.warn({ name, error }) });
 *
 * @module
 */
export {
  CHANNELS,
  type AcquireTrace,
  type ChannelMessages,
  type MeasureMessage,
  type PoolMessage,
} from './channels.ts';
export { publish, type PublishOptions } from './publish.ts';
